"""When a backup of this node was made, read back and restored, from its audit log."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction, AuditEntry, Database, audit


@dataclass(frozen=True)
class BackupHistory:
    """When each of it last happened; None: never. ``since``: when the records of this node begin.

    ``encrypted``: the last backup. ``content``: what was read back was decrypted, not only compared as a file.
    ``restored``: this node was made of one then. ``rehearsed``: the day of a restore elsewhere, as a person noted it.
    """

    since: datetime
    made: datetime | None
    encrypted: bool
    checked: datetime | None
    content: bool
    restored: datetime | None
    rehearsed: date | None

    def overdue(self, days: int, now: datetime) -> bool:
        """Whether the newest backup is older than so many days; 0: it is never too old.

        A node that was restored from a backup has one, and a new one has as long.
        """
        newest = max(at for at in (self.since, self.made, self.restored) if at)
        return days > 0 and (now - newest).days >= days


def backup_history(database: Database, now: datetime) -> BackupHistory:
    """What the audit log says of backups; a log without entries begins ``now``."""
    with database.reading() as session:
        first = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
        last = {
            word: session.scalar(
                select(AuditEntry).where(AuditEntry.word == word.value).order_by(AuditEntry.id.desc()).limit(1)
            )
            for word in (
                AuditAction.BACKUP_MADE,
                AuditAction.BACKUP_CHECKED,
                AuditAction.BACKUP_RESTORED,
                AuditAction.BACKUP_REHEARSED,
            )
        }
    made, checked, restored, rehearsed = last.values()
    return BackupHistory(
        since=first or now,
        made=made.at if made else None,
        encrypted=bool(made and made.detail.get("keys")),
        checked=checked.at if checked else None,
        content=bool(checked and checked.detail.get("content")),
        restored=restored.at if restored else None,
        rehearsed=date.fromisoformat(str(rehearsed.detail["day"])) if rehearsed else None,
    )


def note_rehearsal(database: Database, day: date, *, now: datetime, actor: str) -> None:
    """Note that a backup was restored elsewhere on this day, which the records here cannot know.

    Raises:
        UsageError: the day is still to come.

    """
    if day > now.date():
        raise UsageError(f"{day} is still to come.", hint="Name the day on which it was done.")
    with database.begin() as session:
        audit(
            session,
            AuditAction.BACKUP_REHEARSED,
            at=now,
            actor=actor,
            subject="node",
            detail={"day": day.isoformat()},
        )
