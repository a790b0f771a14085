"""The audit log: who changed what, from a closed list of words, in the change's own transaction."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records.audit_texts import actor_by_reference, words_by_reference
from tocsin.node.records.engine import Base, Json, UTCDateTime


class AuditAction(StrEnum):
    """Subject and act; a new act is a new word here, with its meaning in docs/audit.md."""

    NETWORKS_LOADED = "networks.loaded"
    REPORT_SENT = "report.sent"
    REPORT_INGESTED = "report.ingested"
    REPORT_REREAD = "report.reread"
    QUARANTINE_REPLAYED = "quarantine.replayed"
    QUARANTINE_MENDED = "quarantine.mended"
    QUARANTINE_LEFT = "quarantine.left"
    EVENTS_NOTIFIED = "events.notified"
    ITEM_ACCEPTED = "item.accepted"
    ITEM_ASSIGNED = "item.assigned"
    ITEM_SNOOZED = "item.snoozed"
    COMMENT_ADDED = "comment.added"
    COLLECTOR_TOOK = "collector.took"
    COLLECTOR_FAILED = "collector.failed"
    COLLECTOR_RECOVERED = "collector.recovered"
    FEED_CHANGED = "feed.changed"
    FEED_ADDED = "feed.added"
    FEED_PAUSED = "feed.paused"
    FEED_RESUMED = "feed.resumed"
    FEED_REMOVED = "feed.removed"
    FEED_DESCRIBED = "feed.described"
    LIST_TAKEN = "list.taken"
    ALARM_OPENED = "alarm.opened"
    ALARM_CLOSED = "alarm.closed"
    ALARM_ACKNOWLEDGED = "alarm.acknowledged"
    DIRECTORY_IMPORTED = "directory.imported"
    TEAM_SET = "team.set"
    LIMIT_ASKED = "limit.asked"
    MUTE_SET = "mute.set"
    MUTE_ENDED = "mute.ended"
    PROFILE_ISSUED = "profile.issued"
    ASSERTION_MADE = "assertion.made"
    ASSERTION_DENIED = "assertion.denied"
    ASSERTION_WITHDRAWN = "assertion.withdrawn"
    CONFLICT_DECIDED = "conflict.decided"
    DECISION_WITHDRAWN = "decision.withdrawn"
    CONTACT_ASKED = "contact.asked"
    CONTACT_CONFIRMED = "contact.confirmed"
    CLAIM_MADE = "claim.made"
    CLAIM_PROVED = "claim.proved"
    CLAIM_APPROVED = "claim.approved"
    CLAIM_REFUSED = "claim.refused"
    TEAM_MERGED = "team.merged"
    TEAM_UNMERGED = "team.unmerged"
    MERGE_REFUSED = "merge.refused"
    DELEGATIONS_IMPORTED = "delegations.imported"
    LOOKUP_MADE = "lookup.made"
    KEY_IMPORTED = "key.imported"
    KEY_WITHDRAWN = "key.withdrawn"
    NODE_KEY_SET = "nodekey.set"
    NODE_KEY_DROPPED = "nodekey.dropped"
    DELIVERY_SENT = "delivery.sent"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_APPROVED = "delivery.approved"
    DELIVERY_RELEASED = "delivery.released"
    DELIVERY_DROPPED = "delivery.dropped"
    DELIVERY_HELD = "delivery.held"
    DELIVERY_RETRIED = "delivery.retried"
    DELIVERY_REPEATED = "delivery.repeated"
    DELIVERY_EXPIRED = "delivery.expired"
    DELIVERY_STUCK = "delivery.stuck"
    LETTER_SENT = "letter.sent"
    LETTER_FAILED = "letter.failed"
    ACT_UNDONE = "act.undone"
    TELLING_STOPPED = "telling.stopped"
    TELLING_RESUMED = "telling.resumed"
    BRAKE_PULLED = "brake.pulled"
    BRAKE_RELEASED = "brake.released"
    RULES_CHANGED = "rules.changed"
    ANSWER_RECORDED = "answer.recorded"
    ANSWER_WITHDRAWN = "answer.withdrawn"
    PROBLEMS_REMINDED = "problems.reminded"
    NOTIFICATION_RECORDED = "notification.recorded"
    MAIL_READ = "mail.read"
    MAIL_DECIDED = "mail.decided"
    INBOX_RECEIVED = "inbox.received"
    INBOX_ADDED = "inbox.added"
    INBOX_TAKEN = "inbox.taken"
    INBOX_MOVED = "inbox.moved"
    INBOX_ANSWERED = "inbox.answered"
    INBOX_NOTED = "inbox.noted"
    INBOX_SENT_ON = "inbox.senton"
    INBOX_ERASED = "inbox.erased"
    INBOX_BASIS = "inbox.basis"
    INBOX_RELEASED = "inbox.released"
    INCIDENT_ENTRY = "incident.entry"
    WARNING_LIST_ADDED = "warninglist.added"
    WARNING_LIST_REMOVED = "warninglist.removed"
    DUTY_CHANGED = "duty.changed"
    DUTY_HANDED_OVER = "duty.handedover"
    DUTY_CONTACT_SET = "duty.contact"
    CALL_RULE_SET = "callrule.set"
    CALL_OUT_OPENED = "callout.opened"
    CALL_OUT_CALLED = "callout.called"
    CALL_OUT_ACKNOWLEDGED = "callout.acknowledged"
    CALL_OUT_UNANSWERED = "callout.unanswered"
    PARTNER_ADDED = "partner.added"
    PARTNER_CHANGED = "partner.changed"
    PARTNER_REMOVED = "partner.removed"
    PARTNER_CHECKED = "partner.checked"
    PARTNER_ALLOWED = "partner.allowed"
    PARTNER_ATTESTED = "partner.attested"
    PARTNER_UNATTESTED = "partner.unattested"
    PARTNERS_LISTED = "partners.listed"
    PARTNER_KEY_ADDED = "partnerkey.added"
    PARTNER_KEY_CONFIRMED = "partnerkey.confirmed"
    PARTNER_KEY_ENDED = "partnerkey.ended"
    PARTNER_TOKEN_MADE = "facetoken.made"  # noqa: S105 (a word, no secret)
    PARTNER_TOKEN_REVOKED = "facetoken.revoked"  # noqa: S105
    DISPATCH_SEALED = "dispatch.sealed"
    DISPATCH_TAKEN = "dispatch.taken"
    DISPATCH_RECEIPTED = "dispatch.receipted"
    DISPATCH_RESENT = "dispatch.resent"
    OFFER_CAME = "offer.came"
    OFFER_COPIED = "offer.copied"
    OFFER_DECIDED = "offer.decided"
    RECALL_MADE = "recall.made"
    RECALL_ANSWERED = "recall.answered"
    RECALL_CONFIRMED = "recall.confirmed"
    NUMBER_CONFIRMED = "number.confirmed"
    CASE_DECIDED = "case.decided"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DECIDED = "message.decided"
    CONSENT_NOTED = "consent.noted"
    AGREEMENT_ADDED = "agreement.added"
    AGREEMENT_SIGNED = "agreement.signed"
    AGREEMENT_ADOPTED = "agreement.adopted"
    AGREEMENT_REFUSED = "agreement.refused"
    AGREEMENT_LEFT = "agreement.left"
    ITEM_SENT = "item.sent"
    ITEM_CONFIRMED = "item.confirmed"
    ASSET_CHANGED = "asset.changed"
    ASSET_SENT = "asset.sent"
    ASSET_DECIDED = "asset.decided"
    ASSET_CONFIRMED = "asset.confirmed"
    ASSET_REMOVED = "asset.removed"
    ASSET_ACKNOWLEDGED = "asset.acknowledged"
    ASSETS_IMPORTED = "asset.imported"
    SHEET_ASKED = "callsheet.asked"
    SHEET_APPROVED = "callsheet.approved"
    SHEET_PRINTED = "callsheet.printed"
    SHEET_DESTROYED = "callsheet.destroyed"
    HELP_TEXT_ADOPTED = "helptext.adopted"
    CLOCKS_CHANGED = "clocks.changed"
    PLAYBOOK_ADDED = "playbook.added"
    PLAYBOOK_REMOVED = "playbook.removed"
    NEVER_HELD_NOTED = "neverheld.noted"
    NEVER_HELD_WAITING = "neverheld.waiting"
    NEVER_HELD_SENT = "neverheld.sent"
    NEVER_HELD_FAILED = "neverheld.failed"
    NEVER_HELD_RECEIVED = "neverheld.received"
    NEVER_HELD_FORGOTTEN = "neverheld.forgotten"
    EVENTS_EXPORTED = "events.exported"
    VIEW_CHANGED = "view.changed"
    RETENTION_APPLIED = "retention.applied"
    MACHINE_REMOVED = "machine.removed"
    BACKUP_MADE = "backup.made"
    BACKUP_CHECKED = "backup.checked"
    BACKUP_RESTORED = "backup.restored"
    BACKUP_REHEARSED = "backup.rehearsed"
    NODE_MOVED = "node.moved"
    NODE_UPGRADED = "node.upgraded"
    STANDBY_SWITCHED = "standby.switched"
    STANDBY_TAKEN_OVER = "standby.takeover"
    DRAFT_IMPORTED = "draft.imported"
    DRAFT_CHANGED = "draft.changed"
    ASSESSMENT_CHANGED = "assessment.changed"
    PERSON_INVITED = "person.invited"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    PERSON_JOINED = "person.joined"
    PERSON_CHANGED = "person.changed"
    PERSON_BLOCKED = "person.blocked"
    PERSON_UNBLOCKED = "person.unblocked"
    PERSON_REMOVED = "person.removed"
    SESSION_STARTED = "session.started"
    SESSION_REFUSED = "session.refused"
    SESSION_ENDED = "session.ended"
    RESET_ASKED = "reset.asked"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 (a word, no password)
    FACTOR_CHANGED = "factor.changed"
    TOKEN_MADE = "token.made"  # noqa: S105 (a word, no secret)
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    PERSONAL_READ = "personal.read"
    PAGE_READ = "page.read"
    WORDS_ERASED = "words.erased"
    CONTENT_PURGED = "content.purged"


_TYPED = frozenset({"reason", "said_by"})  # details that people type


class AuditEntry(Base):
    """One act. ``subject`` names the thing by id, never by personal data."""

    __tablename__ = "audit_entry"
    __table_args__ = tuple(Index(f"ix_audit_entry_{column}", column, "id") for column in ("word", "actor", "subject"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    actor: Mapped[str] = mapped_column(Text)
    word: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, object]] = mapped_column(Json)


class AuditSeal(Base):
    """A signature over some entries and over the seal before; `tocsin.node.records.seals` makes and checks them.

    ``ids``: runs of the entries' ids, first and last of each; ``top``: the highest id that is sealed, here or before.
    ``leaves``: the SHA-256 of each entry, 32 bytes, in that order.
    ``previous``, ``digest``: SHA-256 in hexadecimal; ``key``, ``signature``: Ed25519 in hexadecimal (RFC 8032).
    """

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    count: Mapped[int]
    ids: Mapped[list[list[int]]] = mapped_column(Json)
    top: Mapped[int]
    leaves: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)


def audit(
    session: Session,
    word: AuditAction,
    *,
    at: datetime,
    actor: str,
    subject: str,
    detail: dict[str, object] | None = None,
) -> None:
    """Add one entry to the caller's transaction. What people typed, and their names here, go in by reference."""
    said = {
        name: words_by_reference(session, value) if name in _TYPED and isinstance(value, str) else value
        for name, value in (detail or {}).items()
    }
    who = actor_by_reference(session, actor)
    session.add(AuditEntry(at=at, actor=who, word=word.value, subject=subject, detail=said))
