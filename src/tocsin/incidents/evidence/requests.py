"""What is asked for when evidence is added, moved, destroyed or held: the requests of the acts."""

from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from tocsin.incidents.act_parts import (
    LINE,
    HappenedAt,
    IncidentAddition,
    IncidentNamed,
    OwnMarking,
    Reason,
)
from tocsin.incidents.evidence.states import CUSTODY_STEPS, EVIDENCE_KINDS, CustodyStep, EvidenceKind
from tocsin.interface import N_, Moment, Wording

_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_ITEM: Final = "The number of the item."
_LINE: Final[Any] = partial(Field, "", max_length=300, pattern=LINE)
_How = Annotated[
    str,
    Field(title=N_("How it was handed over")),
    Wording(hint=N_("By hand, by courier, as a copy made with a tool")),
]
_At = Annotated[HappenedAt, Wording(option="--at")]


class EvidenceSource(OwnMarking, IncidentAddition):
    """Where evidence came from."""

    received_from: str = _LINE(
        title=N_("Received from"), description="Whom it was received from.", examples=["A. Diop, Lagoon Hospital"]
    )
    how: _How = _LINE(description="How: by hand, by courier, by mail, as a copy made with which tool.")
    happened_at: _At = Field(None, description="When it was received, if not now.")
    seal: str = _LINE(title=N_("Seal number"), description="The number of the seal.")
    place: str = _LINE(title=N_("Place"), description="Where it is kept.")


class NewEvidence(EvidenceSource):
    """An item that is kept elsewhere: a disk, a bag, an image that is too large; of bytes, their hash is noted."""

    name: Annotated[str, Wording(lacking=N_("Write what it is."))] = Field(
        min_length=1, max_length=300, pattern=LINE, title=N_("What it is"), description="What it is.",
        examples=["Disk of the mail server"],
    )  # fmt: skip
    kind: Annotated[EvidenceKind, Wording(choices=EVIDENCE_KINDS)] = Field(
        EvidenceKind.DEVICE, title=N_("Kind"), description="file, image, device, bag or paper."
    )
    sha256: Annotated[
        str,
        Wording(
            lacking=N_("A SHA-256 is 64 hexadecimal digits."),
            hint=N_("Of its bytes, in hexadecimal; empty for what has none."),
        ),
    ] = Field(
        "", pattern=r"^([0-9a-fA-F]{64})?$", title="SHA-256", description="The SHA-256 of its bytes, in hexadecimal."
    )
    size: int | None = Field(None, ge=0, le=2**62, title=N_("Bytes"), description="How many bytes it has.")


class EvidenceFromReport(EvidenceSource):
    """A report of the inbox, whose files and mails become evidence."""

    report: Annotated[str, Wording(lacking=N_("Write the reference of a report."), order=-1)] = Field(
        min_length=1, max_length=40, title=N_("Reference of the report"),
        description="The reference of a report of the inbox that is in this incident.",
    )  # fmt: skip


class EvidenceFromMail(EvidenceSource):
    """A mail of a party, which becomes evidence as it came."""

    party: Annotated[_Number, Wording(hidden=True)] = Field(title=N_("Party"), description="The number of the party.")
    mail: Annotated[_Number, Wording(choices="mails", order=-1)] = Field(
        title=N_("Mail"), description="The number of the mail."
    )


class EvidenceNamed(IncidentNamed):
    """Which item."""

    evidence: _Number = Field(title=N_("Item"), description=_ITEM)


class CustodyChange(IncidentAddition):
    """A step in the chain of custody of an item."""

    evidence: _Number = Field(title=N_("Item"), description=_ITEM)
    step: Annotated[CustodyStep, Wording(choices=CUSTODY_STEPS)] = Field(
        title=N_("Step"), description="received, copied, moved, handed or returned."
    )
    person: str = _LINE(title=N_("From whom, or to whom"), description="From whom, or to whom.")
    how: _How = _LINE(description="How.")
    seal: str = _LINE(title=N_("Seal number"), description="The number of the new seal; empty: as before.")
    place: str = _LINE(
        title=N_("Place"), description="The new place; empty: as before, and not known of what is handed over."
    )
    happened_at: _At = Field(None, description="When, if not now.")


class Destruction(EvidenceNamed):
    """An item that is destroyed, and why."""

    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why.")


class NewHold(IncidentAddition):
    """An order that nothing of an incident may be deleted."""

    ordered_by: Annotated[str, Wording(lacking=N_("Write who ordered it."))] = Field(
        min_length=1, max_length=300, pattern=LINE, title=N_("Ordered by"), description="Who ordered it.",
        examples=["Public prosecutor"],
    )  # fmt: skip
    order_reference: Annotated[str, Wording(option="--order")] = _LINE(
        title=N_("Reference of the order"), description="Their reference of the order."
    )
    until: Moment | None = Field(
        None, title=N_("Until (UTC); empty: until it is lifted"),
        description="Until when; without it, until it is lifted.",
    )  # fmt: skip


class HoldNamed(IncidentNamed):
    """Which legal hold ends, and why."""

    hold: _Number = Field(title=N_("Legal hold"), description="The number of the hold.")
    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why it ends.")
