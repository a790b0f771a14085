"""From the text of a document to its rules, or to all that is wrong with it, line by line."""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tocsin.directory import TeamKind
from tocsin.events import BY_NAME, FIELDS, Privacy
from tocsin.networks import country_names
from tocsin.node.errors import InputError
from tocsin.node.sentences import say
from tocsin.sharing.gate import ReleasePurpose, Tlp
from tocsin.sharing.rules.conditions import CONDITIONS
from tocsin.sharing.rules.document import Given, RulesDocument, SharingRule, SharingRuleKind
from tocsin.sharing.rules.transfers import TRANSFER, read_transfers

MOST_RULES: Final = 60
"""Rules in one document: they fit one number per event, and a person can still read them."""

LONGEST: Final = 200_000
"""Characters of a document."""

TYPES: Final = ("policy", "agreement", "law")
_HEAD: Final = ("title", "type", "parties", "edition")
_SHARE_DOES: Final = ("refuse", "up_to", "hide")
_ROUTE_DOES: Final = ("inform", "tell_nobody")
_RECIPIENT: Final = ("team", "kind", "country")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_BLOCK: Final = re.compile(r"^\s*\[\[\s*(share|route|transfer)\s*\]\]")
_KEY: Final = re.compile(r"^\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*=")
_TOML_LINE: Final = re.compile(r"^(.*) \(at line (\d+), column \d+\)$")
# Without these a report is none any more: what may not have them may not have the event.
_NEEDED: Final = frozenset(
    {"time.source", "source.ip", "tlp", "pap", "classification.type", "classification.taxonomy"}
    | {"classification.identifier"}
)
_PERSONAL: Final = "personal"


@dataclass(frozen=True, slots=True)
class RuleFault:
    """One thing that is wrong, and the line where it stands; 0 where it stands in none."""

    line: int
    words: str

    def __str__(self) -> str:
        """``Line 12: …``."""
        return f"Line {self.line}: {self.words}" if self.line else self.words


