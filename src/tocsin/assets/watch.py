"""Whether what comes in names a critical asset: batches of new events, observables of incidents.

For the rest of Tocsin this gives numbers and counts, never what the register says. An event is in a network by its
address; where it has none, by the network that it names. Products are compared with nothing: events name them
wherever they are. A name below a domain of the register counts as it; ``.mu`` stands for no name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.assets.register import (
    Asset,
    AssetChange,
    AssetMatch,
    AssetTouch,
    ChangeState,
    IdentifierKind,
    open_touches,
    stale,
)
from tocsin.incidents import IncidentReader, ObservableKind, highest_observable, host_of, observables_after
from tocsin.networks import flatten_cover, parse_network
from tocsin.node.accounts import AccountRole, Permission, Person, Principal
from tocsin.node.node import Node

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    from tocsin.networks import Cover, Network

_SIDES: Final = ("source", "destination")
EVENT_COLUMNS: Final = tuple(
    f"{side}.{name}" for side in _SIDES for name in ("ip.hi", "ip.lo", "network", "fqdn", "asn")
)
"""What `AssetMatcher.events` asks of a batch."""

_AGAIN: Final = 1_000
"""So many of the newest observables are compared once more: the number of one that was undone is given again."""

_LOW: Final = 0xFFFF
_BLOCK: Final = 5_000  # observables that are compared at once


@dataclass(frozen=True)
class AssetMatcher:
    """Finds the assets that addresses and names belong to. ``networks``, ``domains``, ``asns``: whose each is."""

    networks: Mapping["Network", frozenset[int]]
    domains: Mapping[str, frozenset[int]]
    asns: Mapping[str, frozenset[int]]

    @classmethod
    def of(cls, session: Session) -> "AssetMatcher":
        """The matcher of the register as it is."""
        found: dict[str, dict[str, set[int]]] = {kind: {} for kind in IdentifierKind}
        for number, identifiers in session.execute(select(Asset.id, Asset.identifiers)):
            for one in identifiers:
                found[one["kind"]].setdefault(one["value"], set()).add(number)
        owned = {kind: {value: frozenset(of) for value, of in values.items()} for kind, values in found.items()}
        networks = {parse_network(value): of for value, of in owned[IdentifierKind.NETWORK].items()}
        domains = {value: of for value, of in owned[IdentifierKind.DOMAIN].items() if not value.startswith(".")}
        return cls({at: of for at, of in networks.items() if at}, domains, owned[IdentifierKind.ASN])

    def events(self, frame: "pl.DataFrame") -> Counter[int]:
        """How many events of a batch name each asset, by its number; an event counts once for each side of it."""
        import polars as pl

        hits: Counter[int] = Counter()
        for side in _SIDES:
            if found := [*self._of_side(frame, side)]:
                counts = pl.concat(found).unique().group_by("asset").len()
                hits.update(dict(counts.iter_rows()))
        return hits

    def observable(self, kind: str, value: str) -> frozenset[int]:
        """The assets that an observable names: their addresses, a network with or within theirs, their names."""
        host = host_of(kind, value)
        if kind == ObservableKind.ASN:
            return self.asns.get(host, frozenset())
        if (network := parse_network(host)) is not None:
            return frozenset().union(*(of for known, of in self.networks.items() if _overlap(known, network)))
        return self.named(host.lower())

    def named(self, name: str) -> frozenset[int]:
        """The assets that a domain name belongs to."""
        labels = name.split(".")
        above = (".".join(labels[place:]) for place in range(len(labels)))
        return frozenset().union(*(self.domains.get(one, frozenset()) for one in above))

    def _of_side(self, frame: "pl.DataFrame", side: str) -> "Iterator[pl.DataFrame]":
        """Rows of a batch with the assets that they name: columns ``row`` and ``asset``."""
        import polars as pl

        rows = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
        if self.networks:
            halves = frame.select(f"{side}.ip.hi", f"{side}.ip.lo").with_columns(rows.alias("row")).drop_nulls()
            hi, lo = (halves.get_column(f"{side}.ip.{half}").to_numpy().view(np.uint64) for half in ("hi", "lo"))
            places = self._cover.table.lookup(hi, lo)
            found = np.flatnonzero(places >= 0)
            yield _owned(halves.get_column("row")[found], pl.Series(places[found]), self._owners_at)
            named = frame.get_column(f"{side}.network")
            if halves.height < frame.height and named.null_count() < frame.height:  # else the address says more
                alone = frame.get_column(f"{side}.ip.hi").is_null() & named.is_not_null()
                texts = named.filter(alone)
                yield _owned(
                    rows.filter(alone), texts, {one: self.observable("network", one) for one in texts.unique()}
                )
        names = frame.get_column(f"{side}.fqdn")
        if self.domains and names.null_count() < frame.height:
            maybe = names.str.contains_any([*self.domains]).fill_null(value=False)
            texts = names.filter(maybe)
            yield _owned(rows.filter(maybe), texts, {one: self.named(one) for one in texts.unique()})
        asns = frame.get_column(f"{side}.asn")
        if self.asns and asns.null_count() < frame.height:
            some = np.flatnonzero(self._asn_bits[asns.fill_null(0).to_numpy() & _LOW])  # nearly all rows end here
            yield _owned(rows[some], asns[some], self._owners_of_asn)

    @cached_property
    def _owners_at(self) -> dict[int, frozenset[int]]:
        """By place in the cover, whose that network and those above it are."""
        owners, parent = list(self.networks.values()), self._cover.parent
        found: dict[int, frozenset[int]] = {}
        for place in range(len(owners)):
            above, at = set(owners[place]), int(parent[place])
            while at >= 0:
                above |= owners[at]
                at = int(parent[at])
            found[place] = frozenset(above)
        return found

    @cached_property
    def _owners_of_asn(self) -> dict[int, frozenset[int]]:
        return {int(value.removeprefix("AS")): of for value, of in self.asns.items()}

    @cached_property
    def _asn_bits(self) -> "npt.NDArray[np.bool_]":
        """By the low bits of a number, whether an AS of the register has them."""
        bits = np.zeros(_LOW + 1, dtype=bool)
        bits[np.array([*self._owners_of_asn], dtype=np.int64) & _LOW] = True
        return bits

    @cached_property
    def _cover(self) -> "Cover":
        parts = np.array([(at.hi, at.lo, at.length) for at in self.networks], dtype=np.uint64).reshape(-1, 3)
        return flatten_cover(parts[:, 0].copy(), parts[:, 1].copy(), parts[:, 2].astype(np.uint8))

    @property
    def digest(self) -> str:
        """A hash of all that it compares with."""
        every = sorted(
            (str(value), sorted(of))
            for part in vars(self).values()
            if isinstance(part, Mapping)
            for value, of in part.items()
        )
        return sha256(repr(every).encode()).hexdigest()


def asset_matcher(node: Node) -> AssetMatcher | None:
    """What batches of events are compared with; None where there is no register, or nothing in it."""
    if not node.settings.assets.enabled:
        return None
    with node.database.reading() as session:
        matcher = AssetMatcher.of(session)
    return matcher if matcher.networks or matcher.domains or matcher.asns else None


def note_touches(session: Session, touches: Mapping[int, int], now: datetime) -> None:
    """Note how many new events named each asset, in the caller's transaction, for a person to acknowledge."""
    if not touches:
        return
    query = select(AssetTouch).where(
        AssetTouch.asset_id.in_(touches), AssetTouch.incident_id.is_(None), AssetTouch.seen_at.is_(None)
    )
    query = query.order_by(AssetTouch.id).with_for_update()  # one that is acknowledged meanwhile is not counted on
    known = {one.asset_id: one for one in session.scalars(query)}
    here = set(session.scalars(select(Asset.id).where(Asset.id.in_(touches))))
    for number in sorted(here):
        touch = known.get(number) or _touch(session, number, None, now)
        touch.count, touch.last_at = touch.count + touches[number], now


