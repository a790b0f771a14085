"""`tocsin incidents export` and `check`: a report of an incident for an audience; whether a record is one of VERIS."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import print_json, say, visible
from tocsin.node.errors import StorageError, UsageError


class ReportFormat(StrEnum):
    """The formats of a report."""

    PDF = "pdf"
    DOCX = "docx"
    CSV = "csv"
    VERIS = "veris"


Audience = Literal["internal", "management", "party", "authority", "public"]


def export_incident(
    call: NodeInvocation,
    reference: Annotated[str, typer.Argument(help="The reference of an incident.")],
    form: Annotated[ReportFormat, typer.Option("--format", help="PDF, Word, the timeline as CSV, or VERIS.")],
    *,
    to: Annotated[Path | None, typer.Option("--to", help="The file; without it, standard output.")] = None,
    audience: Annotated[Audience, typer.Option(help="For whom it is; the gate decides what it may hold.")] = "internal",
    party: Annotated[int, typer.Option(min=0, help="The number of the party that it is for.")] = 0,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Only this part, such as summary, milestones, timeline; may be given several times."),
    ] = None,
    language: Annotated[str, typer.Option(help="Its language (BCP 47).")] = "en",
    signed: Annotated[str, typer.Option("--as", help="Whose word it is: an account, by email address or number.")] = "",
) -> None:
    """Make a report of an incident. That it was made is an entry."""
    from tocsin.incidents import ReportAudience, ReportPart, ReportRequest
    from tocsin.interface import ActContext
    from tocsin.node.paths import HomeFolder
    from tocsin.server.pages import report_file, words_for

    node = call.node
    if odd := [one for one in part or () if one not in list(ReportPart)]:
        raise UsageError(f"A report has no part '{odd[0]}'.", hint=f"It has: {', '.join(ReportPart)}.")
    wanted = ReportRequest(
        reference=reference, audience=ReportAudience(audience), party=party, form=form.value,
        parts=tuple(map(ReportPart, part or ())),
    )  # fmt: skip
    terms = {str(name): term for name, term in node.settings.node.terms.items()}
    words = words_for(language, node.home / HomeFolder.LOCALE, terms)
    content, made = report_file(ActContext(node, call.now, call.actor, signed), wanted, words)
    if to is None:
        sys.stdout.buffer.write(made)
        return
    try:
        to.write_bytes(made)
    except OSError as error:
        raise StorageError(f"'{to}' cannot be written: {error.strerror or error}.") from error
    marking = content.marking.labels[0]
    document = {"reference": reference, "file": str(to), "marking": marking, "withheld": content.withheld}
    call.emit(document, lambda: say(visible(f"{to}: {marking}, {content.withheld} things left out.")))


def check_incidents(
    call: NodeInvocation,
    files: Annotated[list[Path], typer.Argument(help="Records, JSON.")],
    form: Annotated[Literal["veris"], typer.Option("--format", help="What they should be.")] = "veris",
) -> None:
    """Check records; with --json a line each. Exit 0: all are valid; 1: one is not; 2: one cannot be read."""
    from tocsin.incidents.text_files import read_bytes
    from tocsin.incidents.veris import check_veris

    worst = 0
    for file in files:
        try:
            found = check_veris(json.loads(read_bytes(file)), call.now.year)
            reasons, code = [{"path": one.path, "reason": one.reason} for one in found], 1 if found else 0
        except (UsageError, ValueError, RecursionError) as error:
            reasons, code = [{"path": "", "reason": str(error) if isinstance(error, UsageError) else "No JSON."}], 2
        worst = max(worst, code)
        if call.json:
            print_json({"file": str(file), "valid": code == 0, "reasons": reasons})
            continue
        say(visible(f"{file}: {('valid', 'not valid', 'cannot be read')[code]} ({form})"))
        for one in reasons:
            say(visible(f"  {one['path']}: {one['reason']}" if one["path"] else f"  {one['reason']}"))
    if worst:
        raise typer.Exit(worst)
