"""Events: their schema, the sources they come from, and the table they are kept in."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.events import acts
    from tocsin.events.acts import FeedCadence
    from tocsin.events.addresses import within
    from tocsin.events.alarms import FeedState, alarms_of, feed_states, watch_feeds
    from tocsin.events.arrivals import EventArrivals
    from tocsin.events.browse import EventHistory, EventOrder, Events, cursor_of, read_cursor
    from tocsin.events.classify import RSIT_TYPES, TYPES
    from tocsin.events.conditions import Conditions, FilterError, read_lower, read_network, read_words
    from tocsin.events.context_lists import (
        ContextList,
        ContextListing,
        codes_of,
        context_lists,
        entries_of,
        find_listings,
        list_changed,
        list_path,
        replace_list,
        vulnerability_lists,
    )
    from tocsin.events.counting import EventCounts
    from tocsin.events.cves import cve_columns, cves_of, is_cve, may_name, named_cves, names_cve
    from tocsin.events.duplicates import first_of_each, row_keys
    from tocsin.events.encoding import short_references
    from tocsin.events.enrich import enrich
    from tocsin.events.export import EVENT, ExportForm, media_of, table_of, written
    from tocsin.events.extra import extras_of, fold
    from tocsin.events.fields import BY_NAME, FIELDS, Field, FieldKind, Privacy
    from tocsin.events.filters import EVERYWHERE, NOT_KNOWN, SEVERITIES, SPANS, TLPS, EventFilter
    from tocsin.events.health import filled_columns
    from tocsin.events.identifiers import bundled_identifiers, stored_identifiers
    from tocsin.events.idf_out import addresses, flat, idf_lines, to_idf
    from tocsin.events.ingests import (
        IngestFilter,
        WaitingRows,
        count_ingests,
        find_ingests,
        open_rows,
        open_rows_of,
        taken_places,
        waiting_rows,
    )
    from tocsin.events.matching import TEXT_ROWS
    from tocsin.events.models import (
        IS_PREPARED,
        ColumnSet,
        FeedAlarm,
        FeedRecord,
        Ingest,
        IngestState,
        LeftAside,
        NotificationRun,
        Reread,
        TeamSet,
        WithheldEvents,
    )
    from tocsin.events.normalise import NormalisedBatch, normalise
    from tocsin.events.purge import purge_ingest
    from tocsin.events.quarantine import Quarantine, SetAsideRow, forget_rows, header_of, purge_rows, set_aside
    from tocsin.events.repeats import pack_repeats, repeats_of
    from tocsin.events.reports import MailReading, OpenedReport, empty_spool, find_reports, open_reports, shown
    from tocsin.events.schema import COLUMNS
    from tocsin.events.scope import EVERYTHING, EventScope, Label, ScopeClause, merged
    from tocsin.events.store import NO_CONTACT, TOLD_IN, EventQuery, EventStore, may_hold
    from tocsin.events.summaries import GLANCE, HOUR, Int64s
    from tocsin.events.table import EventPart
    from tocsin.events.views import SavedView, delete_view, own_view, read_views, rename_view, save_view
else:
    lazy_face(__name__)
