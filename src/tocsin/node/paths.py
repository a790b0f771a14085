"""The names in a home folder; docs/operate.md says of each what it holds and whether a backup has it."""

from enum import StrEnum


class HomeFolder(StrEnum):
    """A folder in the home of a node."""

    AT_WORK = "at-work"
    CLOCKS = "clocks"
    COLLECTED = "collected"
    COMPILED = "compiled"
    EVENTS = "events"
    EVIDENCE = "evidence"
    EXCHANGE = "exchange"
    FEEDS = "feeds"
    FIGURES = "figures"
    FOUNDING = "founding"
    INBOX = "inbox"
    INCIDENT_EVIDENCE = "incident-evidence"
    INDICES = "indices"
    KEYS = "keys"
    LISTS = "lists"
    LOCALE = "locale"
    MAILROOM = "mailroom"
    MAILS = "mails"
    NETWORKS = "networks"
    PROBLEMS = "problems"
    PURGES = "purges"
    QUARANTINE = "quarantine"
    REGISTRY = "registry"
    REPORTS = "kept-reports"
    ROWS = "rows"
    SPOOL = "spool"
    STANDBY = "standby"
    TAKEN_BACK = "taken-back"
    TEMPLATES = "templates"
    UPLOADS = "uploads"
    WARNING_LISTS = "warning-lists"


class HomeFile(StrEnum):
    """A file in the home of a node."""

    AUDIT_HEAD = "audit.head"  # the newest seal, so that one which is gone from the records is missed
    AUDIT_KEY = "audit.key"  # whoever has it can seal
    PURGES = "purges.jsonl"  # what was purged, by reference and hash: finished after a kill, done again after a restore
    RECORDS = "records.sqlite"
    TOKENS = "secret.key"
    SENT_BEFORE = "sent-before.json"  # what the machine before this one sent that the copy did not know
    SETTINGS = "tocsin.toml"
    UNFINISHED_RESTORE = "restore.unfinished"  # there while a backup is being restored
    USERS = "users-by-as.csv"
    WRITER_LOCK = "writer.lock"
