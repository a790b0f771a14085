"""What a mapping file says, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tocsin.events.fields import FieldKind
from tocsin.events.sources import Feed, KnownFeed
from tocsin.events.sources.delimited import Dialect

FORMATS: Final = ("csv", "json", "lines", "keyvalue", "html", "xml")
LINE: Final = "line"
"""The one column of ``lines``: the whole line."""

SIDES: Final = ("source", "destination")

ABOVE: Final = "/"
"""Before the path of what stands above the records, from the top of the document."""


@dataclass(frozen=True)
class Rule:
    """What becomes of the value of a column.

    ``to``: the fields that take it; without any, the named groups of ``pattern`` are columns themselves.
    ``first``: only the first of ``to`` that can read it takes it. ``time``: strptime, in the feed's time zone.
    ``decode``: ``base64`` or ``json``, whose members are columns below this one. ``drop``: what is cut out of it.
    """

    to: tuple[str, ...] = ()
    first: bool = False
    pattern: str = ""
    template: str = ""
    decode: tuple[str, ...] = ()
    time: str = ""
    drop: str = ""
    skip: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it only names fields."""
        return self == Rule(self.to)


@dataclass(frozen=True)
class Each:
    """Several events from one record: the items of a list, the parts of a text, or one for each of some words."""

    column: str
    split: str = ""
    find: str = ""
    words: tuple[str, ...] = ()

    @property
    def of_items(self) -> bool:
        """Whether the column is a list of JSON."""
        return not (self.split or self.find or self.words)


@dataclass(frozen=True)
class Pairs:
    """A list of names with values: each name becomes a column below ``path``, with its value.

    ``name`` and ``value`` are paths in an item of the list.
    """

    path: str
    name: str
    value: str


@dataclass(frozen=True)
class FeedMapping:
    """A mapping file, read and checked."""

    known: KnownFeed
    columns: Mapping[str, tuple[Rule, ...]]
    constants: Mapping[str, str]
    kinds: Mapping[str, FieldKind] = field(default_factory=dict)  # of what goes to extra
    dialect: Dialect = field(default_factory=Dialect)
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    format: str = "csv"
    records: str = ""
    each: tuple[Each, ...] = ()
    skip: tuple[str, ...] = ()
    pattern: str = ""
    head: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)  # pattern: fields
    values: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)  # column: value: field: text
    where: Mapping[str, str] = field(default_factory=dict)
    scheme: str = ""
    equals: str = "="
    skip_lines: int = 0
    carry: tuple[str, ...] = ()  # columns of lines that hold for the lines below
    signature: str = ""  # a pattern in the first bytes of its reports, whatever they are called
    encoding: str = ""  # of reports that are not UTF-8, UTF-16 or UTF-32
    pairs: tuple[Pairs, ...] = ()

    @property
    def feed(self) -> Feed:
        """What it says of its feed."""
        return self.known.feed

    @cached_property
    def goals(self) -> frozenset[str]:
        """The fields that it fills."""
        rules = [rule for some in (*self.columns.values(), *self.head.values()) for rule in some]
        valued = {name for table in self.values.values() for entry in table.values() for name in entry}
        return frozenset({*self.constants, *valued, *(name for rule in rules for name in rule.to)})

    @cached_property
    def addressed(self) -> frozenset[str]:
        """The sides of which it names a place more exact than the AS, where no value may be one or the other."""
        exact = ("ip", "network", "fqdn", "url")
        rules = [rule for some in (*self.columns.values(), *self.head.values()) for rule in some]
        chosen = {name for rule in rules if rule.first for name in rule.to}
        chosen |= {name for table in self.values.values() for entry in table.values() for name in entry}
        sides = (side for side in SIDES if f"{side}.asn" not in chosen)
        return frozenset(side for side in sides if any(f"{side}.{name}" in self.goals for name in exact))

    @property
    def plain(self) -> bool:
        """Whether it only names columns of CSV: then the fast path takes it whole."""
        steps = (self.each, self.skip, self.head, self.values, self.where, self.scheme, self.skip_lines, self.encoding)
        return (
            self.format == "csv"
            and not any(steps)
            and FieldKind.JSON not in self.kinds.values()
            and all(one.plain for rules in self.columns.values() for one in rules)
        )
