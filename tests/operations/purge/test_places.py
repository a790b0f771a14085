"""Every place where something of strangers may stand is known to the purge, or has a reason why it need not be."""

from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.operations.backup import known_tables
from tocsin.operations.purge import TABLES

PURGED_FOLDERS = {
    HomeFolder.COLLECTED, HomeFolder.COMPILED, HomeFolder.EVENTS, HomeFolder.INBOX, HomeFolder.MAILROOM,
    HomeFolder.INCIDENT_EVIDENCE, HomeFolder.MAILS, HomeFolder.QUARANTINE, HomeFolder.TAKEN_BACK,
    HomeFolder.REPORTS, HomeFolder.UPLOADS,
}  # fmt: skip
"""What purges delete or write anew."""

FOLDERS = {
    HomeFolder.AT_WORK: "empty files, held by processes",
    HomeFolder.EVIDENCE: "copies of pages that this team archived for assessments",
    HomeFolder.EXCHANGE: "what partners signed and a person took; what is recalled leaves with the answer",
    HomeFolder.FEEDS: "mapping files that this team wrote",
    HomeFolder.FIGURES: "counts by class of RSIT",
    HomeFolder.FOUNDING: "what this team said of itself",
    HomeFolder.INDICES: "tables that this team built indices of",
    HomeFolder.KEYS: "keys",
    HomeFolder.LISTS: "lists as their providers publish them, each replaced by its next",
    HomeFolder.LOCALE: "texts of this team",
    HomeFolder.NETWORKS: "tables of networks",
    HomeFolder.PROBLEMS: "hashes, times and counts",
    HomeFolder.PURGES: "references and hashes, as in the journal",
    HomeFolder.REGISTRY: "what registries publish",
    HomeFolder.ROWS: "hashes",
    HomeFolder.SPOOL: "emptied by whoever writes next, and so by each purge",
    HomeFolder.STANDBY: "references and hashes; what a copy that was cut off left there goes with the next copy",
    HomeFolder.TEMPLATES: "texts of this team",
    HomeFolder.CLOCKS: "texts of this team",
    HomeFolder.WARNING_LISTS: "lists that this team adopted",
}
FILES = {
    HomeFile.AUDIT_HEAD: "a hash",
    HomeFile.AUDIT_KEY: "a key",
    HomeFile.PURGES: "references and hashes",
    HomeFile.RECORDS: "purged by table",
    HomeFile.SENT_BEFORE: "references, numbers and marks of what the other machine sent",
    HomeFile.TOKENS: "a key",
    HomeFile.SETTINGS: "written by this team",
    HomeFile.UNFINISHED_RESTORE: "empty",
    HomeFile.USERS: "figures of this team",
    HomeFile.WRITER_LOCK: "a random number, or empty",
}
NOTHING_OF_STRANGERS = {
    "accounts of people here": [
        "account_elsewhere", "api_token", "attempt_bucket", "passkey", "person", "recovery_code", "session", "totp",
        "used_once", "welcome_link",
    ],
    "the directory: what teams and registries say of themselves": [
        "claim", "constituency", "contact_fact", "denial", "directory_decision", "directory_state", "mailbox",
        "merge_refusal", "mute", "rdap_answer", "team", "team_fact", "team_key", "team_merge", "team_profile",
        "team_set",
    ],
    "work of this team": [
        "acceptance", "todo_item", "asset", "asset_change", "asset_match", "asset_touch", "call_sheet",
        "partner", "partner_check", "partner_key", "partner_key_notice", "partner_listing",
        "assessment", "assessment_action", "assessment_answer", "assessment_evidence", "assessment_evidence_use",
        "assessment_framework_version", "assessment_measurement", "assessment_responsible", "assessment_statement",
        "assessment_target", "draft_step", "draft_text", "event_view", "help_text", "rules_version", "clock_text",
        "clock_calendar", "playbook", "exchange_consent", "exchange_number_check", "exchange_spoken_answer",
        "manual_notification",
    ],
    "statements of nodes that signed them, numbers and states": [
        "exchange_agreement", "exchange_agreement_signature",
        "exchange_face_token", "exchange_ground",
        "exchange_link", "exchange_recall",
        "exchange_recall_item", "exchange_recall_sum", "exchange_receipt", "exchange_taxii_collection",
        "exchange_taxii_incident", "exchange_taxii_status",
    ],
    "how a dispatch travelled: addresses, hashes and times": [
        "exchange_address", "exchange_arrival", "exchange_evidence", "exchange_try",
    ],
    "hashes, numbers and times": [
        "answered_digest", "audit_seal", "brake_pass", "day_volume", "exchange_item_origin", "inbox_mail",
        "node_identity", "notification_run",
        "passed_number", "problem_reminder", "reread", "tombstone", "withheld_events", "writer_term",
    ],
    "sealed: it names things by number, and what people typed stands beside it": ["audit_entry"],
    "duty: rosters and notes of this team, rules, and calls by number": [
        "call_out", "call_out_call", "call_out_rule", "duty_change", "duty_contact", "duty_hand_over", "duty_roster",
        "duty_roster_version",
    ],
    "names of feeds, as sources and mapping files have them": ["feed"],
    "words of ours": ["halt"],
    "names of machines, fingerprints, times, and errors in our words": ["chore", "machine"],
    "how far a playbook is, by numbers and ids of its steps": ["incident_playbook", "incident_playbook_step"],
    "who may read and has read what of incidents, by numbers; why somebody let himself in goes with its entry":
        ["compartment", "compartment_member", "incident_look"],
    "names that this team gave incidents, and what belongs together": ["incident_report"],
    "periods of acts and their times; why is an entry": [],
    "orders of courts and the like, which an entry says too": ["legal_hold"],
    "references that were never more": ["hotline_messages", "never_held_references", "withheld_report"],
}  # fmt: skip
"""Tables by the reason why they are not purged."""


def test_every_folder_and_file_of_a_home_is_known() -> None:
    assert PURGED_FOLDERS | FOLDERS.keys() == set(HomeFolder)
    assert not PURGED_FOLDERS & FOLDERS.keys()
    assert FILES.keys() == set(HomeFile)


def test_every_table_is_known() -> None:
    tables = {table.name for table in known_tables()}
    reasoned = [name for names in NOTHING_OF_STRANGERS.values() for name in names]
    assert set(TABLES) <= tables
    assert sorted(tables - set(TABLES) - set(reasoned)) == []
    assert not set(TABLES) & set(reasoned)
    assert len(reasoned) == len(set(reasoned))
