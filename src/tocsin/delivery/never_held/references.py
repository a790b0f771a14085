"""References: noted once each, read by their role only, forgotten after the days of the settings."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.delivery.never_held.models import NeverHeldReference, ReferenceState
from tocsin.node.records import AuditAction, audit
from tocsin.node.tokens import open_tokens

_PURPOSE = "never-held"


@dataclass(frozen=True)
class Reference:
    """What may be kept of one report. ``host``: an address or host name. ``url_hmac``, ``content_hash``: `keyed_hash`.

    A report is the same when class, number and both hashes are; one without number and hashes is never the same.
    """

    class_name: str
    report_id: str = ""
    host: str = ""
    url_hmac: str = ""
    content_hash: str = ""

    @property
    def same(self) -> str | None:
        """What is equal in the same report, or None."""
        named = (self.report_id, self.url_hmac, self.content_hash)
        return "|".join((self.class_name, *named)) if any(named) else None


def keyed_hash(home: Path, content: bytes) -> str:
    """HMAC-SHA-256 in hexadecimal under a key of this node, so that nobody else can try out what it was made of.

    Raises:
        StorageError: the node's secret cannot be used.

    """
    return hmac.new(open_tokens(home).derive(_PURPOSE), content, hashlib.sha256).hexdigest()


def note_reference(session: Session, reference: Reference, *, place: str, state: ReferenceState, now: datetime) -> int:
    """Note a reference in the caller's transaction, with its audit entry; its number.

    One that is known keeps its first time, place and state, and is counted.
    """
    known = _known(session, reference)
    if known is None:
        row = NeverHeldReference(
            class_name=reference.class_name, report_id=reference.report_id, at=now, place=place, host=reference.host,
            url_hmac=reference.url_hmac, content_hash=reference.content_hash, times=1, state=state.value,
            same=reference.same,
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another process noted it at the same moment
            known = _known(session, reference)
            if known is None:
                raise
        else:
            subject = f"never-held:{row.id}"
            audit(session, AuditAction.NEVER_HELD_NOTED, at=now, actor="never-held", subject=subject)
            return row.id
    known.times += 1
    return known.id


def _known(session: Session, reference: Reference) -> NeverHeldReference | None:
    if reference.same is None:
        return None
    return session.scalar(select(NeverHeldReference).where(NeverHeldReference.same == reference.same))
