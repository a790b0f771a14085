"""The one door by which the register is read, besides its acts; every query is asked for whom it reads.

An operator reads the assets of its own teams alone, and of a dependency on others nothing at all. What an incident
touches is shown to whoever may read the incident.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from tocsin.assets.graph import Edges, reached, reversed_edges
from tocsin.assets.register.kinds import STALE_DAYS, ChangeState
from tocsin.assets.register.models import Asset, AssetChange, AssetTouch, CallSheet
from tocsin.incidents import IncidentReader, references_by_number
from tocsin.node.accounts import PermissionScope
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say


@dataclass(frozen=True)
class AssetSearch:
    """What a list is asked for; empty: all. ``need``: ``stale`` or ``touched``."""

    kind: str = ""
    sector: str = ""
    team: int | None = None
    need: str = ""
    words: str = ""


@dataclass(frozen=True)
class Neighbours:
    """What an asset depends on, and what depends on it, nearest first; each with its steps."""

    needs: Sequence[tuple[Asset, int]]
    dependents: Sequence[tuple[Asset, int]]


def in_reach(reach: PermissionScope) -> ColumnElement[bool]:
    """The condition of each query: the assets that somebody may read."""
    return true() if reach.everything else Asset.team_id.in_(reach.teams)


def find_asset(session: Session, reach: PermissionScope, number: int, *, lock: bool = False) -> Asset:
    """One asset. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: there is none of this number for whom this is.

    """
    query = select(Asset).where(Asset.id == number, in_reach(reach))
    if (found := session.scalar(query.with_for_update() if lock else query)) is None:
        raise NotFoundError(say("There is no such asset."))
    return found


def list_assets(
    session: Session, reach: PermissionScope, search: AssetSearch, reader: IncidentReader, *, after: int, limit: int
) -> tuple[Sequence[Asset], int]:
    """A page of the assets that match, by name, and how many there are. ``after``: so many are left out before."""
    conditions = [in_reach(reach), *_conditions(session, search, reader)]
    query = select(Asset).where(*conditions).order_by(func.lower(Asset.name), Asset.id)
    found = session.scalars(query.offset(after).limit(limit)).all()
    return found, session.scalar(select(func.count()).select_from(Asset).where(*conditions)) or 0


def sectors(session: Session, reach: PermissionScope) -> Sequence[str]:
    """The sectors that there are."""
    query = select(Asset.sector).where(in_reach(reach), Asset.sector != "").distinct()
    return sorted(session.scalars(query))


def assets_by_number(session: Session, reach: PermissionScope, numbers: Collection[int]) -> dict[int, Asset]:
    """Those of these numbers that are here."""
    return {one.id: one for one in session.scalars(select(Asset).where(Asset.id.in_(numbers), in_reach(reach)))}


def names(session: Session, reach: PermissionScope) -> Sequence[tuple[int, str]]:
    """Number and name of each asset."""
    query = select(Asset.id, Asset.name).where(in_reach(reach)).order_by(Asset.id)
    return [(number, name) for number, name in session.execute(query)]


def dependencies(session: Session) -> Edges:
    """From each asset to what it needs, all by number."""
    rows = session.execute(select(Asset.id, Asset.needs)).all()
    here = {number for number, _ in rows}
    return {number: [one["on"] for one in needs if one["on"] in here] for number, needs in rows}


def neighbours(session: Session, reach: PermissionScope, asset: Asset, edges: Edges | None = None) -> Neighbours:
    """What it needs and what needs it, through any number of others."""
    edges = dependencies(session) if edges is None else edges
    down, up = reached(edges, asset.id), reached(reversed_edges(edges), asset.id)
    known = assets_by_number(session, reach, {*down, *up})
    return Neighbours(
        [(known[one], steps) for one, steps in down.items() if one in known],
        [(known[one], steps) for one, steps in up.items() if one in known],
    )


def open_touches(session: Session, reader: IncidentReader) -> Sequence[tuple[AssetTouch, str]]:
    """What nobody acknowledged yet, newest first, with the reference of its incident; empty for events."""
    found = session.scalars(select(AssetTouch).where(AssetTouch.seen_at.is_(None)).order_by(AssetTouch.id.desc())).all()
    known = references_by_number(session, reader, [one.incident_id for one in found])
    return [(one, known.get(one.incident_id or 0, "")) for one in found if (one.incident_id or 0) in {0, *known}]


def touches_of(session: Session, reader: IncidentReader, asset: Asset) -> Sequence[tuple[AssetTouch, str]]:
    """The last things that touched one, newest first, as `open_touches`."""
    query = select(AssetTouch).where(AssetTouch.asset_id == asset.id).order_by(AssetTouch.id.desc()).limit(50)
    found = session.scalars(query).all()
    known = references_by_number(session, reader, [one.incident_id for one in found])
    return [(one, known.get(one.incident_id or 0, "")) for one in found if (one.incident_id or 0) in {0, *known}]


def changes_to_review(session: Session, reach: PermissionScope) -> Sequence[AssetChange]:
    """What operators sent and nobody decided, oldest first."""
    mine = true() if reach.everything else AssetChange.team_id.in_(reach.teams)
    query = select(AssetChange).where(AssetChange.state == ChangeState.OPEN.value, mine)
    return session.scalars(query.order_by(AssetChange.id)).all()


def call_sheets(session: Session) -> Sequence[CallSheet]:
    """All of them, the newest first."""
    return session.scalars(select(CallSheet).order_by(CallSheet.id.desc())).all()


def is_stale(asset: Asset, now: datetime) -> bool:
    """Whether nobody confirmed it for a year."""
    return asset.confirmed_at is None or asset.confirmed_at < now - timedelta(days=STALE_DAYS)


def stale(now: datetime) -> ColumnElement[bool]:
    """The same as a condition."""
    return or_(Asset.confirmed_at.is_(None), Asset.confirmed_at < now - timedelta(days=STALE_DAYS))


def _conditions(session: Session, search: AssetSearch, reader: IncidentReader) -> list[ColumnElement[bool]]:
    exact: Mapping[ColumnElement[str], str] = {Asset.kind: search.kind, Asset.sector: search.sector}  # type: ignore[dict-item]  # columns
    found = [column == value for column, value in exact.items() if value]
    if search.team is not None:
        found.append(Asset.team_id == search.team)
    if search.need == "stale":
        found.append(stale(reader.now))
    if search.need == "touched":
        found.append(Asset.id.in_({one.asset_id for one, _ in open_touches(session, reader)}))
    if search.words:
        texts = (Asset.name, Asset.site, Asset.product)
        found.append(or_(*(column.icontains(search.words, autoescape=True) for column in texts)))
    return found
