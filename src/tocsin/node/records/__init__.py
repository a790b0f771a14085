"""The records database: teams, ingests, deliveries, audit; SQLite by default, PostgreSQL by one URL.

Said once for all rooms: times are UTC-aware datetimes, ids are UUIDs or database numbers that never leave the node,
and a change and its audit entry share one transaction.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.node.records.audit import AuditAction, AuditEntry, AuditSeal, audit
    from tocsin.node.records.audit_queries import (
        AuditFilter,
        SealState,
        erase_typed,
        every_entry,
        find_entry,
        list_entries,
        newest_at,
        resolve_references,
        seal_state,
    )
    from tocsin.node.records.audit_texts import (
        AuditAside,
        erase_aside,
        name_by_reference,
        read_asides,
        words_by_reference,
    )
    from tocsin.node.records.change_notices import hear_changes
    from tocsin.node.records.counting import COUNTED, AtLeast, count_up_to, newest_first
    from tocsin.node.records.engine import (
        Base,
        Database,
        Json,
        SentenceRecords,
        SentenceText,
        UTCDateTime,
        insert_for,
        only_where,
        open_database,
        sqlite_url,
        take_turns,
    )
    from tocsin.node.records.from_rows import from_row
    from tocsin.node.records.full_text import INDEX_TABLES, rows_with, words_of
    from tocsin.node.records.identity import node_uuid
    from tocsin.node.records.key_files import LARGE_MERGE, KeyFiles, none_passed
    from tocsin.node.records.key_filter import AskedKeys
    from tocsin.node.records.key_place import KeyPlace
    from tocsin.node.records.kill_points import cut
    from tocsin.node.records.locks import KeptLocks, give_lock, held, is_free, take_lock
    from tocsin.node.records.migrate import revisions
    from tocsin.node.records.moved import RecordsMark, read_mark, refuse_changes, set_mark, short_of
    from tocsin.node.records.numbering import continue_numbering, counted
    from tocsin.node.records.processes import alive, at_work
    from tocsin.node.records.seal_check import Kind, SealCheckResult, check_seals
    from tocsin.node.records.seal_keys import open_seal_key, public_pem, read_public_keys
    from tocsin.node.records.sealer import sealing
    from tocsin.node.records.seals import Head, read_head, seal
    from tocsin.node.records.sweep import sweep
    from tocsin.node.records.tombstones import (
        Tombstone,
        find_tombstone,
        ingests_with_purged_rows,
        newest_tombstones,
        purged_counts,
        purged_of,
        purged_rows,
    )
    from tocsin.node.records.unchanged_copy import copy_unchanged, counts_of
    from tocsin.node.records.undo import (
        GRACE,
        UndoRecord,
        forget_undos,
        open_undo,
        recorded,
        undo,
    )
else:
    lazy_face(__name__)
