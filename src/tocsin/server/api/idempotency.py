"""Requests that are done once however often they are sent (draft-ietf-httpapi-idempotency-key-header-07)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import Response
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError

from tocsin.node.errors import UsageError
from tocsin.node.records import Database, is_free
from tocsin.server.api.failures import problem
from tocsin.server.api.models import RequestOnce

HEADER: Final = "idempotency-key"
"""The header by which a request names itself."""

KEPT: Final = timedelta(hours=24)
"""So long an answer is kept."""

_LONGEST = 200  # characters
_GIVEN_UP = timedelta(minutes=2)  # then whoever worked on it was killed
_LOOKED_FOR = timedelta(seconds=2)  # a machine that lost its connection for a moment takes its lock again by then
_HEADERS = ("content-type", "location", "link")


def forget_killed(database: Database, worker: str) -> None:
    """What a process was working on when it was killed may be sent again at once; every act here may be tried again."""
    with database.begin() as session:
        session.execute(delete(RequestOnce).where(RequestOnce.worker == worker, RequestOnce.status.is_(None)))


@dataclass(frozen=True)
class IdempotentRequest:
    """One request: whose, under which name, what it asks (``digest``), and who works on it. All of it blocks."""

    database: Database
    actor: str
    key: str
    digest: str
    worker: str

    def begin(self, now: datetime) -> Response | None:
        """Say that it is being worked on; what to answer instead where it was, or is.

        Raises:
            UsageError: the name cannot be taken.

        """
        if not 0 < len(self.key) <= _LONGEST or not self.key.isprintable():
            raise UsageError(f"An Idempotency-Key has 1 to {_LONGEST} printable characters.")
        try:
            with self.database.begin() as session:
                session.execute(delete(RequestOnce).where(RequestOnce.at < now - KEPT))
                found = session.scalar(select(RequestOnce).where(self._mine).with_for_update())
                if found is not None:
                    return self._again(found, now)
                session.add(
                    RequestOnce(
                        actor=self.actor,
                        key=self.key,
                        digest=self.digest,
                        worker=self.worker,
                        at=now,
                        status=None,
                        headers={},
                        body="",
                    )
                )
        except IntegrityError:  # another began at this very moment
            return _busy()
        return None

    def keep(self, response: Response) -> None:
        """Keep the answer."""
        headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
        with self.database.begin() as session:
            found = session.scalars(select(RequestOnce).where(self._mine)).one()
            found.status, found.headers = response.status_code, headers
            found.body = bytes(response.body).decode()

    def forget(self) -> None:
        """It was not done: it may be sent again under the same name."""
        with self.database.begin() as session:
            session.execute(delete(RequestOnce).where(self._mine))

    @property
    def _mine(self) -> ColumnElement[bool]:
        return (RequestOnce.actor == self.actor) & (RequestOnce.key == self.key)

    def _again(self, found: RequestOnce, now: datetime) -> Response | None:
        if found.digest != self.digest:
            return problem(
                422, "This Idempotency-Key was used for another request.", hint="Take a new one for each request."
            )
        if found.status is not None:
            return Response(found.body, found.status, found.headers)
        age = now - found.at
        if age < _GIVEN_UP and not (age > _LOOKED_FOR and is_free(self.database, f"worker {found.worker}")):
            return _busy()
        found.worker, found.at = self.worker, now
        return None


def _busy() -> Response:
    return problem(
        409,
        "The first request with this Idempotency-Key is still being worked on.",
        hint="Send it again later.",
        headers={"Retry-After": "5"},
    )
