"""What an import would change: a pure comparison of what a file says with what its source said before."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tocsin.directory.entries import Entries, FactEntry, MailboxEntry, MuteEntry, RefusedEntry, RuleEntry, Value
from tocsin.directory.fact_schema import LISTS
from tocsin.directory.facts import FactKind
from tocsin.directory.model import MuteKind, RuleKind


class _Entry(Protocol):
    @property
    def team(self) -> str: ...


E = TypeVar("E", bound=_Entry)
K = TypeVar(
    "K", tuple[str, str, str], tuple[str, RuleKind, str], tuple[str, MuteKind, str], tuple[str, FactKind, str, str]
)


@dataclass(frozen=True)
class StoredDirectory:
    """What is in the records: every team by key, and the current assertions of one source with their row numbers.

    ``worded`` are fields of teams, as (key, field), of which a person's word stands.
    """

    teams: dict[str, dict[str, Value]]
    mailboxes: dict[tuple[str, str, str], tuple[int, MailboxEntry]]
    rules: dict[tuple[str, RuleKind, str], tuple[int, RuleEntry]]
    mutes: dict[tuple[str, MuteKind, str], tuple[int, MuteEntry]]
    facts: dict[tuple[str, FactKind, str, str], tuple[int, FactEntry]]
    worded: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class ImportChanges(Generic[E]):
    """Entries to record, row numbers to withdraw, and how many of the file stand already.

    ``kept`` counts what is no longer said but stays, because something else of its team was refused. Of ``gone``,
    so many as ``changed`` says are recorded anew.
    """

    new: list[E]
    gone: list[int]
    same: int
    kept: int
    changed: int = 0


@dataclass(frozen=True)
class DirectoryDifference:
    """What to write, and what of the file was not taken."""

    teams_new: dict[str, dict[str, Value]]
    teams_changed: dict[str, dict[str, Value]]
    teams_same: int
    mailboxes: ImportChanges[MailboxEntry]
    rules: ImportChanges[RuleEntry]
    mutes: ImportChanges[MuteEntry]
    facts: ImportChanges[FactEntry]
    refused: tuple[RefusedEntry, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        parts = (self.mailboxes, self.rules, self.mutes, self.facts)
        return not (self.teams_new or self.teams_changed or any(part.new or part.gone for part in parts))


def compare(entries: Entries, stored: StoredDirectory) -> DirectoryDifference:
    """What must change so that the records say what the file says.

    A source withdraws what it no longer says, except of a team of which something in the file was refused: a slip
    must not take a network from the team that answers for it. An assertion whose role or basis changed is withdrawn
    and recorded anew.
    """
    refused = list(entries.refused)
    new, changed, bad = _teams(entries, stored, refused)
    known = (stored.teams.keys() | new.keys()) - bad
    unsure = entries.unsure | bad
    for rule in entries.rules.values():
        if rule.team not in known:
            what = f"{rule.team}, {rule.kind} '{rule.value}'"
            refused.append(
                RefusedEntry(rule.where, what, f"no team '{rule.team}' is in the directory, or it was refused")
            )
    return DirectoryDifference(
        teams_new=new,
        teams_changed=changed,
        teams_same=sum(1 for key in entries.teams if key in stored.teams and key not in changed and key not in bad),
        mailboxes=_changes(entries.mailboxes, stored.mailboxes, known, unsure, lambda _: "mailboxes" in entries.speaks),
        rules=_changes(entries.rules, stored.rules, known, unsure, lambda _: "rules" in entries.speaks),
        mutes=_changes(entries.mutes, stored.mutes, known, unsure, lambda _: "mutes" in entries.speaks),
        facts=_changes(entries.facts, stored.facts, known, unsure, lambda key: LISTS[key[1]] in entries.speaks),
        refused=tuple(refused),
    )


def _teams(
    entries: Entries, stored: StoredDirectory, refused: list[RefusedEntry]
) -> tuple[dict[str, dict[str, Value]], dict[str, dict[str, Value]], set[str]]:
    """New teams, changed teams, and the keys of teams that are refused."""
    new: dict[str, dict[str, Value]] = {}
    changed: dict[str, dict[str, Value]] = {}
    bad: set[str] = set()
    owner: dict[Value, str] = {fields["uuid"]: key for key, fields in stored.teams.items()}
    for key, fields in entries.teams.items():
        before = stored.teams.get(key)
        why = _why_not(key, fields, before, owner)
        if why:
            bad.add(key)
            refused.append(RefusedEntry(entries.places[key], f"team '{key}'", why))
        elif before is None:
            new[key] = fields
            owner |= {fields["uuid"]: key} if "uuid" in fields else {}
        elif differing := {name: value for name, value in fields.items() if before[name] != value}:
            open_ones = {name: value for name, value in differing.items() if (key, name) not in stored.worded}
            changed |= {key: open_ones} if open_ones else {}
    return new, changed, bad


def _why_not(
    key: str, fields: Mapping[str, Value], before: Mapping[str, Value] | None, owner: Mapping[Value, str]
) -> str:
    """Why a team cannot be taken, or an empty text."""
    if before is None and "name" not in fields:
        return "a new team needs a name"
    if "uuid" in fields:
        if before is not None and before["uuid"] != fields["uuid"]:
            return f"this key is the team with UUID {before['uuid']} here"
        if owner.get(fields["uuid"], key) != key:
            return f"this UUID is team '{owner[fields['uuid']]}'"
    return ""


def _changes(
    said: Mapping[K, E],
    stored: Mapping[K, tuple[int, E]],
    known: AbstractSet[str],
    unsure: AbstractSet[str],
    speaks: Callable[[K], bool],
) -> ImportChanges[E]:
    taken = {key: entry for key, entry in said.items() if entry.team in known}
    new = [entry for key, entry in taken.items() if key not in stored or stored[key][1] != entry]
    gone: list[int] = []
    kept = changed = 0
    for key, (row, entry) in stored.items():
        if key in taken:
            gone += [row] if taken[key] != entry else []
            changed += taken[key] != entry
        elif "" in unsure or entry.team in unsure:
            kept += 1
        elif speaks(key):
            gone.append(row)
    return ImportChanges(new, gone, len(taken) - len(new), kept, changed)
