"""The settings of duty: the ways by which people are called, beside mail."""

from typing import Literal

from pydantic import Field

from tocsin.node.section import Section


class DutySettings(Section):
    """How people on duty are called; who and when is said by rules on the pages."""

    phone: str = Field(
        "", pattern=r"^(\+?[0-9][0-9 ()./-]{0,38})?$", description="The number that a call-out says to ring, or empty."
    )
    webhook: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
        description="The address in the own network that call-outs are posted to; empty: none. No other is ever asked.",
    )
    webhook_secret_file: str = Field(
        "",
        description="File that holds the secret by which it is signed (a relative path: in the home folder).",
    )
    sms_folder: str = Field(
        "", description="The folder in which the SMS server finds messages to send; empty: no SMS is sent."
    )
    sms_incoming: str = Field(
        "", description="The folder in which it puts messages that came; empty: no SMS acknowledges."
    )
    sms_format: Literal["smstools", "gammu"] = Field(
        "smstools", description="How it wants them: 'smstools' (smstools3), or 'gammu' (gammu-smsd with files)."
    )