class RulesFaultError(InputError):
    """The document cannot be put in force; ``faults`` says why, in the order of its lines."""

    def __init__(self, faults: Iterable[RuleFault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__(
            " ".join(map(str, self.faults)), hint="docs/rules.md has all words; 'tocsin rules check FILE' looks again."
        )


def read_document(text: str, teams: Collection[str] | None = None) -> RulesDocument:
    """The document that a text is; ``teams``: the keys that it may name, None for any.

    Raises:
        RulesFaultError: it is none; names all faults.

    """
    if len(text) > LONGEST:
        raise RulesFaultError(
            [RuleFault(0, say("The text has more than %(longest)s characters.", longest=f"{LONGEST:,}"))]
        )
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesFaultError([_toml_fault(error, last=len(text.splitlines()))]) from None
    reader = _RulesReader(_Lines.of(text), teams)
    document = reader.document(read)
    if reader.faults:
        raise RulesFaultError(reader.faults)
    return document


def _toml_fault(error: tomllib.TOMLDecodeError, *, last: int) -> RuleFault:
    found = _TOML_LINE.match(str(error))
    words, line = (found[1], int(found[2])) if found else (str(error), last)
    return RuleFault(line, say("This is no TOML: %(words)s.", words=words))


@dataclass(frozen=True)
class _Lines:
    """Where rules and their keys stand: by kind the first line of each, and by that line the lines of its keys."""

    blocks: Mapping[str, list[int]]
    keys: Mapping[int, dict[str, int]]

    @classmethod
    def of(cls, text: str) -> "_Lines":
        blocks: dict[str, list[int]] = {kind: [] for kind in (*SharingRuleKind, TRANSFER)}
        keys: dict[int, dict[str, int]] = {0: {}}
        at = 0
        for number, line in enumerate(text.splitlines(), start=1):
            if block := _BLOCK.match(line):
                at = number
                blocks[block[1]].append(number)
                keys[at] = {}
            elif key := _KEY.match(line):
                keys[at].setdefault(key[1] or key[2] or key[3], number)
        return cls(blocks, keys)

    def block(self, kind: str, place: int) -> int:
        lines = self.blocks[kind]
        return lines[place] if place < len(lines) else 0


@dataclass
class _RulesReader:
    """Reads a parsed document; all that is wrong with it is in ``faults``."""

    lines: _Lines
    teams: Collection[str] | None
    faults: list[RuleFault] = field(default_factory=list)

    def document(self, read: dict[str, Any]) -> RulesDocument:
        for name in read.keys() - {*_HEAD, *SharingRuleKind, TRANSFER}:
            self.fault(
                0,
                name,
                say(
                    "There is no '%(name)s' here; a document has %(listed)s, [[share]], [[route]] and [[transfer]].",
                    name=name,
                    listed=_listed(_HEAD),
                ),
            )
        type_ = self.text(0, read, "type") or TYPES[0]
        if type_ not in TYPES:
            self.fault(
                0,
                "type",
                say("'%(type)s' is no type of a document; it is one of %(listed)s.", type=type_, listed=_listed(TYPES)),
            )
        rules = [rule for kind in SharingRuleKind for rule in self.rules(kind, read.get(kind, []))]
        transfers = read_transfers(self, read.get(TRANSFER, []), type_ if type_ in TYPES else TYPES[0])
        if (most := max(len(rules), len(transfers))) > MOST_RULES:
            self.faults.append(
                RuleFault(
                    0,
                    say(
                        "There are %(rules)s rules; a document has at most %(most_rules)s.",
                        rules=most,
                        most_rules=MOST_RULES,
                    ),
                )
            )
        seen: set[str] = set()
        for line, name in sorted([*((rule.line, rule.id) for rule in rules), *((at, one.id) for at, one in transfers)]):
            if name in seen:
                self.fault(line, "id", say("Another rule is called '%(id)s' already.", id=name))
            seen.add(name)
        parties = tuple(self.texts(0, read, "parties")) if read.get("parties") else ()
        return RulesDocument(
            self.text(0, read, "title"),
            type_,
            parties,
            self.text(0, read, "edition"),
            tuple(rules),
            tuple(rule for _, rule in transfers),
        )

    def rules(self, kind: SharingRuleKind, read: object) -> Iterator[SharingRule]:
        for line, one in self.blocks(kind, read):
            yield self.rule(kind, line, one)

    def blocks(self, kind: str, read: object) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rules of a kind as they were read, each with its line."""
        if not isinstance(read, list) or not all(isinstance(one, dict) for one in read):
            self.fault(0, kind, say("A rule begins with a line [[%(kind)s]].", kind=kind))
            return
        for place, one in enumerate(read):
            yield self.lines.block(kind, place), one

    def rule(self, kind: SharingRuleKind, line: int, read: dict[str, Any]) -> SharingRule:
        does = _SHARE_DOES if kind is SharingRuleKind.SHARE else _ROUTE_DOES
        known = {"id", "why", *CONDITIONS, *does}
        if kind is SharingRuleKind.SHARE:
            known |= {"purpose", *(f"{word}_{name}" for word in ("to", "except") for name in _RECIPIENT)}
        for name in read.keys() - known:
            self.fault(line, name, say("There is no '%(name)s' in a [[%(kind)s]] rule.", name=name, kind=kind))
        self.check_effect(kind, line, read, does)
        when = self.given(line, read, "", CONDITIONS)
        rule = SharingRule(
            id=self.id(line, read),
            kind=kind,
            line=line,
            why=self.text(line, read, "why"),
            when=when,
            to=self.recipients(line, read, "to_"),
            excepted=self.recipients(line, read, "except_"),
            purposes=tuple(self.purposes(line, read)),
            refuse=self.flag(line, read, "refuse"),
            up_to=self.label(line, read),
            hide=self.hidden(line, read),
            inform=tuple(self.keys(line, read, "inform")),
            tell_nobody=self.flag(line, read, "tell_nobody"),
        )
        if not (rule.when or rule.to or rule.excepted or rule.purposes):
            self.fault(line, "id", say("Rule '%(id)s' holds for everything: give at least one condition.", id=rule.id))
        return rule

    def check_effect(self, kind: SharingRuleKind, line: int, read: dict[str, Any], does: tuple[str, ...]) -> None:
        given = [name for name in does if name in read]
        if len(given) != 1:
            what = "nothing" if not given else _listed(given)
            self.fault(
                line,
                given[-1] if given else "id",
                say(
                    "A [[%(kind)s]] rule does one of %(listed)s, not %(listed2)s.",
                    kind=kind,
                    listed=_listed(does),
                    listed2=what,
                ),
            )

    def id(self, line: int, read: dict[str, Any]) -> str:
        name = self.text(line, read, "id")
        if not _ID.fullmatch(name):
            self.fault(line, "id", say("A rule needs an id: a to z, digits and hyphens, at most 40."))
        return name

    def given(self, line: int, read: dict[str, Any], prefix: str, names: Collection[str]) -> Given:
        found = []
        for name in names:
            if prefix + name in read:
                values = [self.value(line, name, text) for text in self.texts(line, read, prefix + name)]
                found.append((name, tuple(dict.fromkeys(value for value in values if value))))
        return tuple(found)

    def value(self, line: int, name: str, text: str) -> str:
        value = CONDITIONS[name].read(text)
        if value is None:
            self.fault(
                line,
                name,
                say(
                    "'%(text)s' does not fit '%(name)s', which takes %(takes)s.",
                    text=text,
                    name=name,
                    takes=CONDITIONS[name].takes,
                ),
            )
        return value or ""

    def recipients(self, line: int, read: dict[str, Any], prefix: str) -> Given:
        found: list[tuple[str, tuple[str, ...]]] = []
        if f"{prefix}team" in read:
            found.append(("team", tuple(self.keys(line, read, f"{prefix}team"))))
        kinds = {kind.value for kind in TeamKind}
        for name, known, what in (("kind", kinds, "kind of team"), ("country", set(country_names()), "country")):
            if prefix + name in read:
                values = [self.recipient(name, text) for text in self.texts(line, read, prefix + name)]
                for value in values:
                    if value not in known:
                        self.fault(line, prefix + name, say("'%(value)s' is no %(what)s.", value=value, what=what))
                found.append((name, tuple(values)))
        return tuple(found)

    @staticmethod
    def recipient(name: str, text: str) -> str:
        return text.strip().upper() if name == "country" else text.strip().lower()

    def keys(self, line: int, read: dict[str, Any], name: str) -> Iterator[str]:
        for text in self.texts(line, read, name):
            key = text.strip().lower()
            if self.teams is not None and key not in self.teams:
                self.fault(line, name, say("There is no team '%(key)s' in the directory.", key=key))
            yield key

    def purposes(self, line: int, read: dict[str, Any]) -> Iterator[ReleasePurpose]:
        for text in self.texts(line, read, "purpose"):
            if text in {one.value for one in ReleasePurpose}:
                yield ReleasePurpose(text)
            else:
                self.fault(
                    line,
                    "purpose",
                    say(
                        "'%(text)s' is no purpose; it is one of %(listed)s.", text=text, listed=_listed(ReleasePurpose)
                    ),
                )

    def label(self, line: int, read: dict[str, Any]) -> Tlp | None:
        text = self.text(line, read, "up_to").upper().removeprefix("TLP:")
        if not text:
            return None
        if text not in {one.value for one in Tlp}:
            self.fault(
                line,
                "up_to",
                say("'%(text)s' is no label of TLP 2.0; it is one of %(listed)s.", text=text, listed=_listed(Tlp)),
            )
            return None
        return Tlp(text)

    def hidden(self, line: int, read: dict[str, Any]) -> tuple[str, ...]:
        names: list[str] = []
        for text in self.texts(line, read, "hide"):
            if text == _PERSONAL:
                names += [one.name for one in FIELDS if one.privacy is Privacy.PERSONAL]
            elif text in _NEEDED:
                self.fault(
                    line,
                    "hide",
                    say(
                        "'%(text)s' cannot be hidden: without it nobody can be notified. Refuse it instead.", text=text
                    ),
                )
            elif text not in BY_NAME:
                self.fault(
                    line,
                    "hide",
                    say("There is no field '%(text)s'; docs/fields.md has all, 'personal' means a class.", text=text),
                )
            else:
                names.append(text)
        return tuple(dict.fromkeys(names))

    def flag(self, line: int, read: dict[str, Any], name: str) -> bool:
        if read.get(name, True) is not True:
            self.fault(line, name, say("'%(name)s' is true, or left out.", name=name))
        return name in read

    def text(self, line: int, read: dict[str, Any], name: str) -> str:
        value = read.get(name, "")
        if not isinstance(value, str) or len(value) > 500 or not value.isprintable():
            self.fault(line, name, say("'%(name)s' takes a text of one line.", name=name))
            return ""
        return value.strip()

    def texts(self, line: int, read: dict[str, Any], name: str) -> list[str]:
        """One value or a list of them; numbers are taken for what they look like."""
        value = read.get(name, [])
        values = value if isinstance(value, list) else [value]
        fine = all(isinstance(one, str | int) and not isinstance(one, bool) for one in values)
        if not fine or (name in read and not values) or not all(str(one).isprintable() for one in values):
            self.fault(line, name, say("'%(name)s' takes a text or a list of texts.", name=name))
            return []
        return [str(one) for one in values]

    def fault(self, line: int, name: str, words: str) -> None:
        self.faults.append(RuleFault(self.lines.keys.get(line, {}).get(name, line), words))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(str(name) for name in names)
