"""The settings of a standby machine."""

from typing import Self

from pydantic import Field, model_validator

from tocsin.node.section import Section, Words


class StandbySettings(Section):
    """A second machine that follows by encrypted copies: docs/operate.md, A second machine."""

    folder: str = Field(
        "",
        pattern=r"^(/.*)?$",
        description="The folder that both machines see, by its full path; empty: there is no standby machine.",
    )
    to: Words = Field(
        (),
        description="The OpenPGP keys that copies are encrypted to, named as in backup_to; best one of each machine.",
    )
    minutes: int = Field(5, ge=1, le=1440, description="A copy is made after so many minutes, sooner where mails wait.")

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if self.folder and not self.to:
            raise ValueError("'to' must name a key where there is a 'folder'")
        return self
