"""One file that carries a text with its whole history to a place without a link, and back.

Only people's words travel back by themselves: proposals, positions, comments, corrections. What changes the text itself
(labels, order, merges, the chair's decisions) is left aside with its reason, since the text has gone on meanwhile and
nobody but the secretariat can say whether it still fits.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from tocsin.drafting import acts
from tocsin.drafting.classify import CONTROL
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, canonical, extended, replayed, undone_steps, verify
from tocsin.drafting.positions import states_only
from tocsin.drafting.stored_text import StoredText
from tocsin.node.errors import ConflictError, InputError, NotFoundError

FORMAT = "tocsin-draft/1"
LARGEST_BYTES = 256_000_000


@dataclass(frozen=True)
class MergePreview:
    """What merging a copy would do: new steps, what was left aside and why, where words now stand side by side."""

    steps: tuple[HistoryStep, ...]
    draft: TextState
    known: int
    left_aside: tuple[tuple[HistoryStep, str], ...]
    conflicts: tuple[str, ...]


class _Bundle(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    id: UUID
    name: str
    source: str
    steps: tuple[HistoryStep, ...]


def is_bundle(data: bytes) -> bool:
    """Whether a file claims to be a bundle."""
    return data[:40].lstrip().startswith(b'{"format":"tocsin-draft/')


def write_bundle(stored: StoredText, source: bytes) -> bytes:
    """A text with its history as one JSON file."""
    bundle = _Bundle(
        format=FORMAT,
        id=UUID(stored.id),
        name=stored.name,
        source=base64.b64encode(source).decode(),
        steps=stored.steps,
    )
    document = bundle.model_dump(mode="json")
    first = {"format": document.pop("format")}
    return (json.dumps(first)[:-1].replace(": ", ":") + "," + canonical(document)[1:]).encode()


def read_bundle(data: bytes) -> tuple[StoredText, bytes]:
    """The text and its source, after replaying and checking every step.

    Raises:
        InputError: too large, not a bundle, or changed after it was written.

    """
    if len(data) > LARGEST_BYTES:
        raise InputError(f"The file has {len(data):,} bytes; at most {LARGEST_BYTES:,} are read.")
    try:
        bundle = _Bundle.model_validate_json(data)
        source = base64.b64decode(bundle.source, validate=True)
    except (ValidationError, ValueError, RecursionError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"This file is no copy of a text: {what}.", hint="Make one with: tocsin drafting bundle TEXT --out FILE."
        ) from error
    if bundle.format != FORMAT:
        raise InputError(f"The copy is of format {bundle.format}; this version reads {FORMAT}.")
    if not bundle.steps:
        raise InputError("The copy holds no history.")
    verify(bundle.steps)
    text = replayed(bundle.steps, upto=1).text
    if hashlib.sha256(source).hexdigest() != text.source.sha256:
        raise InputError("The source in the copy is not the one that the text was read from.")
    if CONTROL.search(bundle.name) or not 0 < len(bundle.name) <= 200:
        raise InputError("The copy has a name that cannot be used.", hint="Give it one with --name.")
    return StoredText(
        str(bundle.id), bundle.name, text.title, text.source.name, text.source.sha256, bundle.steps
    ), source


def merged(ours: StoredText, theirs: StoredText) -> MergePreview:
    """What a copy adds to a text; both stay as they are. Merging twice adds nothing the second time.

    Raises:
        InputError: it is a copy of another text, or shares no history with it.

    """
    if ours.id != theirs.id:
        raise InputError(
            f"This is a copy of another text ('{theirs.name}').", hint="Import it under a name of its own."
        )
    fork = _fork(ours.steps, theirs.steps)
    if fork == 0:
        raise InputError("The copy and the text here have no step in common.")
    known = {step.hash for step in ours.steps} | {step.origin for step in ours.steps if step.origin}
    undone = undone_steps(theirs.steps)
    fresh = [step for step in theirs.steps[fork:] if step.hash not in known and step.origin not in known]
    steps = list(ours.steps)
    draft = replayed(steps)
    left: list[tuple[HistoryStep, str]] = []
    conflicts: list[str] = []
    renamed: dict[str, str] = {}
    for step in fresh:
        act = step.act()
        if reason := _stays(step, act, undone, theirs.steps, fork):
            left.append((step, reason))
            continue
        act = _renamed(act, renamed, draft)
        conflicts += _conflicts(act, draft, ours.steps[fork:])
        try:
            made, draft = extended(steps, act, actor=step.actor, at=step.at, origin=step.hash, draft=draft)
        except (ConflictError, NotFoundError) as error:
            left.append((step, str(error)))
            draft = replayed(steps)
            continue
        steps.append(made)
    added = tuple(steps[len(ours.steps) :])
    return MergePreview(
        added, draft, len(theirs.steps) - fork - len(fresh), tuple(left), tuple(dict.fromkeys(conflicts))
    )


def copied(stored: StoredText, name: str | None) -> StoredText:
    """The same text under another local name."""
    return stored if name is None else replace(stored, name=name)


def _fork(ours: Sequence[HistoryStep], theirs: Sequence[HistoryStep]) -> int:
    """How many steps both begin with."""
    same = takewhile(lambda pair: pair[0].hash == pair[1].hash, zip(ours, theirs, strict=False))
    return sum(1 for _ in same)


def _stays(step: HistoryStep, act: acts.Act, undone: set[int], theirs: Sequence[HistoryStep], fork: int) -> str | None:
    """Why a step does not travel by itself; None when it does. A step undone in the copy needs no word."""
    if step.seq in undone:
        return "it was undone in the copy"
    if isinstance(act, acts.Undo):
        if act.step > fork:
            return "what it undoes was left out with it"
        return f"it undoes step {act.step} ({theirs[act.step - 1].act().act}) of the common history"
    if not isinstance(act, acts.Contribution | acts.Correction | acts.New):
        return "it changes the text itself; do it here if it still fits"
    return None


def _renamed(act: acts.Act, renamed: dict[str, str], draft: TextState) -> acts.Act:
    """The act with provision ids that were taken here meanwhile replaced by free ones; "Support." is a position."""
    if isinstance(act, acts.New):
        free = free_id(draft, act.id)
        renamed[act.id] = free
        return replace(act, id=free)
    if isinstance(act, acts.Propose | acts.Declare | acts.AddComment) and act.provision in renamed:
        act = replace(act, provision=renamed[act.provision])
    if isinstance(act, acts.Propose) and (kind := states_only(act.text)):
        return acts.Declare(act.id, act.provision, act.stakeholder, kind, act.generation, act.text.strip())
    return act


def free_id(draft: TextState, wanted: str) -> str:
    """``wanted``, or with "#2", "#3", … behind it the first that no provision of the text ever had."""
    stem = wanted.split("#", 1)[0]
    names = [wanted, *(f"{stem}#{number}" for number in range(2, len(draft.provisions) + 3))]
    return next(name for name in names if name not in draft.provisions)


def _conflicts(act: acts.Act, draft: TextState, since: Sequence[HistoryStep]) -> list[str]:
    if not isinstance(act, acts.Propose):
        return []
    found: list[str] = []
    others = [
        given.stakeholder
        for step in since
        if isinstance(given := step.act(), acts.Propose) and given.provision == act.provision and given.text != act.text
    ]
    if others:
        names = ", ".join(dict.fromkeys(others))
        found.append(f"{act.provision}: {act.stakeholder} and {names} proposed different words; all are alternatives.")
    if act.provision in draft.gone:
        found.append(f"{act.provision} has left the text ({draft.gone[act.provision]}); the words stay on record.")
    elif act.provision in draft.provisions and draft.base_at(act.provision, act.generation) != (
        draft.provisions[act.provision].base
    ):
        found.append(
            f"{act.provision} has other words now; {act.stakeholder} wrote on base {act.generation}: rebase it."
        )
    return found
