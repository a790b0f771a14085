"""What the tables of the settings are made of."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """One table of the settings; a name that is not in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def split_words(value: object) -> object:
    """``"a, b"`` from the environment as a list; a list stays one."""
    return [word for part in value.split(",") if (word := part.strip())] if isinstance(value, str) else value


def check_zone(name: str) -> str:
    """The name of a time zone that is there, or an empty text."""
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}'; take one such as Indian/Mauritius") from None
    return name


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")]
Words = Annotated[tuple[str, ...], BeforeValidator(split_words)]
Zone = Annotated[str, AfterValidator(check_zone)]
