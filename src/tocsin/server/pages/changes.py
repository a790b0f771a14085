"""What each word of the audit log is called on pages, and the figure or value of an entry that says the most."""

from collections.abc import Callable, Mapping
from typing import Final

from tocsin.node.records import AuditAction
from tocsin.node.sentences import say, say_count
from tocsin.server.pages.words import N_

LABELS: Final[Mapping[str, str]] = {
    AuditAction.NETWORKS_LOADED: N_("Network table loaded"),
    AuditAction.REPORT_SENT: N_("Reports sent in"),
    AuditAction.REPORT_INGESTED: N_("Report processed"),
    AuditAction.REPORT_REREAD: N_("Report read again"),
    AuditAction.QUARANTINE_REPLAYED: N_("Rows reprocessed"),
    AuditAction.QUARANTINE_MENDED: N_("Rows edited and reprocessed"),
    AuditAction.QUARANTINE_LEFT: N_("Unreadable rows dismissed"),
    AuditAction.EVENTS_NOTIFIED: N_("Stored events routed again"),
    AuditAction.ITEM_ACCEPTED: N_("To-do item accepted"),
    AuditAction.ITEM_ASSIGNED: N_("To-do item assigned"),
    AuditAction.ITEM_SNOOZED: N_("To-do item snoozed"),
    AuditAction.COMMENT_ADDED: N_("Comment added"),
    AuditAction.COLLECTOR_TOOK: N_("Reports collected"),
    AuditAction.COLLECTOR_FAILED: N_("Collector failed"),
    AuditAction.COLLECTOR_RECOVERED: N_("Collector works again"),
    AuditAction.FEED_CHANGED: N_("Feed schedule changed"),
    AuditAction.FEED_ADDED: N_("Feed added"),
    AuditAction.FEED_PAUSED: N_("Feed paused"),
    AuditAction.FEED_RESUMED: N_("Feed resumed"),
    AuditAction.FEED_REMOVED: N_("Feed removed"),
    AuditAction.FEED_DESCRIBED: N_("Mapping file of a feed changed"),
    AuditAction.LIST_TAKEN: N_("Context list updated"),
    AuditAction.ALARM_OPENED: N_("Feed alarm raised"),
    AuditAction.ALARM_CLOSED: N_("Feed alarm over"),
    AuditAction.ALARM_ACKNOWLEDGED: N_("Feed alarm acknowledged"),
    AuditAction.DIRECTORY_IMPORTED: N_("Teams imported"),
    AuditAction.TEAM_SET: N_("Team changed"),
    AuditAction.LIMIT_ASKED: N_("Team asked to raise its maximum TLP"),
    AuditAction.MUTE_SET: N_("Mute set"),
    AuditAction.MUTE_ENDED: N_("Mute ended"),
    AuditAction.PROFILE_ISSUED: N_("Team profile issued"),
    AuditAction.ASSERTION_MADE: N_("Added to a team"),
    AuditAction.ASSERTION_DENIED: N_("Given up by a team, or denied"),
    AuditAction.ASSERTION_WITHDRAWN: N_("Statement on a team withdrawn"),
    AuditAction.CONFLICT_DECIDED: N_("Conflict decided"),
    AuditAction.DECISION_WITHDRAWN: N_("Decision withdrawn"),
    AuditAction.CONTACT_ASKED: N_("Verification request queued"),
    AuditAction.CONTACT_CONFIRMED: N_("Verification answered"),
    AuditAction.CLAIM_MADE: N_("Claim made"),
    AuditAction.CLAIM_PROVED: N_("Claim proved"),
    AuditAction.CLAIM_APPROVED: N_("Claim approved"),
    AuditAction.CLAIM_REFUSED: N_("Claim refused"),
    AuditAction.TEAM_MERGED: N_("Teams merged"),
    AuditAction.TEAM_UNMERGED: N_("Merge undone"),
    AuditAction.MERGE_REFUSED: N_("Possible duplicate dismissed"),
    AuditAction.DELEGATIONS_IMPORTED: N_("Delegations of a registry loaded"),
    AuditAction.LOOKUP_MADE: N_("External lookup"),
    AuditAction.KEY_IMPORTED: N_("Key of a team imported"),
    AuditAction.KEY_WITHDRAWN: N_("Key of a team withdrawn"),
    AuditAction.NODE_KEY_SET: N_("Key of this node set"),
    AuditAction.NODE_KEY_DROPPED: N_("Former key of this node deleted"),
    AuditAction.DELIVERY_SENT: N_("Notification sent"),
    AuditAction.DELIVERY_FAILED: N_("Notification not delivered"),
    AuditAction.DELIVERY_RELEASED: N_("Notification released"),
    AuditAction.DELIVERY_APPROVED: N_("Notification approved"),
    AuditAction.DELIVERY_DROPPED: N_("Notification dropped"),
    AuditAction.DELIVERY_HELD: N_("Notification held"),
    AuditAction.DELIVERY_RETRIED: N_("Notification queued again"),
    AuditAction.DELIVERY_REPEATED: N_("Notification repeated"),
    AuditAction.DELIVERY_EXPIRED: N_("Notifications expired"),
    AuditAction.DELIVERY_STUCK: N_("Notification cannot be encrypted"),
    AuditAction.LETTER_SENT: N_("Request sent"),
    AuditAction.LETTER_FAILED: N_("Request not delivered"),
    AuditAction.TELLING_STOPPED: N_("Sending stopped"),
    AuditAction.TELLING_RESUMED: N_("Sending resumed"),
    AuditAction.BRAKE_PULLED: N_("Volume limit reached"),
    AuditAction.BRAKE_RELEASED: N_("Volume limit released"),
    AuditAction.RULES_CHANGED: N_("Rules changed"),
    AuditAction.ANSWER_RECORDED: N_("Answer recorded"),
    AuditAction.PROBLEMS_REMINDED: N_("Reminder requested"),
    AuditAction.NOTIFICATION_RECORDED: N_("Notification recorded"),
    AuditAction.ANSWER_WITHDRAWN: N_("Answer withdrawn"),
    AuditAction.ACT_UNDONE: N_("Undone"),
    AuditAction.MAIL_READ: N_("Incoming mail read"),
    AuditAction.MAIL_DECIDED: N_("Incoming mail reclassified"),
    AuditAction.INBOX_RECEIVED: N_("Report received"),
    AuditAction.INBOX_ADDED: N_("Reporter added a message"),
    AuditAction.INBOX_TAKEN: N_("Owner of a report changed"),
    AuditAction.INBOX_MOVED: N_("State of a report changed"),
    AuditAction.INBOX_ANSWERED: N_("Reporter answered"),
    AuditAction.INBOX_NOTED: N_("Note added to a report"),
    AuditAction.INBOX_SENT_ON: N_("Report sent on to a team"),
    AuditAction.HELP_TEXT_ADOPTED: N_("Help text adopted"),
    AuditAction.CLOCKS_CHANGED: N_("Clock texts or calendar changed"),
    AuditAction.PLAYBOOK_ADDED: N_("Playbook added"),
    AuditAction.PLAYBOOK_REMOVED: N_("Playbook removed"),
    AuditAction.INBOX_ERASED: N_("Report deleted"),
    AuditAction.INBOX_BASIS: N_("Basis of a report changed"),
    AuditAction.INBOX_RELEASED: N_("Consent or order for a report recorded"),
    AuditAction.INCIDENT_ENTRY: N_("Entry added to an incident"),
    AuditAction.WARNING_LIST_ADDED: N_("Warning list adopted"),
    AuditAction.WARNING_LIST_REMOVED: N_("Warning list removed"),
    AuditAction.PARTNER_ADDED: N_("Partner added"),
    AuditAction.PARTNER_CHANGED: N_("Partner edited"),
    AuditAction.PARTNER_REMOVED: N_("Partner removed"),
    AuditAction.PARTNER_CHECKED: N_("Communication check with a partner recorded"),
    AuditAction.PARTNER_ALLOWED: N_("Partner allowed to send more for a day"),
    AuditAction.PARTNER_ATTESTED: N_("Attestation of a partner recorded"),
    AuditAction.PARTNER_UNATTESTED: N_("Attestation of a partner removed"),
    AuditAction.PARTNERS_LISTED: N_("List of partners imported"),
    AuditAction.PARTNER_KEY_ADDED: N_("Key of a partner added"),
    AuditAction.PARTNER_KEY_CONFIRMED: N_("Key of a partner confirmed"),
    AuditAction.PARTNER_KEY_ENDED: N_("Key of a partner ended"),
    AuditAction.PARTNER_TOKEN_MADE: N_("Token of a partner's program made"),
    AuditAction.PARTNER_TOKEN_REVOKED: N_("Token of a partner's program revoked"),
    AuditAction.DISPATCH_SEALED: N_("Dispatch to a partner sealed"),
    AuditAction.DISPATCH_TAKEN: N_("Dispatch of a partner read"),
    AuditAction.DISPATCH_RECEIPTED: N_("Receipt of a partner read"),
    AuditAction.DISPATCH_RESENT: N_("Mail to a partner sent again"),
    AuditAction.OFFER_CAME: N_("Item of a partner's program received"),
    AuditAction.OFFER_COPIED: N_("File of a partner's item downloaded"),
    AuditAction.OFFER_DECIDED: N_("Item of a partner decided"),
    AuditAction.RECALL_MADE: N_("Recall made"),
    AuditAction.RECALL_ANSWERED: N_("Recall of a partner answered"),
    AuditAction.RECALL_CONFIRMED: N_("Answer of a partner recorded"),
    AuditAction.NUMBER_CONFIRMED: N_("Number that a partner has recorded"),
    AuditAction.CASE_DECIDED: N_("Case with a partner decided"),
    AuditAction.MESSAGE_SENT: N_("Request or notice sent to a partner"),
    AuditAction.MESSAGE_DECIDED: N_("Request or notice of a partner decided"),
    AuditAction.CONSENT_NOTED: N_("Consent of a source recorded, or its end"),
    AuditAction.AGREEMENT_ADDED: N_("Agreement added"),
    AuditAction.AGREEMENT_SIGNED: N_("Agreement signed"),
    AuditAction.AGREEMENT_ADOPTED: N_("Agreement adopted"),
    AuditAction.AGREEMENT_REFUSED: N_("Agreement refused"),
    AuditAction.AGREEMENT_LEFT: N_("Agreement left"),
    AuditAction.ITEM_SENT: N_("Shared with a partner"),
    AuditAction.ITEM_CONFIRMED: N_("Read back at a partner"),
    AuditAction.ASSET_CHANGED: N_("Critical asset added or changed"),
    AuditAction.ASSET_SENT: N_("Change of a critical asset sent by an operator"),
    AuditAction.ASSET_DECIDED: N_("Change of a critical asset decided"),
    AuditAction.ASSET_CONFIRMED: N_("Critical asset confirmed"),
    AuditAction.ASSET_REMOVED: N_("Critical asset removed"),
    AuditAction.ASSET_ACKNOWLEDGED: N_("Critical asset: touch acknowledged"),
    AuditAction.ASSETS_IMPORTED: N_("Critical assets imported"),
    AuditAction.SHEET_ASKED: N_("Call sheet requested"),
    AuditAction.SHEET_APPROVED: N_("Call sheet approved"),
    AuditAction.SHEET_PRINTED: N_("Call sheet printed"),
    AuditAction.SHEET_DESTROYED: N_("Call sheet destroyed"),
    AuditAction.DUTY_CHANGED: N_("Roster changed"),
    AuditAction.DUTY_HANDED_OVER: N_("Duty handed over"),
    AuditAction.DUTY_CONTACT_SET: N_("Contact for call-outs changed"),
    AuditAction.CALL_RULE_SET: N_("Call-out rule changed"),
    AuditAction.CALL_OUT_OPENED: N_("Call-out opened"),
    AuditAction.CALL_OUT_CALLED: N_("Person called"),
    AuditAction.CALL_OUT_ACKNOWLEDGED: N_("Call-out acknowledged"),
    AuditAction.CALL_OUT_UNANSWERED: N_("Call-out not acknowledged"),
    AuditAction.NEVER_HELD_NOTED: N_("Hotline: reference kept"),
    AuditAction.NEVER_HELD_WAITING: N_("Hotline: message queued again"),
    AuditAction.NEVER_HELD_SENT: N_("Hotline: message sent"),
    AuditAction.NEVER_HELD_FAILED: N_("Hotline: message failed"),
    AuditAction.NEVER_HELD_RECEIVED: N_("Hotline: report received"),
    AuditAction.NEVER_HELD_FORGOTTEN: N_("Hotline: old references deleted"),
    AuditAction.CONTENT_PURGED: N_("Content purged"),
    AuditAction.EVENTS_EXPORTED: N_("Events exported"),
    AuditAction.VIEW_CHANGED: N_("Saved view changed"),
    AuditAction.RETENTION_APPLIED: N_("Retention"),
    AuditAction.MACHINE_REMOVED: N_("Machine removed"),
    AuditAction.BACKUP_MADE: N_("Backup made"),
    AuditAction.BACKUP_CHECKED: N_("Backup checked"),
    AuditAction.BACKUP_RESTORED: N_("Backup restored"),
    AuditAction.BACKUP_REHEARSED: N_("Restore rehearsed"),
    AuditAction.NODE_MOVED: N_("Records moved to another database"),
    AuditAction.NODE_UPGRADED: N_("Upgraded to another version"),
    AuditAction.STANDBY_SWITCHED: N_("Standby switched on or off"),
    AuditAction.STANDBY_TAKEN_OVER: N_("Taken over from another machine"),
    AuditAction.DRAFT_IMPORTED: N_("Draft imported"),
    AuditAction.DRAFT_CHANGED: N_("Draft changed"),
    AuditAction.ASSESSMENT_CHANGED: N_("Assessment changed"),
    AuditAction.PERSON_INVITED: N_("Invitation sent"),
    AuditAction.INVITATION_WITHDRAWN: N_("Invitation withdrawn"),
    AuditAction.PERSON_JOINED: N_("Account created"),
    AuditAction.PERSON_CHANGED: N_("Account changed"),
    AuditAction.PERSON_BLOCKED: N_("Account blocked"),
    AuditAction.PERSON_UNBLOCKED: N_("Account unblocked"),
    AuditAction.PERSON_REMOVED: N_("Account removed"),
    AuditAction.SESSION_STARTED: N_("Sign-in"),
    AuditAction.SESSION_REFUSED: N_("Sign-in refused"),
    AuditAction.SESSION_ENDED: N_("Sign-out"),
    AuditAction.RESET_ASKED: N_("Password reset link made"),
    AuditAction.PASSWORD_CHANGED: N_("Password changed"),
    AuditAction.FACTOR_CHANGED: N_("Second factor or passkey changed"),
    AuditAction.TOKEN_MADE: N_("API token created"),
    AuditAction.TOKEN_REVOKED: N_("API token revoked"),
    AuditAction.PERSONAL_READ: N_("Personal data read"),
    AuditAction.PAGE_READ: N_("Page read by an auditor"),
    AuditAction.WORDS_ERASED: N_("Reason or name erased"),
}
"""Each word as a noun and what happened to it; a new word gets its label here."""

