"""`tocsin notices`: what entities filed, our answers, and the report of DORA as a document."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import Team
    from tocsin.incidents.notices import DoraCheck, FiledNotice

app = Commands(
    cls=act_group("notices"),
    help="Notices that entities file: early warnings, notifications, final reports. None of restricted incidents.",
    no_args_is_help=True,
)

State = Literal["received", "answered", "waived", "superseded"]
Format = Literal["dora"]
_Reference = Annotated[str, typer.Argument(help="The reference of a notice.")]
_Format = Annotated[Format, typer.Option("--format", help="Which document.")]


@app.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    law: Annotated[str, typer.Option(help="Only of this act, by its id.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List notices, newest first; none of restricted incidents."""
    from tocsin.directory import teams_by_id
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.notices import NoticeFilter, NoticeState, list_notices

    wanted = NoticeFilter(NoticeState(state) if state else None, law)
    teams = teams_by_id(call.database)
    with call.database.reading() as session:
        found = list_notices(session, IncidentReader(None, call.now), wanted, limit=limit)
    documents = [_document(one, teams[one.notice.team_id]) for one in found]
    names = ("reference", "entity", "law", "kind", "version", "state")
    rows = [
        (*(one[name] for name in names), f"{of.notice.received_at:%Y-%m-%d %H:%M}")
        for of, one in zip(found, documents, strict=True)
    ]
    columns = (*names, "received (UTC)")
    call.emit(documents, partial(print_table, "", columns, rows) if rows else "No notices.")


@app.command()
def show(call: NodeInvocation, reference: _Reference) -> None:
    """Show one notice with its fields."""
    found, team = _found(call, reference)
    document = _document(found, team)

    def human() -> None:
        print_table("", ("", ""), [(name, value) for name, value in document.items() if name != "fields"])
        say(found.report.what)

    call.emit(document, human)


@app.command("fields")
def fields_(
    call: NodeInvocation, law: Annotated[str, typer.Argument(help="An act, by its id.", metavar="ACT")] = ""
) -> None:
    """List the acts, or the fields of each notice of one act."""
    from tocsin.incidents.notices import find_law, notice_laws, options_of

    if not law:
        rows = [(one.id, one.title, one.act, one.edition) for one in notice_laws().values()]
        names = ("id", "title", "act", "edition")
        call.emit([dict(zip(names, row, strict=True)) for row in rows], partial(print_table, "", names, rows))
        return
    found = find_law(law)
    documents = [
        {
            "kind": kind.value, "field": one.id, "type": one.kind.value, "required": one.required,
            "label": one.name_in(call.settings.node.language), "options": list(options_of(one)),
        }
        for kind in found.kinds for one in found.fields_of(kind)
    ]  # fmt: skip
    heads = ("kind", "field", "type", "required", "label")
    rows_of = [[one[name] for name in heads] for one in documents]
    call.emit(documents, partial(print_table, f"{found.title}: {found.act}", heads, rows_of))


@app.command()
def check(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="The document, as JSON.", metavar="FILE")],
    format_: _Format = "dora",
) -> None:
    """Check a document. Exit 1: it is not valid; 2: it cannot be read."""
    from tocsin.incidents.notices import check_dora

    _ = format_
    checked = check_dora(_read(file))
    document = {
        "file": str(file), "valid": checked.valid, "lacking": list(checked.lacking),
        "reasons": [{"path": one.path, "reason": one.reason} for one in checked.faults],
    }  # fmt: skip
    call.emit(document, partial(_print, file, checked))
    if not checked.valid:
        raise typer.Exit(1)


@app.command()
def export(
    call: NodeInvocation,
    reference: _Reference,
    format_: _Format = "dora",
    out: Annotated[Path | None, typer.Option(help="The file; without it, it is printed.", metavar="FILE")] = None,
) -> None:
    """Write a notice as a document for a supervisor; what the regulation asks beyond its fields is said."""
    from tocsin.incidents.notices import check_dora, dora_document, find_law
    from tocsin.interface import note
    from tocsin.node.errors import ConflictError, UsageError

    found, team = _found(call, reference)
    notice = found.notice
    if notice.law != format_:
        raise UsageError(f"{found.report.reference} is no notice under {format_.upper()}.")
    document = dora_document(find_law(notice.law), notice.kind, notice.fields, entity=team.name, code=team.key)
    checked = check_dora(document)
    if not checked.valid:
        reasons = "; ".join(f"{one.path}: {one.reason}" for one in checked.faults)
        raise ConflictError(f"Its fields make no valid document. {reasons}", hint="Correct the notice first.")
    if checked.lacking:
        note(f"The regulation also asks for: {', '.join(checked.lacking)}.")
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if out is None:
        call.emit(document, partial(say, text))
        return
    out.write_text(f"{text}\n", encoding="utf-8")
    call.emit({"file": str(out), "reference": found.report.reference}, f"{out} is written.")


def _found(call: NodeInvocation, reference: str) -> "tuple[FiledNotice, Team]":
    from tocsin.directory import teams_by_id
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.notices import find_notice

    with call.database.reading() as session:
        found = find_notice(session, IncidentReader(None, call.now), reference)
    return found, teams_by_id(call.database)[found.notice.team_id]


def _document(found: "FiledNotice", team: "Team") -> dict[str, object]:
    notice = found.notice
    return {
        "reference": found.report.reference, "entity": team.name, "team": team.key, "law": notice.law,
        "kind": notice.kind, "version": notice.version, "state": found.state.value, "chain": notice.chain,
        "door": notice.door, "received_at": notice.received_at, "answered_at": notice.answered_at,
        "basis": found.report.basis, "fields": notice.fields,
    }  # fmt: skip


def _read(file: Path) -> object:
    from tocsin.incidents.text_files import read_bytes
    from tocsin.node.errors import UsageError

    try:
        return json.loads(read_bytes(file).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no JSON: {error}.", hint="Name a document of this format.") from None


def _print(file: Path, checked: "DoraCheck") -> None:
    say(f"{file} is {'valid' if checked.valid else 'not valid'}.")
    for one in checked.faults:
        say(f"{one.path}: {one.reason}")
    if checked.lacking:
        say(f"The regulation also asks for: {', '.join(checked.lacking)}.")
