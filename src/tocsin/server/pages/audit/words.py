"""What each word of the audit log says to a person."""

from collections.abc import Mapping
from typing import Final

from tocsin.node.records import AuditAction, Kind
from tocsin.server.pages.today import CHANGES
from tocsin.server.pages.words import N_

SAYINGS: Final[Mapping[str, str]] = {
    **CHANGES,
    AuditAction.REPORT_SENT: N_("A report was sent in"),
    AuditAction.REPORT_INGESTED: N_("A report was taken in"),
    AuditAction.COLLECTOR_TOOK: N_("A collector took something in"),
    AuditAction.PROBLEMS_REMINDED: N_("Reminder of problems requested"),
    AuditAction.MUTE_SET: N_("Somebody chose not to be told of something"),
    AuditAction.MUTE_ENDED: N_("Something is told again"),
    AuditAction.CONTACT_ASKED: N_("The holder of a mailbox was asked to confirm it"),
    AuditAction.LOOKUP_MADE: N_("A third party was asked about a network"),
    AuditAction.DELIVERY_SENT: N_("A mail left"),
    AuditAction.DELIVERY_HELD: N_("A mail was held"),
    AuditAction.DELIVERY_RETRIED: N_("A mail was tried again"),
    AuditAction.DELIVERY_REPEATED: N_("A mail was sent again"),
    AuditAction.LETTER_SENT: N_("A letter left"),
    AuditAction.RULES_CHANGED: N_("The rules were changed"),
    AuditAction.MAIL_READ: N_("A mail that came in was read"),
    AuditAction.INBOX_RECEIVED: N_("Somebody outside reported something"),
    AuditAction.INBOX_ADDED: N_("A reporter added a message"),
    AuditAction.INBOX_TAKEN: N_("Somebody took a report from outside, or gave it back"),
    AuditAction.INBOX_MOVED: N_("The state of a report from outside changed"),
    AuditAction.INBOX_ANSWERED: N_("A reporter was answered"),
    AuditAction.INBOX_NOTED: N_("A note was kept with a report from outside"),
    AuditAction.INBOX_ERASED: N_("A report from outside was erased"),
    AuditAction.NEVER_HELD_NOTED: N_("A report of what must never be held came; a reference is kept"),
    AuditAction.NEVER_HELD_WAITING: N_("A message to the hotline leaves again"),
    AuditAction.NEVER_HELD_SENT: N_("A message to the hotline left"),
    AuditAction.NEVER_HELD_FAILED: N_("A message to the hotline failed"),
    AuditAction.NEVER_HELD_RECEIVED: N_("The hotline received a report"),
    AuditAction.NEVER_HELD_FORGOTTEN: N_("Old references to what must never be held were deleted"),
    AuditAction.CONTENT_PURGED: N_("Something that must not be here was purged"),
    AuditAction.EVENTS_EXPORTED: N_("Events were exported"),
    AuditAction.VIEW_CHANGED: N_("A view of events was kept or removed"),
    AuditAction.PERSON_INVITED: N_("Somebody was invited"),
    AuditAction.INVITATION_WITHDRAWN: N_("An invitation was withdrawn"),
    AuditAction.PERSON_JOINED: N_("An account was made"),
    AuditAction.PERSON_CHANGED: N_("An account was changed"),
    AuditAction.PERSON_BLOCKED: N_("An account was blocked"),
    AuditAction.PERSON_UNBLOCKED: N_("An account was let in again"),
    AuditAction.PERSON_REMOVED: N_("An account was removed"),
    AuditAction.SESSION_STARTED: N_("Somebody signed in"),
    AuditAction.SESSION_REFUSED: N_("Somebody was not let in"),
    AuditAction.SESSION_ENDED: N_("Somebody was signed out"),
    AuditAction.RESET_ASKED: N_("A link for a new password was made"),
    AuditAction.PASSWORD_CHANGED: N_("A password was changed"),
    AuditAction.FACTOR_CHANGED: N_("A way to sign in was changed or used up"),
    AuditAction.TOKEN_MADE: N_("A token for a program was made"),
    AuditAction.TOKEN_REVOKED: N_("A token for a program was taken back"),
    AuditAction.PERSONAL_READ: N_("Somebody was shown personal data"),
    AuditAction.PAGE_READ: N_("An auditor read a page"),
}
"""Each word in a sentence; a new word gets its sentence here, or where the page of today says it."""

FINDINGS: Final[Mapping[Kind, str]] = {
    "changed": N_("Entry %(entry)s is not what seal %(seal)s was made over."),
    "missing": N_("Entry %(entry)s, which seal %(seal)s holds, is gone."),
    "inserted": N_("Entry %(entry)s stands among sealed ones, and no seal holds it."),
    "seal changed": N_("Seal %(seal)s is not what was signed."),
    "seal missing": N_("Seal %(seal)s is gone."),
    "seal unbound": N_("Seal %(seal)s does not follow the one before it."),
    "seal key": N_("Seal %(seal)s was signed with a key that is not this node's."),
}
"""Each thing that a check of the seals can find."""
