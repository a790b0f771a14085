"""How many bytes one source of others brought on a day (UTC), and the part of the disk that none of them may use.

A source is ``partner:3``, ``person:7``, or a keyed hash of a mail's sender: no address of anybody stands here.
"""

import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Date, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.errors import LaterError, NoRoomError
from tocsin.node.intake_settings import IntakeSettings
from tocsin.node.records import Base, Database, insert_for
from tocsin.node.sentences import say

_KEPT: Final = timedelta(days=7)
_RESERVE: Final = 2_000_000_000  # bytes
_SHARE: Final = 20  # of a disk, one of so many parts is enough of a reserve
_PROBE: Final = "probe"
_AGAIN: Final = 600  # seconds


class DayVolume(Base):
    """What a source brought on a day. ``allowed``: bytes that a person allowed beside the setting, for this day.

    ``refused``: how often something was put off.
    """

    __tablename__ = "day_volume"

    source: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    allowed: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(default=0)


def take_bytes(database: Database, source: str, size: int, most: int, now: datetime) -> None:
    """Count what a source brings. ``most``: bytes a day.

    Raises:
        LaterError: it would be more than that; ``seconds`` until the next day.

    """
    day = now.date()
    with database.begin() as session:
        _begin_day(session, source, day)
        of = DayVolume.source == source, DayVolume.day == day
        fits = DayVolume.bytes + size <= most + DayVolume.allowed
        more = update(DayVolume).where(*of, fits).values(bytes=DayVolume.bytes + size)
        taken = session.execute(more.returning(DayVolume.bytes)).first() is not None
        if not taken:
            session.execute(update(DayVolume).where(*of).values(refused=DayVolume.refused + 1))
    if not taken:
        reason = say("More than %(n)s bytes would have come on one day.", n=f"{most:,}")
        raise LaterError(reason, seconds=86_400 - now.hour * 3_600 - now.minute * 60 - now.second)


def allow_bytes(session: Session, source: str, more: int, now: datetime) -> None:
    """Let a source bring so many bytes more on this day."""
    _begin_day(session, source, now.date())
    of = DayVolume.source == source, DayVolume.day == now.date()
    session.execute(update(DayVolume).where(*of).values(allowed=DayVolume.allowed + more, refused=0))


def refused_sources(session: Session, kind: str, now: datetime) -> Sequence[DayVolume]:
    """The sources of a kind, such as ``partner``, that brought too much today and were allowed no more since."""
    of = DayVolume.day == now.date(), DayVolume.refused > 0, DayVolume.source.startswith(f"{kind}:")
    return session.scalars(select(DayVolume).where(*of).order_by(DayVolume.source)).all()


def forget_volumes(session: Session, now: datetime) -> None:
    """Delete what was counted on days that are past."""
    session.execute(delete(DayVolume).where(DayVolume.day < (now - _KEPT).date()))


def reserve_of(settings: IntakeSettings, home: Path) -> tuple[int, int]:
    """Bytes that are free on the disk of a home, and how many of them are for the node's own work alone."""
    disk = shutil.disk_usage(home)
    return disk.free, settings.reserve_bytes or min(_RESERVE, disk.total // _SHARE)


def check_room(settings: IntakeSettings, home: Path, size: int = 0) -> None:
    """Nothing, where the disk has room for so many bytes of others beside the reserve. Raises NoRoomError."""
    free, reserve = reserve_of(settings, home)
    if free - size < reserve:
        raise NoRoomError(
            say("The disk is nearly full: what is left is for this node's own work."),
            hint=say("Free space, or change [intake] reserve_bytes in tocsin.toml."), seconds=_AGAIN,
        )  # fmt: skip


def write_probe(database: Database, now: datetime) -> None:
    """Write a row that counts nothing, and more than a page of it, to see whether that works. Raises StorageError."""
    with database.begin() as session:
        _begin_day(session, _PROBE, now.date())
        of = DayVolume.source == _PROBE, DayVolume.day == now.date()
        session.execute(update(DayVolume).where(*of).values(bytes=DayVolume.bytes + 1))


def _begin_day(session: Session, source: str, day: date) -> None:
    row = insert_for(session, DayVolume).values(source=source, day=day, bytes=0, allowed=0, refused=0)
    session.execute(row.on_conflict_do_nothing())