Detail = Mapping[str, object]


def figure_of(word: str, detail: Detail) -> str:
    """What of an entry says the most beside its subject, as a sentence; empty where there is nothing. Pure."""
    found = _FIGURES.get(word)
    return found(detail) if found else ""


def _number(detail: Detail, name: str) -> int:
    value = detail.get(name)
    return value if isinstance(value, int) else 0


def _retention(detail: Detail) -> str:
    n = _number(detail, "events_deleted")
    return say_count("%(n)s old event deleted", "%(n)s old events deleted", n)


def _rows(detail: Detail) -> str:
    n = _number(detail, "rows")
    return say_count("%(n)s row", "%(n)s rows", n)


def _events(detail: Detail) -> str:
    if "problems" in detail:  # of a file of them
        return _problems(detail)
    n = _number(detail, "events")
    return say_count("%(n)s event", "%(n)s events", n)


def _mails(detail: Detail) -> str:
    n = _number(detail, "mails")
    return say_count("%(n)s mail", "%(n)s mails", n)


def _problems(detail: Detail) -> str:
    n = _number(detail, "problems")
    return say_count("%(n)s problem", "%(n)s problems", n) if n else ""


def _value(detail: Detail) -> str:
    value = detail.get("value")
    if not value:
        return say("email address") if detail.get("kind") == "mailbox" else ""
    return f"AS{value}" if detail.get("kind") == "asn" else str(value)


def _provision(detail: Detail) -> str:
    return str(detail.get("provision", ""))


_FIGURES: Final[Mapping[str, Callable[[Detail], str]]] = {
    AuditAction.RETENTION_APPLIED: _retention,
    AuditAction.REPORT_INGESTED: _rows,
    AuditAction.QUARANTINE_LEFT: _rows,
    AuditAction.EVENTS_NOTIFIED: _events,
    AuditAction.EVENTS_EXPORTED: _events,
    AuditAction.DELIVERY_SENT: _events,
    AuditAction.BRAKE_PULLED: _mails,
    AuditAction.BRAKE_RELEASED: _mails,
    AuditAction.ANSWER_RECORDED: _problems,
    AuditAction.NOTIFICATION_RECORDED: _problems,
    AuditAction.ASSERTION_MADE: _value,
    AuditAction.ASSERTION_DENIED: _value,
    AuditAction.ASSERTION_WITHDRAWN: _value,
    AuditAction.CONFLICT_DECIDED: _value,
    AuditAction.DECISION_WITHDRAWN: _value,
    AuditAction.MUTE_SET: _value,
    AuditAction.MUTE_ENDED: _value,
    AuditAction.DRAFT_CHANGED: _provision,
}
