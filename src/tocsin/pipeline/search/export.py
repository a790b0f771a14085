"""Many lines with their answers as a file: only events that may leave count, and the audit log says who took it."""

from collections.abc import Sequence
from typing import Final

from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction, audit
from tocsin.node.spreadsheet import csv_text
from tocsin.pipeline.search.answer import Searcher
from tocsin.pipeline.search.lines import LineAnswer, answer_lines
from tocsin.sharing.export import Export
from tocsin.sharing.visibility import export_scope_of

COLUMNS: Final = ("line", "type", "contacts", "prefix", "asn", "as_name", "country", "open_problems", "last_seen")


def export_lines(searcher: Searcher, lines: Sequence[str]) -> Export:
    """A CSV file (RFC 4180) of what `answer_lines` says, an entry in the audit log with it."""
    node, now = searcher.node, searcher.clock()
    reach = searcher.visitor.reach(Permission.EVENTS_EXPORT)
    found = answer_lines(searcher, lines, sight=export_scope_of(node, node.events, reach))
    text = csv_text([COLUMNS, *(map(str, row_of(one)) for one in found)])
    with node.database.begin() as session:
        detail = {"form": "csv", "lines": len(found)}
        audit(
            session, AuditAction.EVENTS_EXPORTED, at=now, actor=searcher.visitor.actor, subject="search", detail=detail
        )
    name = f"search-{now:%Y%m%dT%H%M%SZ}.csv"
    return Export(name, "text/csv; charset=utf-8; header=present", None, len(found), iter([text.encode()]))


def row_of(answer: LineAnswer) -> list[object]:
    """One line as `COLUMNS` has it; what is not known is empty."""
    keys = " ".join(key for key, _ in answer.contacts)
    problems = "" if answer.problems is None else answer.problems
    seen = f"{answer.seen:%Y-%m-%dT%H:%M:%SZ}" if answer.seen else ""
    return [
        *(answer.line, answer.kind, keys, answer.prefix, answer.asn or "", answer.as_name, answer.country),
        *(problems, seen),
    ]
