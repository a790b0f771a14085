"""What acts on the directory are asked, and what they give back."""

from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from tocsin.directory.model import MUTE_KINDS, ROLES, TEAM_KINDS, MuteKind, ResponsibilityRole, TeamKind
from tocsin.interface import N_, Wording

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_LINE)]
_Team = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_LINE)]
_Reason = Annotated[
    _Line,
    Wording(lacking=N_("Give a reason, in one line: the history keeps it.")),
    Field(title=N_("Reason"), description="Why, in one line."),
]
_TeamNamed = Annotated[_Team, Field(title=N_("Team"), description="The key or UUID of a team.")]
_THINGS: Final = {
    "prefix": N_("network"), "asn": N_("AS"), "domain": N_("domain"), "country": N_("country"),
    "mailbox": N_("email address"),
}  # fmt: skip
_VALUE: Final = "A network, AS number, domain, country code or email address."
_NO_END: Final = N_("Choose until when it is muted.")


class ContestedValue(BaseModel):
    """What is contested, and why it is decided so."""

    value: _Line = Field(title=N_("Value"), description=_VALUE, examples=["192.0.2.0/24"])
    reason: _Reason


class Holders(ContestedValue):
    """Whose it is: of these teams, or of all that claim it."""

    reason: Annotated[_Reason, Wording(hint=N_("Contact lookups and the history show it."))]
    teams: Annotated[tuple[_Team, ...], Wording("--for", choices="teams")] = Field(
        (), max_length=100, title=N_("Assign to"), description="A team that holds it; may be given again."
    )
    both: Annotated[bool, Wording(hint=N_("All stay notified, and the conflict is closed."))] = Field(
        default=False, title=N_("All claimants"), description="All that claim it hold it."
    )


class TeamsThatAreOne(BaseModel):
    """Two teams that are one."""

    keep: _Team = Field(title=N_("Merge into"), description="The team that stays, by key or UUID.")
    team: _Team = Field(title=N_("Team"), description="The team that becomes it; its key and UUID go on to name it.")
    reason: _Reason


class MergedTeam(BaseModel):
    """A team that was merged into another."""

    team: _Team = Field(title=N_("Team"), description="The team that was merged into another, by its own key or UUID.")


class TeamsApart(BaseModel):
    """Two teams that are not one."""

    one: _Team = Field(title=N_("Team"), description="A team, by key or UUID.")
    other: _Team = Field(title=N_("Another team"), description="Another team.")
    reason: _Reason


class Thing(BaseModel):
    """Something that may be a team's."""

    team: _TeamNamed
    kind: Annotated[_Line, Wording(choices=_THINGS)] = Field(
        title=N_("Kind"), description="'prefix', 'asn', 'domain', 'country' or 'mailbox'.", examples=["prefix"]
    )
    value: _Line = Field(title=N_("Value"), description="The network, AS number, domain, country code or address.")


class ThingDenied(Thing):
    """Something that is not a team's."""

    reason: Annotated[
        str, Wording(hint=N_("Such as: confirmed by the operator, ticket 4711. Contact lookups show it."))
    ] = Field("", max_length=500, title=N_("Reason"), description="Why, in one line; every explanation shows it.")


class ThingAsserted(ThingDenied):
    """Something that is a team's."""

    role: Annotated[ResponsibilityRole, Wording(choices=ROLES)] = Field(
        ResponsibilityRole.RESPONSIBLE, title=N_("Role"),
        description="responsible, or informed: it only wants to know.",
    )  # fmt: skip
    confidence: int | None = Field(
        None, ge=0, le=100, title=N_("Confidence, 0 to 100"), description="How sure, 0 to 100."
    )
    beside: Annotated[bool, Wording(hint=N_("Without this, they are overruled."))] = Field(
        default=False, title=N_("Keep imports that say otherwise"),
        description="Keep imports that say otherwise of it, or of a part of it.",
    )  # fmt: skip


class ThingWithdrawn(Thing):
    """Something that was said of a team."""

    said_by: str = Field("", max_length=500, title=N_("Person"), description="Take back only the word of this person.")