def match_observables(node: Node, now: datetime) -> int:
    """Compare observables of incidents under way that were not compared yet; how many touches are new.

    Restricted incidents too: whoever is shown a touch may read its incident.
    """
    with node.database.begin() as session:
        matcher, past = AssetMatcher.of(session), session.get(AssetMatch, 1)
        number = past.observable - _AGAIN if past is not None and past.identifiers == matcher.digest else 0
        known, made, newest = _known(session), 0, highest_observable(session)
        while block := observables_after(session, number, _BLOCK):
            for one in block:
                for asset in matcher.observable(one.kind, one.value):
                    if (asset, one.incident_id) not in known:
                        known.add((asset, one.incident_id))
                        _touch(session, asset, one.incident_id, now).count = 1
                        made += 1
            number = block[-1].id
        session.merge(AssetMatch(id=1, observable=newest, identifiers=matcher.digest))
    return made


def touched_assets(session: Session, reader: IncidentReader) -> tuple[int, datetime | None]:
    """How many assets were touched and not acknowledged, as far as somebody may read of it, and since when.

    Without a person, what events and open incidents touched: so much is known to call-outs and on this machine.
    """
    if reader.person is not None and not _may(session, reader.person, Permission.ASSETS_READ):
        return 0, None
    found = [one for one, _ in open_touches(session, reader)]
    return len({one.asset_id for one in found}), min((one.first_at for one in found), default=None)


