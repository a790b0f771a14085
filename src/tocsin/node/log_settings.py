"""The settings of the log."""

from typing import Literal

from pydantic import Field

from tocsin.node.section import Section


class LogSettings(Section):
    """The log: a line for each request, piece of work, reading of what came from outside, and mail."""

    form: Literal["text", "json", "off"] = Field(
        "text",
        description="'text': key=value; 'json': one object a line; 'off': only warnings and errors. Never content.",
    )
    file: str = Field(
        "",
        pattern=r"^(/[^\x00-\x1f]*)?$",
        description="The whole path of a file that lines are added to, those of commands, too; empty: servers write "
        "to stderr, commands nothing.",
    )
