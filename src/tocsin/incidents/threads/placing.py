"""To which thread a mail belongs: given what its address, its headers and its sender say, a decision. Pure.

In the order of belief: the token in its address, the mail of ours that it answers, the mails that it names, the
incident that its subject names. docs/design/incident-mails.md says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin.delivery.mailbox import MailKind
from tocsin.incidents.threads.states import MatchedBy, ThreadMailState
from tocsin.node.sentences import say

BY_PROGRAMS: Final = (MailKind.AUTOMATIC, MailKind.RECEIPT, MailKind.BOUNCE)
"""What is never answered, and opens nothing."""


@dataclass(frozen=True, slots=True)
class ThreadCandidate:
    """A thread that a mail may belong to. ``knows``: the sender is the party's; ``full``: it had its mails of a day."""

    thread: int
    knows: bool
    full: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """The thread of a mail, and what becomes of the mail there; ``why``: what a person must know of it, or empty."""

    thread: int
    state: ThreadMailState
    by: MatchedBy
    why: str = ""


def place(kind: MailKind, found: Mapping[MatchedBy, Sequence[ThreadCandidate]]) -> Placement | None:
    """Where a mail belongs; None: to no thread. ``found``: the candidates by each sign."""
    for by in MatchedBy:
        candidates = found.get(by, ())
        if by is MatchedBy.SUBJECT:  # anybody can write it
            candidates = [one for one in candidates if one.knows]
            candidates = candidates if len(candidates) == 1 and kind not in BY_PROGRAMS else []
        if candidates:
            return _placed(kind, by, candidates, found)
    return None


def _placed(
    kind: MailKind,
    by: MatchedBy,
    candidates: Sequence[ThreadCandidate],
    found: Mapping[MatchedBy, Sequence[ThreadCandidate]],
) -> Placement:
    one = candidates[0]
    if kind in BY_PROGRAMS:
        return Placement(one.thread, ThreadMailState.AUTOMATIC, by)
    if one.full:
        return Placement(
            one.thread, ThreadMailState.OVER_LIMIT, by, say("More mails came in a day than one may bring.")
        )
    if doubt := _doubt(by, candidates, found):
        return Placement(one.thread, ThreadMailState.UNCERTAIN, by, doubt)
    return Placement(one.thread, ThreadMailState.PLACED, by)


def _doubt(
    by: MatchedBy,
    candidates: Sequence[ThreadCandidate],
    found: Mapping[MatchedBy, Sequence[ThreadCandidate]],
) -> str:
    one = candidates[0]
    if len(candidates) > 1:
        return say("It belongs to several threads at once.")
    if not one.knows:
        return say("Its sender is not known as the party's.")
    answered = found.get(MatchedBy.ANSWER, ())
    if by is MatchedBy.TOKEN and answered and all(other.thread != one.thread for other in answered):
        return say("Its address is of one thread, and the mail that it answers of another.")
    return ""
