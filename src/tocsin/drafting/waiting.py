"""Whose turn it is: what the next draft of a text waits for, and on whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.drafting.agreement import AgreementRow, ProvisionAgreement
from tocsin.drafting.draft import TextState
from tocsin.drafting.model import PositionKind
from tocsin.drafting.rebasing import outdated


class WaitingKind(StrEnum):
    """What is to be done next."""

    REBASE = "rebase"  # proposals on words that changed
    CONFIRM = "confirm"  # positions that were only inferred
    NAME_CHAIR = "name chair"
    DECIDE = "decide"  # contested provisions
    CLOSE = "close"  # the round, where all that is contested is decided


@dataclass(frozen=True)
class WaitingItem:
    """One thing that a text waits for: on whom (names of stakeholders, or the chair's), and how often."""

    kind: WaitingKind
    who: tuple[str, ...]
    count: int


def waiting_on(draft: TextState, rows: Sequence[AgreementRow]) -> tuple[WaitingItem, ...]:
    """What a text waits for, the chair's part first; ``rows``: its matrix. Pure."""
    chair = (draft.chair,) if draft.chair else ()
    open_rows = [
        row for row in rows if row.standing is ProvisionAgreement.CONTESTED and row.provision.id not in draft.decisions
    ]
    old = outdated(draft)
    unconfirmed = unconfirmed_positions(rows)
    found = [
        WaitingItem(WaitingKind.NAME_CHAIR, (), 0 if chair else len(open_rows)),
        WaitingItem(WaitingKind.DECIDE, chair, len(open_rows) if chair else 0),
        WaitingItem(WaitingKind.CLOSE, chair, 0 if open_rows else len(draft.decisions)),
        WaitingItem(WaitingKind.REBASE, _names(entry.stakeholder for entry in old), len(old)),
        WaitingItem(WaitingKind.CONFIRM, _names(unconfirmed.values()), len(unconfirmed)),
    ]
    return tuple(one for one in found if one.count)


def unconfirmed_positions(rows: Sequence[AgreementRow]) -> dict[str, str]:
    """The positions in force that were inferred and nobody confirmed: id → stakeholder."""
    return {
        position.id: name
        for row in rows
        for name, positions in row.cells.items()
        for position in positions
        if position.inferred and not position.confirmed and position.kind is not PositionKind.UNKNOWN
    }


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
