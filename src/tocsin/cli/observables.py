"""`tocsin observables`: what a text names that can be compared, where it was seen, and what warns of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, Invocation, print_json, print_table, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.incidents import ExtractedObservables
    from tocsin.incidents.sightings import WarningList

app = Commands(
    cls=act_group("observables"),
    help="Observables: addresses, names, hashes … in texts and incidents, and where they were seen.",
    no_args_is_help=True,
)
lists = Commands(help="Warning lists: values that are often false positives.", no_args_is_help=True)
app.add_typer(lists, name="lists")


@app.command("list")
def list_observables(
    call: NodeInvocation, reference: Annotated[str, typer.Argument(help="The reference of an incident.")]
) -> None:
    """List the observables of an incident: in how many events each was seen, when, and whom these events concern."""
    from tocsin.directory import team_names
    from tocsin.incidents import IncidentReader, find_incident, merged_family, observables_of
    from tocsin.incidents.sightings import standings_of, warnings_of

    reader = IncidentReader(None, call.now)
    with call.database.reading() as session:
        family = merged_family(session, reader, find_incident(session, reader, reference))
        rows = observables_of(session, reader, family)
        standings = standings_of(session, reader, rows)
        names = team_names(session, {team for one in standings.values() for team in one.teams})
    warnings = warnings_of(call.home, [(one.kind, one.value) for one in rows])
    found = [
        {
            "id": one.id, "kind": one.kind, "value": one.value, "role": one.role, "valid_until": one.valid_until,
            "events": standings[one.id].events, "first_seen": standings[one.id].first_at,
            "last_seen": standings[one.id].last_at,
            "teams": sorted(names[team][0] for team in standings[one.id].teams if team in names),
            "warning_lists": warnings.get((one.kind, one.value), []),
        }
        for one in rows
    ]  # fmt: skip
    heads = ("id", "kind", "value", "events", "last_seen", "teams", "warning_lists")
    call.emit(found, lambda: print_table("", heads, [[_cell(one[head]) for head in heads] for one in found]))


@lists.command("add")
def add_list(
    call: NodeInvocation, file: Annotated[Path, typer.Argument(help="A file in the format of MISP's warning lists.")]
) -> None:
    """Adopt a warning list: observables on it are marked as often false positives, and nothing of them is dropped."""
    from tocsin.incidents.sightings import add_warning_list
    from tocsin.node.records import AuditAction, audit

    found = add_warning_list(call.home, file)
    with call.database.begin() as session:
        detail: dict[str, object] = {"version": found.version, "entries": found.entries}
        subject, word = f"warning-list:{found.file}", AuditAction.WARNING_LIST_ADDED
        audit(session, word, at=call.now, actor=call.actor, subject=subject, detail=detail)
    call.emit(_list_document(found), visible(f"{found.file}: {found.entries} entries."))


@lists.command("list")
def list_lists(call: NodeInvocation) -> None:
    """List the warning lists of this node."""
    from tocsin.incidents.sightings import read_warning_lists

    found = [_list_document(one) for one in read_warning_lists(call.home)]
    heads = ("file", "name", "version", "type", "entries")
    call.emit(found, lambda: print_table("", heads, [[_cell(one[head]) for head in heads] for one in found]))


@lists.command("remove")
def remove_list(call: NodeInvocation, name: Annotated[str, typer.Argument(help="What 'list' calls it.")]) -> None:
    """Remove a warning list."""
    from tocsin.incidents.sightings import remove_warning_list
    from tocsin.node.records import AuditAction, audit

    remove_warning_list(call.home, name)
    with call.database.begin() as session:
        subject, word = f"warning-list:{name}", AuditAction.WARNING_LIST_REMOVED
        audit(session, word, at=call.now, actor=call.actor, subject=subject)
    call.emit({"file": name}, visible(f"{name} is removed."))


@app.command()
def extract(
    call: Invocation, file: Annotated[Path, typer.Argument(help="A text in UTF-8; - for standard input.")]
) -> None:
    """Find what a text names, refanged, and the lines in which nothing was found. Nothing is stored.

    With --json a line each: kind, value and line; of a line without anything the kind is "junk" and the value its text.
    """
    from tocsin.incidents import extract_observables

    found = extract_observables(_read(file))
    if call.json:
        rows = [(one.kind.value, one.value, one.line) for one in found.found]
        for kind, value, line in sorted([*rows, *(("junk", text, number) for number, text in found.junk)], key=_line):
            print_json({"kind": kind, "value": value, "line": line})
        return
    _show(found)


def _list_document(of: "WarningList") -> dict[str, object]:
    return {"file": of.file, "name": of.name, "version": of.version, "type": of.kind, "entries": of.entries}


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _show(found: "ExtractedObservables") -> None:
    rows = [(one.kind.value, one.value, one.line) for one in found.found]
    print_table("", ("kind", "value", "line"), rows)
    if found.junk:
        print_table("lines without any", ("line", "text"), [(number, text[:100]) for number, text in found.junk])


def _line(row: tuple[str, str, int]) -> int:
    return row[2]


def _read(file: Path) -> str:
    """The text of a file; what is not UTF-8 in it is left out.

    Raises:
        UsageError: it cannot be read, or is no text.

    """
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    if b"\0" in raw:
        raise UsageError(f"{file} is no text in UTF-8.", hint="Save it as text in UTF-8.")
    return raw.decode("utf-8-sig", "ignore")
