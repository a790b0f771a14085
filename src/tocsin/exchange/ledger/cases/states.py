"""The closed lists of cases, requests and notices, and what of each follows from what was signed. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from tocsin.exchange.cases import CaseHistory, CaseStanding
from tocsin.exchange.statements import CaseAct, CaseEntry
from tocsin.interface import N_


class CaseState(StrEnum):
    """What a case is to this node."""

    OURS = "ours"
    OFFERED = "offered"  # by us, and unanswered: it is ours
    OFFERED_TO_US = "offered-to-us"
    THEIRS = "theirs"
    JOINT = "joint"  # each side keeps its own
    REFUSED = "refused"  # as we offered it: it is ours


class MessageKind(StrEnum):
    """What a partner's message is."""

    REQUEST = "request"
    NOTICE = "notice"


class MessageState(StrEnum):
    """Where a request or notice is; answers are those of statements."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    PARTLY = "partly"
    LATER = "later"
    REFUSED = "refused"
    NOT_OURS = "not-ours"


OUTCOMES: Final[Mapping[str, str]] = {
    MessageState.DONE: N_("Done"),
    MessageState.PARTLY: N_("Done in part"),
    MessageState.LATER: N_("Later"),
    MessageState.REFUSED: N_("Refused"),
    MessageState.NOT_OURS: N_("Not responsible"),
}
"""What is answered to a request."""

ASKED_FOR: Final[Mapping[str, str]] = {
    "information": N_("Information"),
    "assistance": N_("Assistance"),
    "mitigation": N_("Mitigation"),
    "preservation": N_("Preservation of data"),
    "notice": N_("Partner notice"),
}
URGENCIES: Final[Mapping[str, str]] = {
    "low": N_("Low"), "normal": N_("Normal"), "high": N_("High"), "critical": N_("Critical"),
}  # fmt: skip
BASES: Final[Mapping[str, str]] = {"voluntary": N_("Voluntary"), "legal": N_("Legal")}
CASE_REFUSALS: Final[Mapping[str, str]] = {
    "capacity": N_("No capacity"),
    "not-ours": N_("Not ours"),
    "law": N_("Law"),
    "withdrawn": N_("It was withdrawn"),
    "other": N_("Another reason"),
}
"""Why a case is refused, by its code."""


OPEN_MESSAGES: Final = (MessageState.OPEN, MessageState.ACKNOWLEDGED, MessageState.PARTLY, MessageState.LATER)
"""The states that may get an answer; the others are final."""

CONSENT: Final = "consent"
"""What a request asks for where a source is asked whether an item may go on; statements call it information."""

CONSENT_DAYS: Final = 7
"""A source that has not answered for so long, where no other time was named, is a to-do item of whoever asks."""

ACKNOWLEDGE_WITHIN: Final[Mapping[str, timedelta]] = {
    "critical": timedelta(hours=1), "high": timedelta(hours=4), "normal": timedelta(days=1), "low": timedelta(days=3),
}  # fmt: skip
"""How soon a person acknowledges a request, by its urgency."""


OFFER_WAITS: Final = timedelta(days=7)
"""An offer of ours that nobody has answered for so long is a to-do item."""


def may_answer(asks: str, state: str, outcome: str) -> bool:
    """Whether a request in a state may get an answer: not after a final one; but who consented may withdraw that."""
    withdraws = asks == CONSENT and state == MessageState.DONE and outcome == MessageState.REFUSED
    return withdraws or state in OPEN_MESSAGES


def case_state(history: CaseHistory, node: UUID) -> CaseState:
    """What a case with this history is to a node."""
    standing = history.standing(node)
    if standing is CaseStanding.OFFERED:
        return CaseState.OFFERED
    if standing is CaseStanding.OFFERED_TO_US:
        return CaseState.OFFERED_TO_US
    last = history.entries[-1].said(CaseEntry)
    if last.act is CaseAct.ACCEPT and history.entries[-2].said(CaseEntry).joint:
        return CaseState.JOINT
    if standing is not CaseStanding.OURS:
        return CaseState.THEIRS
    return CaseState.REFUSED if last.act is CaseAct.REFUSE else CaseState.OURS


def acknowledge_by(urgency: str, answer_by: datetime | None, now: datetime) -> datetime:
    """When a request that came now should be acknowledged: not later than its answer is needed."""
    due = now + ACKNOWLEDGE_WITHIN[urgency]
    return min(due, max(answer_by, now)) if answer_by is not None else due
