"""Markings: TLP 2.0 says who may see an item, PAP what they may do with it.

Sources: FIRST, Traffic Light Protocol, version 2.0; Permissible Actions Protocol, as in the MISP taxonomy "PAP".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Tlp(StrEnum):
    """The labels of TLP 2.0, from the widest audience to the narrowest."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"

    @property
    def rank(self) -> int:
        """How narrow the audience is: 0 for CLEAR to 4 for RED."""
        return _TLP_RANK[self]


class Pap(StrEnum):
    """The labels of PAP, from anything goes to nothing that can be noticed."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"

    @property
    def rank(self) -> int:
        """How little may be done: 0 for CLEAR to 3 for RED."""
        return _PAP_RANK[self]


_TLP_RANK = {label: rank for rank, label in enumerate(Tlp)}
_PAP_RANK = {label: rank for rank, label in enumerate(Pap)}


@dataclass(frozen=True, slots=True)
class Marking:
    """The labels of an item; ``pap`` None: its source set no limit on what is done with it."""

    tlp: Tlp
    pap: Pap | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """``TLP:AMBER``, ``PAP:GREEN``; what is not said is left out."""
        return (f"TLP:{self.tlp}", *([f"PAP:{self.pap}"] if self.pap else []))


def read_tlp(text: str | None) -> Tlp:
    """The label that a text names: with or without ``TLP:``, in any case; ``WHITE`` is TLP 1's CLEAR.

    No label is read as AMBER+STRICT, since a feed that says nothing promised nothing. A label that TLP 2.0 does not
    have is read as RED, since it may mean anything.
    """
    label = _bare(text, "TLP:")
    if not label:
        return Tlp.AMBER_STRICT
    return _TLP.get(label, Tlp.RED)


def read_pap(text: str | None) -> Pap | None:
    """The label that a text names, as `read_tlp`: None where there is none, RED for an unknown one.

    Whoever is told is not held to a limit that nobody set: PAP:AMBER forbids blocking the server that a bot calls.
    What we do ourselves is asked of `may_act`, which is strict.
    """
    label = _bare(text, "PAP:")
    return _PAP.get(label, Pap.RED) if label else None


def read_marking(tlp: str | None, pap: str | None) -> Marking:
    """The marking that two texts name."""
    return Marking(read_tlp(tlp), read_pap(pap))


def highest(markings: Iterable[Marking]) -> Marking:
    """The marking of the whole: the narrowest audience and the fewest actions that any of its parts says.

    Raises:
        ValueError: there are no parts.

    """
    parts = list(markings)
    return Marking(
        max((part.tlp for part in parts), key=lambda label: label.rank),
        max((part.pap for part in parts if part.pap), key=lambda label: label.rank, default=None),
    )


_TLP = {**{label.value: label for label in Tlp}, "WHITE": Tlp.CLEAR}
_PAP = {**{label.value: label for label in Pap}, "WHITE": Pap.CLEAR}


def _bare(text: str | None, prefix: str) -> str:
    return (text or "").strip().upper().removeprefix(prefix)
