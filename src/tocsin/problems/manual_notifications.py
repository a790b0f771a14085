"""Notifications that a person made without a mail: by telephone, by post, face to face."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import Text, Uuid, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.interface import N_
from tocsin.node.records import Base, Json, UTCDateTime
from tocsin.problems.problem_names import problem_text


class NotificationWay(StrEnum):
    """How a person notified a team."""

    TELEPHONE = "telephone"
    POST = "post"
    IN_PERSON = "in-person"
    OTHER = "other"


NOTIFICATION_WAYS: Final[Mapping[NotificationWay, str]] = {
    NotificationWay.TELEPHONE: N_("By telephone"),
    NotificationWay.POST: N_("By post"),
    NotificationWay.IN_PERSON: N_("In person"),
    NotificationWay.OTHER: N_("In another way"),
}
"""How a person notified a team, in words."""


class ManualNotification(Base):
    """A team was notified of some problems at one time. ``problems``: their keys, 16 hexadecimal digits each.

    ``noted_by``: who recorded it. ``key``: the act that it records, so that a repeated form is one notification.
    """

    __tablename__ = "manual_notification"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)
    team_id: Mapped[int]
    way: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    problems: Mapped[list[str]] = mapped_column(Json)
    key: Mapped[str] = mapped_column(Text, unique=True)


def manual_notifications(
    session: Session,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each problem and team that a person notified of it: the problem's key, the team, and when (seconds).

    Three arrays of one length, in the order of their keys.
    """
    row = ManualNotification
    rows = session.execute(select(row.team_id, row.at, row.problems)).all()
    keys = np.array([int(text, 16) for _, _, problems in rows for text in problems], dtype=np.uint64)
    sizes = [len(problems) for _, _, problems in rows]
    teams = np.repeat(np.array([team for team, _, _ in rows], dtype=np.int64), sizes)
    times = np.repeat(np.array([int(at.timestamp()) for _, at, _ in rows], dtype=np.int64), sizes)
    order = np.argsort(keys, kind="stable")
    return keys[order], teams[order], times[order]


def first_by_hand(session: Session, teams: Collection[int]) -> dict[int, int]:
    """By problem when one of these teams was first notified of it by a person, in seconds since 1970 UTC."""
    row, found = ManualNotification, dict[int, int]()
    for at, problems in session.execute(
        select(row.at, row.problems).where(row.team_id.in_(teams)).order_by(row.at.desc())
    ):
        found |= dict.fromkeys((int(text, 16) for text in problems), int(at.timestamp()))
    return found


def notified_by_hand(session: Session, key: int) -> list[ManualNotification]:
    """What persons recorded of one problem, in order of time."""
    text = problem_text(key)
    rows = session.scalars(select(ManualNotification).order_by(ManualNotification.at, ManualNotification.id))
    return [row for row in rows if text in row.problems]
