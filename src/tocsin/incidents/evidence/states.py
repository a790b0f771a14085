"""The closed lists of evidence, and which step of custody may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class EvidenceKind(StrEnum):
    """What an item of evidence is."""

    FILE = "file"  # a log, a mail, a sample, a picture
    IMAGE = "image"  # of a disk or of memory, kept elsewhere
    DEVICE = "device"  # a disk, a telephone, a computer
    BAG = "bag"  # sealed, with what is in it
    PAPER = "paper"


EVIDENCE_KINDS: Final[Mapping[str, str]] = {
    EvidenceKind.FILE: N_("File"),
    EvidenceKind.IMAGE: N_("Disk image"),
    EvidenceKind.DEVICE: N_("Device"),
    EvidenceKind.BAG: N_("Sealed bag"),
    EvidenceKind.PAPER: N_("Paper"),
}


class EvidenceState(StrEnum):
    """Where an item is."""

    HELD = "held"  # here
    HANDED = "handed"  # with somebody else
    RETURNED = "returned"  # with whose it is
    DESTROYED = "destroyed"


class CustodyStep(StrEnum):
    """What happened to an item: an entry of the chain of custody."""

    RECEIVED = "received"
    COPIED = "copied"
    MOVED = "moved"  # to another place, or under another seal
    HANDED = "handed"
    RETURNED = "returned"
    DESTROYED = "destroyed"


CUSTODY_STEPS: Final[Mapping[str, str]] = {
    CustodyStep.RECEIVED: N_("Received"),
    CustodyStep.COPIED: N_("Copied"),
    CustodyStep.MOVED: N_("Moved"),
    CustodyStep.HANDED: N_("Handed to others"),
    CustodyStep.RETURNED: N_("Returned"),
}
"""The steps that a person records; destroying is an act of its own."""


_AFTER: Final[Mapping[CustodyStep, EvidenceState]] = {
    CustodyStep.RECEIVED: EvidenceState.HELD,
    CustodyStep.HANDED: EvidenceState.HANDED,
    CustodyStep.RETURNED: EvidenceState.RETURNED,
    CustodyStep.DESTROYED: EvidenceState.DESTROYED,
}


def state_after(state: EvidenceState, step: CustodyStep, *, kept: bool) -> EvidenceState | None:
    """Where an item is after a step; None: the step cannot follow. ``kept``: its bytes are here.

    What is destroyed stays so. What is with somebody else can come back, and nothing else. Of a file that is kept, a
    copy is handed over, so it stays here.
    """
    if state is EvidenceState.DESTROYED:
        return None
    if kept and step in {CustodyStep.HANDED, CustodyStep.RETURNED}:
        return state
    if state is not EvidenceState.HELD and step is not CustodyStep.RECEIVED:
        return None
    return _AFTER.get(step, state)
