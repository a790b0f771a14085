"""A report that is a list without time or evidence: it becomes no events, and replaces the list before it."""

import polars as pl

from tocsin.events import entries_of, replace_list
from tocsin.node.errors import InputError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.pipeline.parse import OpenReport
from tocsin.pipeline.placement import frame_of
from tocsin.pipeline.stores import NodeWithStores


def take_list(node: NodeWithStores, reading: OpenReport) -> int:
    """Put a list in place of the one before, and give the number of its entries; one without any replaces nothing.

    Raises:
        InputError: it names nothing, or is not whole.

    """
    entries, unreadable = list[pl.DataFrame](), list[tuple[int, str, str]]()
    try:
        for batch in reading.batches:
            entries.append(entries_of(frame_of(batch)))
            unreadable += batch.facts.unusable
    finally:
        reading.note_never_held()
    found, report = pl.concat(entries) if entries else pl.DataFrame(), reading.report
    report.check_unchanged(reading.stream)
    if report.broken or found.is_empty():
        raise InputError(
            report.broken
            or say("%(name)s: no line names an address, network, AS, domain, URL or CVE.", name=report.name),
            hint=say("The list that came before stays in use."),
        )
    feed = reading.feed
    with node.database.begin() as session:
        made = replace_list(node.home, feed, found, unreadable, reading.heard)
        detail: dict[str, object] = {"entries": made.entries, "unreadable": made.unreadable}
        subject = f"feed:{feed.source}/{feed.code}"
        audit(session, AuditAction.LIST_TAKEN, at=reading.heard, actor="ingest", subject=subject, detail=detail)
    return made.entries
