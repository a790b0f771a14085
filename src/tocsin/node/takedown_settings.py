"""The settings of take-downs: what may be asked of outsiders, and how long we wait."""

from pydantic import Field

from tocsin.node.section import Section, Words


class TakedownSettings(Section):
    """How content is taken down. Registries are asked over RDAP only where ``directory.rdap`` is set."""

    remind_days: int = Field(
        3, ge=1, le=365, description="So many days after a letter or a look at it, a take-down is a to-do item."
    )
    basis: str = Field(
        "",
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f{}]*$",
        description="The law or terms by which your team asks for a take-down; letters say it unless one has its own.",
    )
    browser_lists: Words = Field(
        (), description="Keys of teams of the directory that keep lists of what browsers warn of."
    )
    dns: bool = Field(
        default=False, description="Ask DNS where a name is hosted, when a person asks, where PAP allows."
    )
    fetch: bool = Field(
        default=False,
        description="This node may itself look whether content is still there, when a person asks and PAP allows it.",
    )
