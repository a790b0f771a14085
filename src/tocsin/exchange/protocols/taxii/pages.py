"""Pages of a partner's collection, each by its index, however many objects there are (TAXII 2.1, sections 3.4, 3.5)."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from tocsin.exchange.formats import read_time, stix_time
from tocsin.exchange.protocols.taxii.models import TaxiiObject
from tocsin.node.errors import UsageError

MOST: Final = 5_000
"""Objects of a page, whatever is asked for."""

_LONGEST: Final = 100  # values of one filter


@dataclass(frozen=True)
class TaxiiFilter:
    """What is asked for. ``after``: only what was added after; ``beyond``: only after this number, ``since``: or time.

    ``versions``: ``last``, ``first``, ``all`` or versions by name. Empty: what the standard says for none.
    """

    after: datetime | None = None
    beyond: int = 0
    since: int = 0
    limit: int = MOST
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    spec_versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaxiiPage:
    """Some objects in the order that they came; ``following``: where the next page begins, empty: there is none."""

    rows: Sequence[Any]
    following: str = ""


def read_filter(query: Iterable[tuple[str, str]]) -> TaxiiFilter:
    """The filter in the parameters of a request; unknown ones are passed over.

    Raises:
        UsageError: one has no such value.

    """
    given = dict(query)

    def words(name: str) -> tuple[str, ...]:
        found = tuple(one for one in given.get(f"match[{name}]", "").split(",") if one)
        if len(found) > _LONGEST:
            raise UsageError(f"A filter has at most {_LONGEST} values.")
        return found

    limit = given.get("limit", str(MOST))
    if not (limit.isascii() and limit.isdecimal() and int(limit[:9]) > 0):
        raise UsageError("limit is a number above 0.")
    after = given.get("added_after")
    since, beyond = _place(given["next"]) if "next" in given else (0, 0)
    return TaxiiFilter(
        None if after is None else _time(after), beyond, since, min(int(limit[:9]), MOST), words("id"), words("type"),
        tuple(map(_version, words("version"))), words("spec_version"),
    )  # fmt: skip


def read_page(session: Session, partner: int, asked: TaxiiFilter, *, content: bool = True) -> TaxiiPage:
    """The next objects that match: what names them, whether they were passed and are revoked, and content if wanted."""
    row = TaxiiObject
    if asked.spec_versions and "2.1" not in asked.spec_versions:
        return TaxiiPage([])
    columns = (row.number, row.added_at, row.object, row.version, row.passed, row.revoked, row.incident_id)
    query = select(*columns, *((row.content,) if content else ()))
    query = query.where(row.partner_id == partner, row.number > asked.beyond, *_conditions(asked))
    rows = session.execute(query.order_by(row.number).limit(asked.limit + 1)).all()
    shown = rows[: asked.limit]
    return TaxiiPage(shown, name_of(shown[-1]) if len(rows) > len(shown) else "")


def has_object(session: Session, partner: int, name: str) -> bool:
    """Whether the partner may read an object of this id."""
    of = select(TaxiiObject.number).where(TaxiiObject.partner_id == partner, TaxiiObject.object == name)
    return session.scalar(of.limit(1)) is not None


def _conditions(asked: TaxiiFilter) -> list[ColumnElement[bool]]:
    row = TaxiiObject
    found: list[ColumnElement[bool]] = []
    if asked.after is not None:
        found.append(row.added_at > asked.after)
    if asked.ids:
        found.append(row.object.in_(asked.ids))
    if asked.types:
        found.append(row.type.in_(asked.types))
    wanted = set(asked.versions or ("last",))
    if "all" in wanted:
        return found
    named = [row.version.in_(sorted(wanted - {"last", "first"}))] if wanted - {"last", "first"} else []
    last = [row.newest.is_(True)] if "last" in wanted else []
    return [*found, or_(*named, *last, *([_is_first()] if "first" in wanted else []))]


def _is_first() -> ColumnElement[bool]:
    other = TaxiiObject.__table__.alias("earlier")
    row = TaxiiObject
    same = other.c.partner_id == row.partner_id, other.c.object == row.object, other.c.number < row.number
    return ~select(other.c.number).where(and_(*same)).exists()


def name_of(row: Any) -> str:
    """What names a place among the objects: time and number, so that no two places have one name."""
    text = f"{row.added_at.timestamp():.6f}.{row.number}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(name: str) -> tuple[int, int]:
    """Time, in microseconds, and number of the place that `name_of` names."""
    try:
        text = base64.urlsafe_b64decode(name[:200] + "=" * (-len(name[:200]) % 4)).decode("ascii")
        at, _, number = text.rpartition(".")
        found = int(at.replace(".", "", 1)), int(number)
    except ValueError:
        raise UsageError("next is not of this server.") from None
    if not (0 <= found[0] < 2**62 and 0 <= found[1] < 2**31):
        raise UsageError("next is not of this server.")
    return found


def _version(text: str) -> str:
    """A version as it is kept, in milliseconds, whatever a client writes it like."""
    at = read_time(text)
    if at is None and text not in {"last", "first", "all"}:
        raise UsageError("match[version] is last, first, all, or times of RFC 3339.")
    return text if at is None else stix_time(at)


def _time(text: str) -> datetime:
    found = read_time(text)
    if found is None:
        raise UsageError("added_after is a time of RFC 3339.")
    return found
