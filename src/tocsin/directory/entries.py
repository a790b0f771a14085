"""The entries of an import file, checked field by field: what can be taken, and why the rest cannot."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from tocsin.directory import canonical
from tocsin.directory.fact_schema import LISTS, SHAPES, FactSchema
from tocsin.directory.facts import ContactPurpose, FactKind
from tocsin.directory.model import (
    AttachmentFormat,
    DigestInterval,
    Mute,
    MuteKind,
    ResponsibilityRole,
    RuleKind,
    TeamKind,
)

Value: TypeAlias = str | bool | UUID | tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry, or a field of one, that was not taken: where it stands, what it says, and which rule it breaks."""

    where: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class ListItem:
    """One value of a list as the file has it: ``value`` and what is said about it, all text."""

    where: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RawTeam:
    """A team as the file has it: texts by field, and lists of items by field."""

    where: str
    fields: Mapping[str, str]
    lists: Mapping[str, list[ListItem]]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an assertion rests on, beside its source."""

    as_of: date | None = None
    confidence: int | None = None
    said_by: str = ""


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """A mailbox of a team, taken."""

    team: str
    address: str
    basis: Basis
    purpose: ContactPurpose | None = None


@dataclass(frozen=True, slots=True)
class FactEntry:
    """A fact about a team, taken."""

    team: str
    kind: FactKind
    value: str
    detail: tuple[tuple[str, str], ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule of a team, taken; equal to another whatever the place in the file."""

    team: str
    kind: RuleKind
    value: str
    role: ResponsibilityRole
    basis: Basis
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MuteEntry:
    """A mute of a team, taken."""

    team: str
    mute: Mute


