"""What the tables of the settings are made of."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """One table of the settings; a name that is not in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def split_words(value: object) -> object:
    """``"a, b"`` from the environment as a list; a list stays one."""
    return [word for part in value.split(",") if (word := part.strip())] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")]
Words = Annotated[tuple[str, ...], BeforeValidator(split_words)]
