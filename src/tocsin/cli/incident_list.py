"""`tocsin incidents list` and `show`: what the whole team may read. A command has no person, so nothing restricted."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import fields, print_table, say

if TYPE_CHECKING:
    from tocsin.incidents import Incident, IncidentReader

State = Literal["new", "open", "waiting", "closed", "merged", "rejected"]
_NAMES: Final = "reference title state severity rsit_type tlp lead waiting_for waiting_until opened_at changed_at"


def list_incidents(
    call: NodeInvocation,
    state: Annotated[State | None, typer.Option(help="Only these; without it, those that are worked on.")] = None,
    words: Annotated[str, typer.Option(help="Words of the title, or a reference.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, those that changed last first.")] = 100,
) -> None:
    """List incidents that the whole team may read."""
    from tocsin.incidents import UNDER_WAY, IncidentSearch, IncidentState
    from tocsin.incidents import list_incidents as found_in

    states = (IncidentState(state),) if state else UNDER_WAY
    with call.database.reading() as session:
        found = found_in(session, _reader(call.now), IncidentSearch(states, words=words), limit=limit)
    documents = [fields(one, _NAMES) for one in found]
    names = ("reference", "state", "severity", "lead", "title")
    rows = [["" if one[name] is None else one[name] for name in names] for one in documents]
    call.emit(documents, partial(print_table, "", names, rows) if rows else "Nothing here.")


def show_incident(
    call: NodeInvocation, reference: Annotated[str, typer.Argument(help="The reference of an incident.")]
) -> None:
    """Show one incident that the whole team may read, with what was merged into it."""
    from tocsin.incidents import (
        entries_of,
        find_incident,
        merged_family,
        observables_of,
        parties_of,
        references_by_number,
        tasks_of,
    )

    reader = _reader(call.now)
    with call.database.reading() as session:
        incident = find_incident(session, reader, reference)
        family = merged_family(session, reader, incident)
        parts: dict[str, list[dict[str, Any]]] = {
            name: [fields(one, names) for one in find(session, reader, family)]
            for name, find, names in (
                ("entries", entries_of, "id kind happened_at recorded_at by text data tlp supersedes sha256"),
                ("parties", parties_of, "id role name mailbox phone language ceiling left_at"),
                ("tasks", tasks_of, "id text state owner due_at result"),
                ("observables", observables_of, "id kind value role tlp"),
            )
        }
        into = references_by_number(session, reader, [incident.merged_into])
    document = _document(incident, into, [one.reference for one in family[1:]])

    def human() -> None:
        print_table("", ("", ""), [(name, value) for name, value in document.items() if value not in (None, "", [])])
        rows = [
            (f"{one['recorded_at']:%Y-%m-%d %H:%M}", one["kind"], one["by"], one["text"]) for one in parts["entries"]
        ]
        print_table("entries, newest first", ("at (UTC)", "what", "by", "text"), rows)
        for name, columns in (
            ("tasks", "id state text"),
            ("parties", "id role name"),
            ("observables", "id kind value"),
        ):
            if parts[name]:
                print_table(name, columns.split(), [[one[column] for column in columns.split()] for one in parts[name]])

    call.emit({**document, **parts}, human)


def _reader(now: datetime) -> "IncidentReader":
    from tocsin.incidents import IncidentReader

    return IncidentReader(None, now)


def _document(incident: "Incident", into: Any, merged: list[str]) -> dict[str, Any]:
    return {**fields(incident, _NAMES), "merged_into": into.get(incident.merged_into), "merged": merged}


def verify(call: NodeInvocation) -> None:
    """Check that every entry of every incident is what the audit log says it was. Exit 1 when one is not.

    'tocsin audit verify' checks the log itself. Of restricted incidents only the number of an entry is named.
    """
    from tocsin.incidents import check_entries

    with call.database.reading() as session:
        found = check_entries(session)
    document = {"good": not found.changed, **fields(found, "entries erased undone")}
    document["changed"] = [fields(one, "entry incident reason") for one in found.changed]

    def human() -> None:
        for one in found.changed:
            say(f"Entry {one.entry}{f' of {one.incident}' if one.incident else ''}: {one.reason}.")
        state = f"Wrong: {len(found.changed):,}" if found.changed else "All entries are as the audit log has them"
        say(f"{state}. Entries: {found.entries:,}, erased: {found.erased:,}, undone: {found.undone:,}.")

    call.emit(document, human)
    if found.changed:
        raise typer.Exit(1)
