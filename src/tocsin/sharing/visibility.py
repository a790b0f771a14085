"""What a visitor may see of the stored events, and what may leave with an export: the gate is asked for each label.

Who works on the node sees all of it, inside. A team sees the events that were routed or told to it, as far as the gate
lets it have them: the same question that a digest asks. What one team sees says nothing of another.
"""

import io
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Final

import polars as pl

from tocsin.directory import teams_by_id, version_within
from tocsin.events import (
    EVERYTHING,
    EventCounts,
    Events,
    EventScope,
    FeedRecord,
    Ingest,
    Label,
    ScopeClause,
    SetAsideRow,
    header_of,
    merged,
)
from tocsin.events.sources import FeedSource, sources
from tocsin.node.accounts import PermissionScope
from tocsin.node.errors import TocsinError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.sharing.gate import (
    Audience,
    Marking,
    Recipient,
    ReleasePurpose,
    decide,
    fields_for,
    highest,
    read_marking,
    read_tlp,
    recipient_of,
)
from tocsin.sharing.rules import NO_RULES, Rules, rules_in_force

_PURPOSE: Final = ReleasePurpose.REMEDIATION
_LABEL: Final = re.compile(r"\btlp\W{0,6}([a-z]+(?:\+[a-z]+)?)", re.IGNORECASE)
_UNREADABLE = (TocsinError, ValueError, TypeError, LookupError, RecursionError, pl.exceptions.PolarsError)


def event_scope_of(node: Node, events: Events, reach: PermissionScope) -> EventScope:
    """What somebody with this reach sees on the node's own pages."""
    return EVERYTHING if reach.everything else _of_teams(node, events, reach.teams)


def export_scope_of(node: Node, events: Events, reach: PermissionScope) -> EventScope:
    """What somebody with this reach may carry away in a file."""
    if not reach.everything:
        return _of_teams(node, events, reach.teams)
    # A file is read by nobody in particular, so what is for named people only stays.
    own = Recipient(Audience.OWN, named=False)
    return merged(_windows(None, own, events.labels()))


def labels_that_leave(node: Node, events: Events, reach: PermissionScope) -> frozenset[Label] | None:
    """The labels of stored events that somebody who reads all of them may carry away; None: every label there is."""
    stored = events.labels()
    leaving = frozenset(
        label for window in export_scope_of(node, events, reach).windows for label in window.labels or stored
    )
    return None if leaving == stored else leaving


def aside_that_leaves(node: Node, rows: Iterable[SetAsideRow], *, named: bool = False) -> list[SetAsideRow]:
    """Rows that were set aside, without the text of those that the gate keeps back, and why it does.

    ``named``: for one known person who mends them; else for a list, a file or a program.
    """
    own = Recipient(Audience.OWN, named=named)
    shown: list[SetAsideRow] = []
    for number, group in groupby(rows, key=lambda row: row.ingest):
        of = list(group)
        for row, marking in zip(of, _markings_aside(node, number, of), strict=True):
            verdict = decide(marking, own, _PURPOSE)
            shown.append(row if verdict.allowed else replace(row, raw="", withheld=verdict.words))
    return shown


def _markings_aside(node: Node, number: int, rows: Collection[SetAsideRow]) -> list[Marking]:
    """The marking of each row: its own label, as its feed is read or as its text says, else that of its feed."""
    with node.database.reading() as session:
        feed = session.get_one(FeedRecord, session.get_one(Ingest, number).feed_id)
    origin, header = sources(node.home / HomeFolder.FEEDS).get(feed.source), header_of(node.quarantine, number)
    labels = [_label_aside(origin, feed.code, header, row.raw) if origin and row.raw else None for row in rows]
    return [read_marking(label or feed.tlp, None) for label in labels]


def _label_aside(origin: FeedSource, code: str, header: list[str], raw: str) -> str | None:
    """The TLP label that a row carries; where it should have one that nobody finds, a label that nobody knows."""
    columns: Collection[str] = ()
    try:
        stream = io.BytesIO("\n".join([*header, raw, ""]).encode("utf-8", "surrogateescape"))
        reader = origin.open(code, stream, 1 << 20)
        columns = getattr(reader, "columns", ())
        [batch] = [batch for chunk in reader.chunks() if (batch := reader.parse(chunk)).frame.height]
    except _UNREADABLE:
        said = _LABEL.search(raw)
        hidden = any("tlp" in column.lower() for column in columns)
        return said[1] if said else "unknown" if hidden else None
    given = [str(text) for text in batch.frame["tlp"] if text] if "tlp" in batch.frame.columns else []
    narrowest = max(map(read_tlp, given), key=lambda label: label.rank, default=None)
    return narrowest or batch.constants.get("tlp")


def marking_of(figures: EventCounts) -> Marking | None:
    """The marking of all these events together; None where there are none."""
    markings = [read_marking(tlp, pap) for tlp, pap in figures.labels]
    return highest(markings) if markings else None


def _of_teams(node: Node, events: Events, teams: Collection[int]) -> EventScope:
    if not teams:
        return EventScope()
    labels, own = events.labels(), frozenset(node.settings.node.own_teams)
    with node.database.reading() as session:
        version, rules = version_within(session), rules_in_force(session).sharing

    def windows() -> Iterator[ScopeClause]:
        for number, team in teams_by_id(node.database, teams).items():
            if number in teams or team.id in teams:
                yield from _windows(number, recipient_of(team, own=own), labels, rules)

    return events.scopes.get((frozenset(teams), labels, own, version, rules.version), lambda: merged(windows()))


def _windows(
    team: int | None, recipient: Recipient, labels: Collection[Label], rules: Rules = NO_RULES
) -> Iterator[ScopeClause]:
    """A window for each set of fields that goes with some of the labels.

    What a rule of the node says of all events is asked here. Where one may keep some events back, the team sees what it
    was told, since that was asked then; what a rule hides of some events is hidden of all.
    """
    local = [rule for one in rules.document.rules if (rule := one.local) and rule.concerns(recipient, _PURPOSE)]
    some = {one.id for one in rules.document.rules if one.when}
    always = [replace(rule, refuse=False, up_to=None) if rule.id in some else rule for rule in local]
    told_only = any(rule.id in some and not rule.hide for rule in local)
    by_fields: dict[frozenset[str], set[Label]] = {}
    for label in labels:
        marking = read_marking(*label)
        if decide(marking, recipient, _PURPOSE, always).allowed:
            by_fields.setdefault(frozenset(fields_for(recipient, _PURPOSE, marking, always)), set()).add(label)
    teams = None if team is None else frozenset([team])
    for fields, of in by_fields.items():
        yield ScopeClause(teams, frozenset(of), fields, told_only)
