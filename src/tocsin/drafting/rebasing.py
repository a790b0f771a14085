"""An entry written on an older base, seen from the present one: what changed under it, and what its words become."""

from dataclasses import dataclass

from tocsin.drafting.difference import Edit, TextPiece, carried_over, difference, edits
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.model import StakeholderEntry
from tocsin.node.errors import ConflictError, NotFoundError


@dataclass(frozen=True)
class RebasedEntry:
    """``base_changes`` is what happened to the base; ``text`` the entry's edits on the present base.

    ``clashes`` are the edits (on the old base) that meet a change of the base: they are not in ``text``, and only the
    writer can say what becomes of them.
    """

    entry: StakeholderEntry
    old_base: str
    new_base: str
    base_changes: tuple[TextPiece, ...]
    text: str
    clashes: tuple[Edit, ...]


def rebased(draft: TextState, entry_id: str) -> RebasedEntry:
    """What rebasing an entry to the present base would give; nothing is changed.

    Raises:
        NotFoundError: no such entry.
        ConflictError: it speaks about several provisions, or its provision has left the text.

    """
    entry = draft.entries.get(entry_id)
    if entry is None:
        raise NotFoundError(f"There is no entry '{entry_id}' in this text.", hint="'drafting show' lists them.")
    if entry.items:
        raise ConflictError(f"{entry_id} speaks about several provisions.", hint="Propose again on each of them.")
    if entry.provision in draft.gone:
        raise ConflictError(f"{entry.provision} is no longer in the text: {draft.gone[entry.provision]}.")
    old, new = draft.base_of(entry), draft.provisions[entry.provision].base
    text, clashes = carried_over(edits(old, words_for(entry, entry.provision)), old, new)
    return RebasedEntry(entry, old, new, difference(old, new), text, clashes)


def outdated(draft: TextState) -> tuple[StakeholderEntry, ...]:
    """The entries whose base has changed since they were written, and that can be rebased."""
    return tuple(
        entry
        for entry in draft.entries.values()
        if not entry.items
        and entry.text
        and entry.provision not in draft.gone
        and draft.base_of(entry) != draft.provisions[entry.provision].base
    )
