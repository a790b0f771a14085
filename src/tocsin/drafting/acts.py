"""Everything that can happen to a text: one small record per act. A text's history is a list of them.

Ids of what an act makes are in the act itself, so that the same act means the same wherever it is replayed.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from tocsin.drafting.model import EntryClass, NegotiatedText, PositionKind


@dataclass(frozen=True)
class Import:
    """The text as it was read; always the first act."""

    text: NegotiatedText
    act: Literal["import"] = "import"


@dataclass(frozen=True)
class Propose:
    """A stakeholder's words for a provision, written on base ``generation``; ``reason``: why, in its own words."""

    id: str
    provision: str
    stakeholder: str
    organisations: tuple[str, ...]
    role: str | None
    text: str
    generation: int
    language: str = ""
    reason: str = ""
    act: Literal["propose"] = "propose"


@dataclass(frozen=True)
class Declare:
    """A stakeholder says what it wants of a provision or section, with or without words."""

    id: str
    provision: str
    stakeholder: str
    kind: PositionKind
    generation: int
    reason: str = ""
    entry: str | None = None
    target: str | None = None
    act: Literal["position"] = "position"


@dataclass(frozen=True)
class Confirm:
    """An inferred position is confirmed."""

    position: str
    act: Literal["confirm"] = "confirm"


@dataclass(frozen=True)
class CorrectPosition:
    """A position was read or recorded wrongly; ``reason`` says how we know."""

    position: str
    kind: PositionKind
    reason: str
    target: str | None = None
    act: Literal["correct-position"] = "correct-position"


@dataclass(frozen=True)
class CorrectEntry:
    """An entry was read wrongly; None leaves a field as it is."""

    entry: str
    reason: str
    text: str | None = None
    entry_class: EntryClass | None = None
    provision: str | None = None
    stakeholder: str | None = None
    role: str | None = None
    act: Literal["correct-entry"] = "correct-entry"


@dataclass(frozen=True)
class CorrectComment:
    """A comment was read wrongly; None leaves a field as it is."""

    comment: str
    reason: str
    author: str | None = None
    text: str | None = None
    act: Literal["correct-comment"] = "correct-comment"


@dataclass(frozen=True)
class AddComment:
    """A remark on a provision or section, perhaps on ``start`` to ``end`` of its base, by anybody."""

    id: str
    provision: str
    author: str
    text: str
    entry: str | None = None
    start: int | None = None
    end: int | None = None
    reply_to: str | None = None
    act: Literal["comment"] = "comment"


@dataclass(frozen=True)
class Relabel:
    """The printed label changes; the identity does not."""

    provision: str
    label: str
    act: Literal["relabel"] = "relabel"


@dataclass(frozen=True)
class MergeProvisions:
    """The words of ``provision`` are put behind those of ``into``; what was written on it stays on record."""

    provision: str
    into: str
    act: Literal["merge"] = "merge"


@dataclass(frozen=True)
class SplitProvision:
    """The base from character ``at`` on becomes the provision ``new``, printed after this one."""

    provision: str
    at: int
    new: str
    label: str
    act: Literal["split"] = "split"


@dataclass(frozen=True)
class Move:
    """The provision is printed after ``after``, or first in ``section`` when that is None."""

    provision: str
    section: str
    after: str | None
    act: Literal["move"] = "move"


@dataclass(frozen=True)
class New:
    """A provision is added to a section; without words until somebody's proposal for it is accepted."""

    id: str
    section: str
    label: str
    act: Literal["new"] = "new"


@dataclass(frozen=True)
class Delete:
    """The provision leaves the text; everything said about it stays on record."""

    provision: str
    reason: str
    act: Literal["delete"] = "delete"


@dataclass(frozen=True)
class Rebase:
    """The writer of an entry puts it on base ``generation`` with these words."""

    entry: str
    text: str
    generation: int
    act: Literal["rebase"] = "rebase"


@dataclass(frozen=True)
class AppointChair:
    """Who consolidates, and the public key (Ed25519, hexadecimal) that the steps are signed with."""

    name: str
    key: str
    act: Literal["chair"] = "chair"


@dataclass(frozen=True)
class Accept:
    """The chair takes an entry's words, or a position (delete, retain, support), for the next draft."""

    provision: str
    entry: str | None = None
    position: str | None = None
    act: Literal["accept"] = "accept"


@dataclass(frozen=True)
class Combine:
    """The chair's own wording out of several entries."""

    provision: str
    text: str
    entries: tuple[str, ...]
    act: Literal["combine"] = "combine"


@dataclass(frozen=True)
class PutInBrackets:
    """The chair leaves it open: ``text`` shows in brackets what is not agreed, ``entries`` whose words they are."""

    provision: str
    text: str
    entries: tuple[str, ...]
    act: Literal["bracket"] = "bracket"


@dataclass(frozen=True)
class Leave:
    """The chair leaves the base of a provision as it is."""

    provision: str
    act: Literal["leave"] = "leave"


@dataclass(frozen=True)
class Close:
    """The chair's decisions become the next base; what was written on the old one keeps the old one."""

    act: Literal["close"] = "close"


@dataclass(frozen=True)
class Restore:
    """The words of base ``generation`` become the next base: so a closed round is taken back that others built on."""

    generation: int
    act: Literal["restore"] = "restore"


@dataclass(frozen=True)
class Undo:
    """The text is as if step ``step`` had not happened; undoing an undo brings it back."""

    step: int
    act: Literal["undo"] = "undo"


# What people say of a text.
Contribution: TypeAlias = Propose | Declare | AddComment | Rebase

# How it was read, put right.
Correction: TypeAlias = Confirm | CorrectPosition | CorrectEntry | CorrectComment

# What changes the text itself.
Reshaping: TypeAlias = Relabel | MergeProvisions | SplitProvision | Move | New | Delete

# What only the chair does, and signs.
ChairAct: TypeAlias = AppointChair | Accept | Combine | PutInBrackets | Leave | Close | Restore

Act: TypeAlias = Annotated[Import | Contribution | Correction | Reshaping | ChairAct | Undo, Field(discriminator="act")]
