"""What is needed of RPSL dumps, in one pass over files in any order: who is named for what, and mailboxes.

Networks and AS numbers go to Parquet files in a folder, a part at a time, so that memory holds only who can be named.
Of persons and roles nothing is kept but the handle and the abuse mailbox.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.directory import canonical
from tocsin.directory.registry.refusals import Refusals
from tocsin.directory.registry.rpsl.objects import RpslObject, read_objects
from tocsin.node.errors import InputError

if TYPE_CHECKING:
    import polars as pl

RESOURCES: Final = {"aut-num": "asn", "inetnum": "ipv4", "inet6num": "ipv6"}
"""The classes that name numbers, with the kind of number."""

_NAMES = frozenset({"country", "org", "abuse-c", "abuse-mailbox", "mnt-irt", "tech-c", "admin-c"})
WANTED: Final = {
    **{name: _NAMES | {name} for name in RESOURCES},
    "organisation": frozenset({"organisation", "org-name", "country", "org", "abuse-c", "abuse-mailbox"}),
    "role": frozenset({"nic-hdl", "abuse-mailbox"}),
    "person": frozenset({"nic-hdl", "abuse-mailbox"}),
    "irt": frozenset({"irt", "e-mail", "abuse-mailbox"}),
}
"""The attributes that are read of each class; nothing else is looked at."""

_KEYS = {**{name: name for name in RESOURCES}, "organisation": "organisation", "irt": "irt"}  # others: nic-hdl
_PART = 20_000
_LIST = " "  # between handles or mailboxes of one attribute; none has a blank


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation, and whom it names."""

    name: str
    country: str
    abuse_c: str
    parent: str
    mailboxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResponseTeam:
    """An ``irt``: its own mailboxes, and those for abuse."""

    mailboxes: tuple[str, ...]
    abuse: tuple[str, ...]


@dataclass
class HandleRegister:
    """Who can be named, by handle in upper case.

    ``mailboxes`` has every role and person, most with an empty tuple. ``unreadable`` are handles of which a mailbox
    could not be read.
    """

    organisations: dict[str, Organisation] = field(default_factory=dict)
    mailboxes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    irts: dict[str, ResponseTeam] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)


@dataclass
class RpslContents:
    """What the files hold: the register, how many objects of each class, and the parts with numbers."""

    register: HandleRegister
    objects: Counter[str]
    parts: list[Path]


def gather(files: Sequence[Path], spool: Path, refusals: Refusals, tell: Callable[[str], None]) -> RpslContents:
    """What is needed of all files; ``spool`` is an empty folder for the parts.

    Raises:
        NotFoundError: there is no such file.
        InputError: a file is damaged or no RPSL dump.

    """
    gathered = RpslContents(HandleRegister(), Counter(), [])
    part: list[tuple[str, ...]] = []
    for path in files:
        before = gathered.objects.total()
        tell(f"{path.name} …")
        for found in read_objects(path, WANTED):
            gathered.objects[found.name] += 1
            where = f"{path.name}, line {found.line}"
            for number, text in found.broken:
                refusals.add(f"{path.name}, line {number}", text, _broken(found))
            if found.name in RESOURCES:
                part.extend(_resource(found, where, refusals))
            elif found.name in WANTED:
                _named(gathered.register, found, where, refusals)
            if len(part) >= _PART:
                gathered.parts.append(_write(part, spool / f"{len(gathered.parts)}.parquet"))
                part.clear()
        if not any(gathered.objects[name] for name in gathered.objects if name) or gathered.objects.total() == before:
            raise InputError(f"{path.name} has no RPSL object in it.", hint="Give a dump such as ripe.db.aut-num.gz.")
    if part:
        gathered.parts.append(_write(part, spool / f"{len(gathered.parts)}.parquet"))
    return gathered


COLUMNS: Final = ("kind", "value", "countries", "org", "abuse_c", "mailboxes", "irts", "contacts", "where")


def read_parts(gathered: RpslContents) -> Iterator["pl.DataFrame"]:
    """The parts: a row for each AS number or range, all texts, lists with blanks between (``COLUMNS``)."""
    import polars as pl

    for path in gathered.parts:
        yield pl.read_parquet(path)


def _broken(found: RpslObject) -> str:
    return "the line is no attribute; the rest of the object was read" if found.name else "not an object of RPSL"


def _resource(found: RpslObject, where: str, refusals: Refusals) -> Iterator[tuple[str, ...]]:
    value = found.first(found.name)
    if not value:
        refusals.add(where, found.name, "the object does not say which one it is")
        return
    mailboxes = _mailboxes(found, f"{found.name} {value}", where, refusals)
    yield (
        RESOURCES[found.name],
        value,
        _handles(found, "country"),
        found.first("org").upper(),
        found.first("abuse-c").upper(),
        _LIST.join(mailboxes),
        _handles(found, "mnt-irt"),
        _handles(found, "tech-c", "admin-c"),
        where,
    )


def _handles(found: RpslObject, *attributes: str) -> str:
    handles = (word for name in attributes for value in found.all(name) for word in value.replace(",", " ").split())
    return _LIST.join(dict.fromkeys(handles)).upper()


def _named(register: HandleRegister, found: RpslObject, where: str, refusals: Refusals) -> None:
    """Note somebody who can be named."""
    handle = found.first(_KEYS.get(found.name, "nic-hdl")).upper()
    if not handle:
        refusals.add(where, found.name, "the object does not say which one it is")
        return
    what = f"{found.name} {handle}"
    before = len(refusals)
    mailboxes = _mailboxes(found, what, where, refusals)
    if found.name == "organisation":
        made = _organisation(found, mailboxes)
        same = register.organisations.setdefault(handle, made) == made
    elif found.name == "irt":
        team = ResponseTeam(_mailboxes(found, what, where, refusals, "e-mail"), mailboxes)
        same = register.irts.setdefault(handle, team) == team
    else:
        same = register.mailboxes.setdefault(handle, mailboxes) == mailboxes
    if len(refusals) > before:
        register.unreadable.add(handle)
    if not same:
        refusals.add(where, what, "an earlier object of this name says otherwise; the earlier one is used")


def _organisation(found: RpslObject, mailboxes: tuple[str, ...]) -> Organisation:
    country = found.first("country").upper()
    return Organisation(
        name=" ".join(found.first("org-name").split())[:500],
        country=country if len(country) == 2 and country.isascii() and country.isalpha() else "",
        abuse_c=found.first("abuse-c").upper(),
        parent=found.first("org").upper(),
        mailboxes=mailboxes,
    )


def _mailboxes(
    found: RpslObject, what: str, where: str, refusals: Refusals, attribute: str = "abuse-mailbox"
) -> tuple[str, ...]:
    taken: dict[str, None] = {}
    for text in found.all(attribute):
        try:
            taken[canonical.mailbox(text)] = None
        except ValueError as error:
            refusals.add(where, f"{what}, {attribute} '{text}'", str(error))
    return tuple(taken)


def _write(part: list[tuple[str, ...]], path: Path) -> Path:
    import polars as pl

    pl.DataFrame(part, schema=dict.fromkeys(COLUMNS, pl.String), orient="row").write_parquet(path, compression="lz4")
    return path