def stale_assets(session: Session, reader: IncidentReader) -> int:
    """How many assets nobody confirmed for a year, for who may confirm them."""
    if not _may(session, reader.person, Permission.ASSETS_WRITE):
        return 0
    return session.scalar(select(func.count()).select_from(Asset).where(stale(reader.now))) or 0


def changes_waiting(session: Session, reader: IncidentReader) -> tuple[int, datetime | None]:
    """How many changes of operators wait for a decision, for who may decide, and since when."""
    if not _may(session, reader.person, Permission.ASSETS_WRITE):
        return 0, None
    query = select(func.count(), func.min(AssetChange.made_at)).where(AssetChange.state == ChangeState.OPEN.value)
    count, since = session.execute(query).one()
    return count, since


def register_counts(session: Session, now: datetime) -> dict[str, int]:
    """How much is in the register: figures alone."""
    count, waiting = select(func.count()).select_from(Asset), select(func.count()).select_from(AssetChange)
    return {
        "assets": session.scalar(count) or 0,
        "stale": session.scalar(count.where(stale(now))) or 0,
        "changes": session.scalar(waiting.where(AssetChange.state == ChangeState.OPEN.value)) or 0,
    }


def _may(session: Session, number: int | None, permission: Permission) -> bool:
    person = None if number is None else session.get(Person, number)
    return person is not None and Principal(AccountRole(person.role)).reach(permission).everything


def _known(session: Session) -> set[tuple[int, int | None]]:
    return {
        (asset, incident) for asset, incident in session.execute(select(AssetTouch.asset_id, AssetTouch.incident_id))
    }


def _touch(session: Session, asset: int, incident: int | None, now: datetime) -> AssetTouch:
    made = AssetTouch(
        asset_id=asset, incident_id=incident, count=0, first_at=now, last_at=now, seen_at=None, seen_by=""
    )
    session.add(made)
    return made


def _owned(rows: "pl.Series", keys: "pl.Series", owners: Mapping[Any, frozenset[int]]) -> "pl.DataFrame":
    """The rows whose key is somebody's, with each asset whose it is."""
    import polars as pl

    pairs = [(key, asset) for key, assets in owners.items() for asset in assets]
    table = pl.DataFrame(pairs, schema={"key": keys.dtype, "asset": pl.Int64}, orient="row")
    return pl.DataFrame([rows.alias("row"), keys.alias("key")]).join(table, on="key").select("row", "asset")


def _overlap(one: "Network", other: "Network") -> bool:
    """Whether one of two networks holds the other."""
    drop = 128 - min(one.length, other.length)
    return (one.hi << 64 | one.lo) >> drop == (other.hi << 64 | other.lo) >> drop
