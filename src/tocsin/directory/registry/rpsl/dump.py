"""What RPSL dumps say, as teams with mailboxes and rules."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.directory.registry.refusals import Refusals
from tocsin.directory.registry.rpsl.contacts import Contacts, RpslContact
from tocsin.directory.registry.rpsl.gather import RESOURCES, gather, read_parts
from tocsin.directory.registry.rpsl.numbers import take_asns, take_ipv4, take_ipv6
from tocsin.directory.registry.rpsl.territory import CountryFilter
from tocsin.directory.registry.snapshot import MAILBOXES, RULES, TEAMS, UNSURE, RegistrySnapshot, schema

if TYPE_CHECKING:
    import polars as pl

_TAKERS: Final = {"asn": take_asns, "ipv4": take_ipv4, "ipv6": take_ipv6}
_CLASSES: Final = {kind: name for name, kind in RESOURCES.items()}


def read_dump(
    files: Sequence[Path],
    source: str,
    spool: Path,
    refusals: Refusals,
    tell: Callable[[str], None] = lambda _: None,
    *,
    territory: CountryFilter | None = None,
) -> RegistrySnapshot:
    """What the dumps of one registry say, of a territory or of all; ``spool`` is an empty folder to work in.

    A team is a contact: the handle that abuse reports go to, with the response teams. Its key is made of ``source`` and
    the handles, its name is that of the organisation that named it.

    Raises:
        NotFoundError: there is no such file.
        InputError: a file is damaged or no RPSL dump.

    """
    import polars as pl

    gathered = gather(files, spool, refusals, tell)
    tell(f"{gathered.objects.total():,} objects; finding contacts")
    contacts = Contacts(gathered.register)
    keys = _Keys(source, contacts)
    rules, unsure = ([pl.DataFrame(schema=schema(columns))] for columns in (_RULES, UNSURE))
    silent: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for whole in read_parts(gathered):
        part = territory.split(whole, gathered.register, elsewhere) if territory else whole
        found, doubtful = _part(part, contacts, keys, silent, refusals)
        rules.append(found)
        unsure.append(doubtful)
    teams, mailboxes, objects = keys.teams(), keys.mailboxes(), gathered.objects
    del gathered, contacts, keys  # what follows needs the room
    once = _once(pl.concat(rules), refusals)
    spoken = {"asn": {"aut-num"}, "prefix": {"inetnum", "inet6num"}}
    return RegistrySnapshot(
        source=source,
        teams=teams.join(once, on="team", how="semi"),  # whose every number was refused is none
        mailboxes=mailboxes.join(once, on="team", how="semi"),
        rules=once,
        unsure=pl.concat(unsure).unique(),
        speaks=frozenset(kind for kind, classes in spoken.items() if classes & objects.keys()),
        objects=dict(sorted((name or "not RPSL", count) for name, count in objects.items())),
        silent=dict(silent),
        elsewhere={_CLASSES[kind]: count for kind, count in sorted(elsewhere.items())},
    )


_RULES: Final = (*RULES, "span", "where")


class _Keys:
    """The teams that contacts become, by the contact."""

    def __init__(self, source: str, contacts: Contacts) -> None:
        self._source = source
        self._contacts = contacts
        self._keys: dict[tuple[str, tuple[str, ...]], str] = {}
        self._found: dict[str, RpslContact] = {}

    def key(self, contact: RpslContact) -> str:
        """The key of the team that a contact is."""
        known = self._keys.get(contact.key)
        if known is None:
            known = self._keys[contact.key] = team_key(self._source, contact.abuse, *contact.teams)
            self._found[known] = contact
        elif contact.organisation and contact.organisation < (self._found[known].organisation or "~"):
            self._found[known] = contact  # of several organisations with one contact, always the same names it
        return known

    def teams(self) -> "pl.DataFrame":
        """A row for each team: ``TEAMS``."""
        import polars as pl

        organisations = self._contacts.register.organisations
        rows = []
        for key, contact in self._found.items():
            organisation = organisations.get(contact.organisation)
            name = organisation.name if organisation else ""
            handles = " ".join(filter(None, (contact.abuse, *contact.teams)))
            rows.append((key, name or handles[:500], name, organisation.country if organisation else ""))
        return pl.DataFrame(rows, schema=schema(TEAMS), orient="row")

    def mailboxes(self) -> "pl.DataFrame":
        """A row for each mailbox of each team and what it is for: ``MAILBOXES``."""
        import polars as pl

        rows = [(key, *box) for key, contact in self._found.items() for box in self._contacts.mailboxes(contact)]
        return pl.DataFrame(rows, schema=schema(MAILBOXES), orient="row").unique(maintain_order=True)


def team_key(*parts: str) -> str:
    """A key made of a source and handles, always the same; with a hash of them where letters were lost."""
    text = "-".join(filter(None, parts)).lower()
    slug = re.sub(r"[^a-z0-9]+", "-", text).strip("-")
    if slug == text and len(slug) <= 64:
        return slug
    return f"{slug[:55].strip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _part(
    part: "pl.DataFrame", contacts: Contacts, keys: _Keys, silent: Counter[str], refusals: Refusals
) -> "tuple[pl.DataFrame, pl.DataFrame]":
    """The rules of a part (``RULES`` with ``span`` and ``where``), and the values of which something is wrong."""
    import polars as pl

    found = [
        contacts.find(*named) for named in part.select("org", "abuse_c", "mailboxes", "irts", "contacts").iter_rows()
    ]
    teams = [None if contact is None else keys.key(contact) for contact, _ in found]
    frame = part.select("kind", "value", "where").with_columns(
        team=pl.Series(teams, dtype=pl.String),
        said_by=pl.Series([None if contact is None else contact.via for contact, _ in found], dtype=pl.String),
        doubt=pl.Series([bool(problems) for _, problems in found], dtype=pl.Boolean),
    )
    for (kind, value, where, *_), (_, problems) in zip(frame.iter_rows(), found, strict=True):
        for what, why in problems:
            refusals.add(where, f"{_CLASSES[kind]} {value}, {what}", why)
    for (kind,), rows in frame.filter(pl.col("team").is_null() & ~pl.col("doubt")).group_by("kind"):
        silent[_CLASSES[str(kind)]] += len(rows)
    taken = pl.concat(_numbers(kind, frame.filter(pl.col("kind") == kind), refusals) for kind in _TAKERS)
    rules = taken.filter(pl.col("team").is_not_null()).select(_RULES).cast(schema(_RULES))
    doubtful = taken.filter(pl.col("team").is_null() & pl.col("doubt")).select(UNSURE).cast(schema(UNSURE))
    return rules, doubtful


def _numbers(kind: str, rows: "pl.DataFrame", refusals: Refusals) -> "pl.DataFrame":
    """The rows with each of their numbers or networks in ``value``, and with ``span``; those without are refused."""
    import polars as pl

    taken = _TAKERS[kind](rows["value"])
    joined = rows.with_row_index("row").rename({"value": "text"}).join(taken, on="row", maintain_order="left")
    refused = joined.filter(pl.col("why").is_not_null()).unique("row", maintain_order=True)
    for where, text, why in refused.select("where", "text", "why").iter_rows():
        refusals.add(where, f"{_CLASSES[kind]} {text}", why)
    good = joined.filter(pl.col("why").is_null()).with_columns(kind=pl.lit("asn" if kind == "asn" else "prefix"))
    return good.select("team", "kind", "value", "said_by", "span", "where", "doubt")


def _once(rules: "pl.DataFrame", refusals: Refusals) -> "pl.DataFrame":
    """Each number once: of ranges that share a network the narrower says whose it is; who says it twice is told."""
    import polars as pl

    # Equal hashes are more than equal rows, by a few: only these are looked at, and only they need room.
    double = rules.select("kind", "value").hash_rows().is_duplicated()
    rows = rules.filter(double).sort("span", maintain_order=True)
    first = rows.unique(["kind", "value"], keep="first", maintain_order=True)
    others = first.select("kind", "value", "span", pl.col("team").alias("other"))
    again = rows.join(others, on=["kind", "value", "span"]).filter(pl.col("team") != pl.col("other"))
    for kind, value, where in again.select("kind", "value", "where").iter_rows():
        refusals.add(where, f"{kind} {value}", "an earlier object says otherwise of the same; the earlier one is used")
    return pl.concat([rules.filter(~double).select(RULES), first.select(RULES)])
