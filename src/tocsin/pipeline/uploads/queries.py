"""What became of reports that were sent in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.events import Ingest
from tocsin.node.errors import NotFoundError
from tocsin.node.records import Database
from tocsin.node.trace import id_in
from tocsin.pipeline.groups import NOT_STORED, Counts
from tocsin.pipeline.uploads.models import Upload, UploadState

_NEWEST: Final = 2_000


def read_uploads(
    session: Session, *, before: int | None = None, state: str | None = None, limit: int = 100
) -> Sequence[Upload]:
    """The newest first; ``before``: only those with a lower number."""
    query = select(Upload).order_by(Upload.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Upload.id < before)
    return session.scalars(query if state is None else query.where(Upload.state == state)).all()


def read_upload(session: Session, uuid: UUID) -> Upload:
    """One of them.

    Raises:
        NotFoundError: there is none.

    """
    found = session.scalar(select(Upload).where(Upload.uuid == uuid))
    if found is None:
        raise NotFoundError(f"No report {uuid} was sent in.")
    return found


def traces_of_ingests(database: Database) -> dict[int, str]:
    """The id, as the log has it, of what brought each ingest, of the newest uploads."""
    wanted = select(Upload.uuid, Upload.ingests).where(Upload.state == UploadState.TAKEN.value)
    with database.reading() as session:
        rows = session.execute(wanted.order_by(Upload.id.desc()).limit(_NEWEST)).all()
    return {number: id_in(uuid) for uuid, ingests in rows for number in ingests}


def waiting_since(session: Session) -> datetime | None:
    """When the oldest report came that still waits to be taken in; None where none does."""
    return session.scalar(select(func.min(Upload.sent_at)).where(Upload.state == UploadState.WAITING.value))


def sums_of(session: Session, ingests: Sequence[int], *, after: int) -> Counts:
    """The sums of the ingests that are newer than ``after``; the others are counted as here before."""
    new = {number for number in ingests if number > after}
    total = Counts(reports=len(new), already=len(ingests) - len(new))
    for record in session.scalars(select(Ingest).where(Ingest.number.in_(new))):
        total += Counts(**{name: getattr(record, name) for name in vars(total) if name not in NOT_STORED})
    return total
