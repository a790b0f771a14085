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
_ROWS: Final = {
    "reference": "reference",
    "title": "name",
    "state": "state",
    "severity": "severity",
    "rsit_type": "type (RSIT)",
    "tlp": "TLP",
    "lead": "lead",
    "waiting_for": "waiting for",
    "waiting_until": "until",
    "opened_at": "opened",
    "changed_at": "changed",
    "merged_into": "merged into",
    "merged": "merged into this",
}
"""What a person reads of an incident, in this order, and what each is called."""

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
    from tocsin.node.accounts import names_of

    states = (IncidentState(state),) if state else UNDER_WAY
    with call.database.reading() as session:
        found = found_in(session, _reader(call.now), IncidentSearch(states, words=words), limit=limit)
        people = names_of(session, {one.lead for one in found})
    names = ("reference", "state", "severity", "lead", "name")
    rows = [(one.reference, one.state, one.severity, people.get(one.lead or 0, ""), one.title) for one in found]
    documents = [fields(one, _NAMES) for one in found]
    call.emit(documents, partial(print_table, "", names, rows) if rows else "No incident matches.")


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
    from tocsin.node.accounts import names_of, names_of_actors
    from tocsin.node.paths import HomeFolder
    from tocsin.server.pages import people_in, steps_of, words_for

    reader = _reader(call.now)
    with call.database.reading() as session:
        incident = find_incident(session, reader, reference)
        family = merged_family(session, reader, incident)
        entries = entries_of(session, reader, family)
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
        people = names_of(session, {*people_in(entries), *(one["owner"] for one in parts["tasks"]), incident.lead})
        steps = steps_of(
            entries, words_for("en", call.home / HomeFolder.LOCALE, {}), people=people, corrected={}, path="",
            parties={one["id"]: one["name"] for one in parts["parties"]},
            actors=names_of_actors(session, {one.by for one in entries}),
            merged={one.id: one.reference for one in family[1:]},
        )  # fmt: skip
    document = _document(incident, into, [one.reference for one in family[1:]])

    def human() -> None:
        shown = {**document, "lead": people.get(incident.lead or 0), "merged": ", ".join(document["merged"])}
        print_table("", ("", ""), [(said, _cell(shown[name])) for name, said in _ROWS.items() if shown[name]])
        rows = [(_cell(one.at), one.by, one.said or one.kind, one.text) for one in steps]
        print_table("entries, newest first", ("at (UTC)", "by", "what", "text"), rows)
        tasks = [(one["id"], one["state"], people.get(one["owner"], ""), one["text"]) for one in parts["tasks"]]
        parties = [(one["id"], one["role"], one["name"], one["mailbox"]) for one in parts["parties"]]
        observables = [(one["id"], one["kind"], one["value"]) for one in parts["observables"]]
        for name, columns, cells in (
            ("tasks", ("id", "state", "assigned to", "text"), tasks),
            ("parties", ("id", "role", "name", "email address"), parties),
            ("observables", ("id", "kind", "value"), observables),
        ):
            if cells:
                print_table(name, columns, cells)

    call.emit({**document, **parts}, human)


def _cell(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value


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
