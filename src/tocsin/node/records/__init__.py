"""The records database: teams, ingests, deliveries, audit; SQLite by default, PostgreSQL by one URL.

Said once for all rooms: times are UTC-aware datetimes, ids are UUIDs or database numbers that never leave the node,
and a change and its audit entry share one transaction.
"""

from tocsin.node.records.audit import AuditAction, AuditEntry, AuditSeal, audit
from tocsin.node.records.audit_texts import AuditAside, name_by_reference, read_asides
from tocsin.node.records.engine import (
    Base,
    Database,
    Json,
    SentenceRecords,
    SentenceText,
    UTCDateTime,
    open_database,
    sqlite_url,
)
from tocsin.node.records.identity import node_uuid
from tocsin.node.records.kill_points import cut
from tocsin.node.records.numbering import continue_numbering, counted
from tocsin.node.records.processes import alive