@dataclass
class Entries:
    """What a file says. Teams are by key, with only those fields that the file states; ``places`` says where.

    ``speaks`` names what the file has a place for (``mailboxes``, ``rules``, ``mutes``, and the names of ``SHAPES``):
    only of those does leaving something out withdraw it. ``unsure`` are teams of which something was refused; ``""``
    stands for "cannot be known".
    """

    source: str
    speaks: frozenset[str]
    teams: dict[str, dict[str, Value]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    mailboxes: dict[tuple[str, str, str], MailboxEntry] = field(default_factory=dict)
    facts: dict[tuple[str, FactKind, str, str], FactEntry] = field(default_factory=dict)
    rules: dict[tuple[str, RuleKind, str], RuleEntry] = field(default_factory=dict)
    mutes: dict[tuple[str, MuteKind, str], MuteEntry] = field(default_factory=dict)
    refused: list[RefusedEntry] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
    basis: Basis = Basis()

    def refuse(self, where: str, what: str, why: str, team: str) -> None:
        """Note that something of ``team`` was not taken."""
        self.refused.append(RefusedEntry(where, what, why))
        self.unsure.add(team)


def _formats(text: str) -> tuple[str, ...]:
    words = text.replace(";", " ").replace(",", " ").split()
    if not words:
        raise ValueError("it is empty")
    return tuple(dict.fromkeys(canonical.choice(AttachmentFormat)(word).value for word in words))


def _or_empty(read: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: read(text) if text.strip() else ""


TEAM_FIELDS: dict[str, Callable[[str], Value]] = {
    "uuid": canonical.uuid,
    "name": canonical.name,
    "organisation": canonical.line,
    "kind": canonical.choice(TeamKind),
    "country": _or_empty(canonical.country),
    "language": canonical.language,
    "timezone": canonical.timezone,
    "interval": canonical.choice(DigestInterval),
    "formats": _formats,
    "ceiling": canonical.ceiling,
    "encrypt": canonical.flag,
}
RULE_LISTS = {
    "prefixes": RuleKind.PREFIX,
    "asns": RuleKind.ASN,
    "domains": RuleKind.DOMAIN,
    "countries": RuleKind.COUNTRY,
}
TEAM_LISTS = ("mailboxes", *RULE_LISTS, "mutes", *SHAPES)
_BASIS: dict[str, Callable[[str], object]] = {
    "as_of": canonical.day,
    "confidence": canonical.confidence,
    "said_by": canonical.line,
}
BASIS_FIELDS = tuple(_BASIS)

_role = canonical.choice(ResponsibilityRole)
_kind = canonical.choice(RuleKind)
_purpose = canonical.choice(ContactPurpose)
_roles = {role.value: role for role in ResponsibilityRole}
_kinds = {kind.value: kind for kind in RuleKind}


def read_basis(values: Mapping[str, str], otherwise: Basis) -> Basis:
    """The basis that ``values`` state; where they say nothing, that of ``otherwise``.

    Raises:
        ValueError: a field is wrong; the message names it.

    """
    given: dict[str, Any] = {
        name: _named(name, read, values[name]) for name, read in _BASIS.items() if values.get(name)
    }
    return replace(otherwise, **given) if given else otherwise


def take_teams(entries: Entries, teams: Iterable[RawTeam]) -> None:
    """Check teams with all their lists, and add what can be taken."""
    for team in teams:
        _take_team(entries, team)


def take_rules(entries: Entries, rows: Iterable[ListItem]) -> None:
    """Check rules that stand alone (``team``, ``kind``, ``value`` and what is said about it), and add them."""
    for row in rows:
        where, values = row.where, row.values
        try:
            team = canonical.key(values.get("team", ""))
        except ValueError as error:
            entries.refuse(where, f"team '{values.get('team', '')}'", str(error), "")
            continue
        word = values.get("kind", "")
        try:
            kind = _kinds.get(word) or _kind(word)
        except ValueError as error:
            entries.refuse(where, f"{team}, kind '{word}'", str(error), team)
            continue
        _take_rule(entries, team, kind, row)


def _take_team(entries: Entries, raw: RawTeam) -> None:
    given = raw.fields.get("key", "")
    try:
        key = canonical.key(given)
    except ValueError as error:
        entries.refuse(raw.where, f"key '{given}'", str(error), "")
        return
    if key in entries.teams:
        entries.refuse(raw.where, f"key '{given}'", "an earlier entry of this file has this key", key)
        return
    entries.teams[key] = {}
    entries.places[key] = raw.where
    for name, text in raw.fields.items():
        if name != "key":
            _take_field(entries, key, name, ListItem(raw.where, {"value": text}))
    for name, items in raw.lists.items():
        for item in items:
            if name == "mailboxes":
                _take_mailbox(entries, key, item)
            elif name == "mutes":
                _take_mute(entries, key, item)
            elif name in SHAPES:
                _take_fact(entries, key, SHAPES[name], item)
            else:
                _take_rule(entries, key, RULE_LISTS[name], item)


def _take_field(entries: Entries, team: str, name: str, item: ListItem) -> None:
    read, text = TEAM_FIELDS.get(name), item.values["value"]
    if read is None:
        entries.refuse(item.where, f"{team}, {name} '{text}'", "no such field; docs/directory.md lists them", team)
        return
    try:
        entries.teams[team][name] = read(text)
    except ValueError as error:
        entries.refuse(item.where, f"{team}, {name} '{text}'", str(error), team)


def _take_mailbox(entries: Entries, team: str, item: ListItem) -> None:
    text = item.values.get("value", "")
    try:
        _only(item.values, ("value", "purpose", *BASIS_FIELDS))
        address = canonical.mailbox(text)
        word = item.values.get("purpose")
        purpose = _named("purpose", _purpose, word) if word else None
        basis = read_basis(item.values, entries.basis)
    except ValueError as error:
        entries.refuse(item.where, f"{team}, mailbox '{text}'", str(error), team)
    else:
        entries.mailboxes.setdefault((team, address, purpose or ""), MailboxEntry(team, address, basis, purpose))


def _take_fact(entries: Entries, team: str, shape: FactSchema, item: ListItem) -> None:
    table = shape.table(item.values)
    own = {name: text for name, text in table.items() if name not in BASIS_FIELDS}
    what = f"{team}, {shape.kind} '{shown(own)}'"
    try:
        value, detail = shape.take(own)
        basis = read_basis(table, entries.basis)
    except ValueError as error:
        entries.refuse(item.where, what, str(error), team)
        return
    entry = FactEntry(team, shape.kind, value, detail, basis)
    earlier = entries.facts.setdefault(fact_key(entry), entry)
    if earlier != entry:
        entries.refuse(item.where, what, f"an earlier {shape.kind} of this team says otherwise", team)


def fact_key(entry: FactEntry) -> tuple[str, FactKind, str, str]:
    """What one source says once: a single fact, a statement about one thing, or the same words."""
    if entry.kind is FactKind.STATEMENT:
        return entry.team, entry.kind, dict(entry.detail)["about"], ""
    if SHAPES[LISTS[entry.kind]].single:
        return entry.team, entry.kind, "", ""
    return entry.team, entry.kind, entry.value, ", ".join(f"{name} {text}" for name, text in entry.detail)


def shown(values: Mapping[str, str]) -> str:
    """The fields of an item on one line, cut where long."""
    text = ", ".join(values.values() if len(values) == 1 else (f"{name} {text}" for name, text in values.items()))
    return text if len(text) <= 80 else text[:79] + "…"


def _take_rule(entries: Entries, team: str, kind: RuleKind, item: ListItem) -> None:
    values = item.values
    text = values.get("value", "")
    try:
        _only(values, ("team", "kind", "value", "role", *BASIS_FIELDS))
        value = canonical.RULE_VALUES[kind](text)
        word = values.get("role") or ResponsibilityRole.RESPONSIBLE.value
        role = _roles.get(word) or _named("role", _role, word)
        basis = read_basis(values, entries.basis)
    except ValueError as error:
        entries.refuse(item.where, f"{team}, {kind} '{text}'", str(error), team)
        return
    rule = RuleEntry(team, kind, value, role, basis, item.where)
    earlier = entries.rules.setdefault((team, kind, value), rule)
    if earlier is rule:
        return
    what = f"{team}, {kind} '{text}'"
    if earlier == rule:  # the same twice is no reason to doubt the rest
        entries.refused.append(RefusedEntry(item.where, what, f"{earlier.where} says the same already"))
    else:
        entries.refuse(item.where, what, f"{earlier.where} says otherwise of the same {kind}", team)


def _take_mute(entries: Entries, team: str, item: ListItem) -> None:
    values = item.values
    try:
        kind = _mute_kind(values)
        _only(values, (kind, "until", "reason"))
        value = _named(kind, canonical.MUTE_VALUES[kind], values[kind])
        until: datetime | None = _named("until", canonical.moment, values["until"]) if values.get("until") else None
        reason = _named("reason", canonical.line, values.get("reason", ""))
    except ValueError as error:
        shown = ", ".join(f"{name} '{text}'" for name, text in values.items())
        entries.refuse(item.where, f"{team}, mute {shown}", str(error), team)
    else:
        entries.mutes.setdefault((team, kind, value), MuteEntry(team, Mute(kind, value, until, reason)))


def _mute_kind(values: Mapping[str, str]) -> MuteKind:
    named = [kind for kind in MuteKind if kind in values]
    if len(named) != 1:
        raise ValueError(f"a mute names exactly one of {', '.join(MuteKind)}")
    return named[0]


def _only(values: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            raise ValueError(f"no such field '{name}' here; docs/directory.md lists them")


def _named(name: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name} '{text}': {error}") from None
