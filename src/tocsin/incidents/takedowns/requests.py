"""What is asked for when content shall be taken down: the requests of the acts."""

from typing import Annotated, Final, Literal

from pydantic import Field

from tocsin.incidents.act_parts import LINE, HappenedAt, IncidentAddition, OwnMarkingName, Reason
from tocsin.incidents.takedowns.states import (
    SIGHTINGS,
    TAKEDOWN_GROUNDS,
    TAKEDOWN_ROLES,
    ContentState,
    TakedownGround,
    TakedownRole,
)
from tocsin.interface import N_, Number, Wording

MOST: Final = 500
"""So many take-downs are of one act."""

_PAPS: Final = {one: f"PAP:{one}" for one in ("AMBER", "CLEAR", "GREEN", "RED")}
_How = Annotated[
    str,
    Field(
        min_length=1, max_length=300, pattern=LINE,
        title=N_("How it was seen, such as: opened in an isolated browser"),
    ),
    Wording(lacking=N_("Say how it was seen.")),
]  # fmt: skip
_From = Annotated[
    str,
    Field(
        max_length=200, pattern=LINE, title=N_("Seen from (network or country)"),
        description="From where it was seen, such as a network or country.",
    ),
]  # fmt: skip


class NewTakedowns(IncidentAddition):
    """What shall be taken down, and why."""

    text: Annotated[str, Wording(lines=True)] = Field(
        "", max_length=100_000, title=N_("URLs, names and addresses, a line each"),
        description="URLs, names and addresses, a line each, defanged or not; an address beside a name says where it "
        "is hosted. Without it: the indicators of the incident.",
        examples=["hxxps://login[.]example/pay 192.0.2.7"],
    )  # fmt: skip
    ground: Annotated[TakedownGround, Wording(choices=TAKEDOWN_GROUNDS)] = Field(
        title=N_("Used for"), description="What it is used for: phishing, malware and so on."
    )
    necessity: Annotated[
        str,
        Wording(
            lacking=N_("Say why it must be taken down."),
            hint=N_("The mails say it, in the words that you write here."),
        ),
    ] = Field(
        min_length=1, max_length=1_000, pattern=LINE, title=N_("Why it must be taken down"),
        description="Why it must go, as the mail will say.",
        examples=["It takes passwords of customers of a bank."],
    )  # fmt: skip
    basis: Annotated[
        str,
        Wording(
            hint=N_("The mails say it: the law that you act under, or the terms of service that it breaks."),
        ),
    ] = Field(
        "", max_length=500, pattern=LINE, title=N_("Law or terms"),
        description="The law or terms that the mail names; without it, that of the settings.",
    )  # fmt: skip
    how: _How = Field(description="How it was seen, as the mail will say.", examples=["reported by a bank"])
    place: _From = ""
    pap: Annotated[
        Literal["CLEAR", "GREEN", "AMBER", "RED"],
        Wording(choices=_PAPS, hint=N_("Under PAP:RED nobody is asked about it, and nobody is written to.")),
    ] = Field("AMBER", title=N_("What may be done with it (PAP)"), description="What may be done with it (PAP).")


class TakedownsNamed(IncidentAddition):
    """Which take-downs of an incident."""

    takedowns: Annotated[tuple[Number, ...], Wording(lacking=N_("Choose at least one take-down."), hidden=True)] = (
        Field(min_length=1, max_length=MOST, title=N_("Take-downs"), description="The numbers of the take-downs.")
    )


class TakedownRequest(TakedownsNamed):
    """Whom to ask for it."""

    role: Annotated[TakedownRole, Wording(option="--to", choices=TAKEDOWN_ROLES)] = Field(
        TakedownRole.HOST, title=N_("Role"), description="Whom: host, registrar, upstream, csirt or browser-list."
    )
    tlp: OwnMarkingName = Field(None, description="Marking of the mail; without it, that of the incident.")


class TakedownReminder(TakedownsNamed):
    """Who was asked last is asked again."""

    tlp: OwnMarkingName = Field(None, description="Marking of the mail; without it, that of the incident.")


class TakedownSeen(TakedownsNamed):
    """What was seen of it."""

    seen: Annotated[ContentState, Wording(choices=SIGHTINGS)] = Field(
        title=N_("What was seen"), description="up, gone, changed or unknown."
    )
    how: _How = Field(description="How it was seen.", examples=["opened in a browser"])
    place: _From = ""
    happened_at: Annotated[HappenedAt, Wording(option="--at")] = Field(None, description="When, if not now.")


class TakedownReason(TakedownsNamed):
    """Which, and why."""

    reason: Reason = Field(
        min_length=1, max_length=1_000, pattern=LINE, description="Why, in the words of who says it."
    )