class TeamFact(BaseModel):
    """What a team is: a field or list, its values, and more of each value."""

    team: _TeamNamed
    field: _Line = Field(
        title=N_("Field"), description="A field or list of a team, as docs/directory.md names it.", examples=["hours"]
    )
    values: tuple[Annotated[str, StringConstraints(max_length=10_000)], ...] = Field(
        (), max_length=100, title=N_("Value"), description="Its values, as a CSV cell has them."
    )
    detail: tuple[_Line, ...] = Field(
        (), max_length=100, title=N_("Details"),
        description="More of each value, NAME=TEXT, such as expires=2027-12-31.",
    )  # fmt: skip
    clear: bool = Field(
        default=False, title=N_("Withdraw earlier statements"), description="Take the word back: imports hold again."
    )


class TeamFactSaid(BaseModel):
    """What was understood."""

    team: str
    field: str
    values: list[str]
    said_by: str


class TeamDetails(BaseModel):
    """What a team is called and where it is: what is given changes, all of it at once."""

    team: _TeamNamed
    name: _Line | None = Field(None, title=N_("Name"), description="Its name.")
    organisation: str | None = Field(
        None, max_length=500, pattern=_LINE, title=N_("Organisation"), description="The organisation it belongs to."
    )
    kind: Annotated[TeamKind | None, Wording(choices=TEAM_KINDS)] = Field(
        None, title=N_("Kind of team"), description="What sort of team it is."
    )
    country: Annotated[str | None, Wording(choices="countries", nothing=N_("none, or several"))] = Field(
        None, max_length=2, title=N_("Country"), description="Country code (ISO 3166-1); empty for none."
    )
    language: _Line | None = Field(
        None, title=N_("Language of notifications"), description="Language of its notifications (BCP 47)."
    )
    timezone: _Line | None = Field(
        None, title=N_("Time zone"), description="Time zone (IANA), such as Indian/Mauritius."
    )


class TeamArchived(BaseModel):
    """Which team is archived, and why."""

    team: _TeamNamed
    reason: _Reason


class TeamNamed(BaseModel):
    """A team."""

    team: _TeamNamed


class TeamEdited(BaseModel):
    """What changed; no field where everything was so already."""

    team: str
    changed: list[str]


class TriedLines(BaseModel):
    """Telephone numbers and pages of a team that a person tried."""

    team: _TeamNamed
    values: tuple[_Line, ...] = Field(
        (), max_length=100, title=N_("By phone"), description="The numbers and pages; none: all that it has."
    )


class ConfirmedLines(BaseModel):
    """What is confirmed now."""

    team: str
    values: list[str]


class Apart(BaseModel):
    """The keys of two teams that are not one."""

    apart: list[str]


class Withdrawn(BaseModel):
    """The number of a decision that holds no more."""

    withdrawn: int


class MuteTarget(BaseModel):
    """Something that is muted for a team."""

    team: _TeamNamed
    kind: Annotated[
        MuteKind,
        Wording(lacking=N_("Choose what is muted: a network, an identifier or a type."), choices=MUTE_KINDS),
    ] = Field(title=N_("Kind"), description="prefix, identifier or type.")
    value: _Line = Field(
        title=N_("Network, identifier or type"),
        description="A network, an identifier like open-rdp, or a type like scanner.",
    )


class MuteRequest(MuteTarget):
    """Until when, and why."""

    until: Annotated[date | None, Wording(lacking=_NO_END)] = Field(
        None, title=N_("Until the start of"), description="Until this day, YYYY-MM-DD, UTC."
    )
    days: int | None = Field(
        None, ge=1, le=3_650, title=N_("Duration"), description="For so many days, instead of --until."
    )
    reason: str = Field("", max_length=500, pattern=_LINE, title=N_("Reason"), description="Why, in one line.")

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.until is None) is (self.days is None):
            raise ValueError(_NO_END)
        return self


class MuteState(BaseModel):
    """What is muted for a team, until when; ``until`` is null where it is not muted any more."""

    team: str
    kind: MuteKind
    value: str
    until: datetime | None
