"""A difference in words: which team, which value, before and after; and whether a source shrinks by surprise."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tocsin.directory.difference import DirectoryDifference, ImportChanges, StoredDirectory
from tocsin.directory.entries import Basis, FactEntry, MailboxEntry, MuteEntry, RuleEntry
from tocsin.directory.model import DirectoryRule
from tocsin.directory.precedence import PersonAssertions, settle

_Entry: TypeAlias = RuleEntry | MailboxEntry | MuteEntry | FactEntry
FEW = 5  # so few assertions of a source that go are no surprise, whatever their share


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change: ``what`` of a team is new, gone, or changed from ``before`` to ``after``.

    ``overruled``: which person's word beats it, so that it is noted but does not hold.
    """

    change: Literal["new", "gone", "changed"]
    team: str
    what: str
    value: str
    before: str = ""
    after: str = ""
    overruled: str = ""


def difference_lines(
    difference: DirectoryDifference, stored: StoredDirectory, words: PersonAssertions, ids: Mapping[str, int]
) -> list[ChangeLine]:
    """Every change, by team. ``words`` are persons' words; ``ids`` the numbers of teams by key, merges followed."""
    lines = [*_team_lines(difference, stored)]
    lines += _part_lines(difference.mailboxes, dict(stored.mailboxes.values()))
    lines += _part_lines(difference.rules, dict(stored.rules.values()))
    lines += _part_lines(difference.mutes, dict(stored.mutes.values()))
    lines += _part_lines(difference.facts, dict(stored.facts.values()))
    lines = _with_overruled(lines, difference.rules.new, words, ids)
    return sorted(lines, key=lambda line: (line.team, line.what, line.value, line.change))


def shrinkage(difference: DirectoryDifference, stored: StoredDirectory, most: int) -> str:
    """What of a source shrinks by more than ``most`` percent, in words; empty when nothing does.

    What only changes is not gone, and `FEW` entries that go are no surprise.
    """
    parts: tuple[
        tuple[str, ImportChanges[RuleEntry] | ImportChanges[MailboxEntry] | ImportChanges[FactEntry], int], ...
    ] = (
        ("rules", difference.rules, len(stored.rules)),
        ("mailboxes", difference.mailboxes, len(stored.mailboxes)),
        ("facts", difference.facts, len(stored.facts)),
    )
    found = []
    for name, part, before in parts:
        gone = len(part.gone) - part.changed
        if gone > FEW and gone * 100 > most * before:
            found.append(f"{gone:,} of {before:,} {name} ({gone * 100 // before} %)")
    return " and ".join(found)


def _team_lines(difference: DirectoryDifference, stored: StoredDirectory) -> Iterator[ChangeLine]:
    for key, fields in difference.teams_new.items():
        yield ChangeLine("new", key, "team", str(fields.get("name", "")))
    for key, fields in difference.teams_changed.items():
        for name, value in fields.items():
            before = stored.teams[key][name]
            if before != value:
                yield ChangeLine("changed", key, "team", name, _text(before), _text(value))


def _part_lines(
    part: ImportChanges[RuleEntry] | ImportChanges[MailboxEntry] | ImportChanges[MuteEntry] | ImportChanges[FactEntry],
    rows: Mapping[int, _Entry],
) -> Iterator[ChangeLine]:
    gone: dict[tuple[str, ...], list[_Entry]] = defaultdict(list)
    for row in part.gone:
        gone[rows[row].team, *_named(rows[row])].append(rows[row])
    for entry in part.new:
        before = gone.get((entry.team, *_named(entry)))
        if before:
            yield ChangeLine("changed", entry.team, *_named(entry), _said(before.pop()), _said(entry))
        else:
            yield ChangeLine("new", entry.team, *_named(entry), "", _said(entry))
    for entry in (entry for entries in gone.values() for entry in entries):
        yield ChangeLine("gone", entry.team, *_named(entry), _said(entry))


def _named(entry: _Entry) -> tuple[str, str]:
    match entry:
        case RuleEntry():
            return entry.kind.value, entry.value
        case MailboxEntry():
            return "mailbox", entry.address
        case MuteEntry():
            return f"mute of {entry.mute.kind}", entry.mute.value
        case FactEntry():
            return entry.kind.value, entry.value


def _said(entry: _Entry) -> str:
    match entry:
        case RuleEntry():
            parts = [entry.role.value, _basis(entry.basis)]
        case MailboxEntry():
            parts = [entry.purpose.value if entry.purpose else "", _basis(entry.basis)]
        case MuteEntry():
            until = entry.mute.until
            parts = [f"until {until:%Y-%m-%d %H:%M} UTC" if until else "", entry.mute.reason]
        case FactEntry():
            parts = [*(f"{name} {value}" for name, value in entry.detail), _basis(entry.basis)]
    return ", ".join(part for part in parts if part)


def _basis(basis: Basis) -> str:
    parts = [
        f"as of {basis.as_of}" if basis.as_of else "",
        "" if basis.confidence is None else f"confidence {basis.confidence}",
        f"said by {basis.said_by}" if basis.said_by else "",
    ]
    return ", ".join(part for part in parts if part)


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _with_overruled(
    lines: Iterable[ChangeLine], rules: Iterable[RuleEntry], words: PersonAssertions, ids: Mapping[str, int]
) -> list[ChangeLine]:
    """The lines of new rules that a person's word beats, with that word."""
    if not words:
        return list(lines)
    keys = {number: key for key, number in ids.items()}
    told = [DirectoryRule(ids[rule.team], rule.kind, rule.value, rule.role) for rule in rules if rule.team in ids]
    beaten = {(keys[rule.team_id], rule.kind.value, rule.value): rule.overruled for rule in settle(told, words)[1]}
    return [
        replace(line, overruled=beaten.get((line.team, line.what, line.value), "")) if line.after else line
        for line in lines
    ]
