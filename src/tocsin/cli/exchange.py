"""`tocsin exchange`: files of the field's formats checked and converted, bundles verified, our own profile written.

Dispatches are in `exchange_dispatches`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli import (
    exchange_agreements,
    exchange_cases,
    exchange_dispatches,
    exchange_tokens,
    exchange_verify,
)
from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_json, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.exchange.formats import Verdict


def _show_push(done: dict[str, Any]) -> None:
    """What has arrived, then what has not and why, a line each."""
    how = "would be" if done["preview"] else "was new" if done["new"] else "was updated"
    if done["withdrawn"] or (done["changed"] and not done["sent"]):
        words = "is deleted there" if done["withdrawn"] else "is still there"
        say(f"{done['reference']}: what was pushed to {done['at']} {words}.")
        for line in done["changed"]:
            note(line)
        return
    seen = "" if done["preview"] else f", {done['arrived']} of them read back"
    say(f"{done['reference']}: event {done['event']} {how} at {done['at']}: {done['sent']} attributes{seen}.")
    if done["wider"]:
        say("It is shown to more people there than its marking lets: ask whoever runs the MISP to narrow it.")
    rows = [("dropped", line) for line in done["stripped"]] + [("changed", line) for line in done["changed"]]
    rows += [("withheld", f"{one['count']}: {one['reason']}") for one in done["withheld"]]
    if rows:
        print_table("", ("what", "which"), rows)


app = Commands(
    cls=act_group("exchange", shows={"push": _show_push}),
    help="Exchange with partners: send, take, recall; cases and requests; push to a MISP; check and convert files.",
    no_args_is_help=True,
)
app.add_typer(exchange_verify.app)
app.add_typer(exchange_dispatches.app)
app.add_typer(exchange_tokens.app, name="token")
app.add_typer(exchange_cases.app)
app.add_typer(exchange_agreements.reports)
app.add_typer(exchange_agreements.app, name="agreements")

_Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="stix, stix-pattern, misp, csaf, iodef, idea or xarf.")
]

_Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")]


@app.command()
def check(
    call: NodeInvocation, files: Annotated[list[Path], typer.Argument(help="Files of one format.")], format_: _Format
) -> None:
    """Check files by the standard's own validator; with --json a line for each document.

    Exit 0: all are valid; 1: one is not; 2: one cannot be read, or was not checked, since its validator is not
    installed.
    """
    worst = 0
    rows: list[tuple[str, str, str]] = []
    for file in files:
        for verdict in _verdicts(file, format_):
            worst = max(worst, 2 if verdict.valid is None else int(not verdict.valid))
            if call.json:
                print_json(_document(file, format_, verdict))
            rows += _rows(file, verdict)
    if not call.json:
        print_table("", ("file", "result", "reason"), rows)
    if worst:
        raise typer.Exit(worst)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="The file.")],
    source: Annotated[str, typer.Option("--from", metavar="FORMAT", help="Its format.")],
    target: Annotated[str, typer.Option("--to", metavar="FORMAT", help="The format that is written.")],
) -> None:
    """Write a file in another format to standard output, and to standard error what that format could not say.

    A marking never gets wider: what the format cannot say becomes stricter, or the file is refused.
    """
    from tocsin.exchange.formats import convert_document

    done = convert_document(_read(file), source, target)
    sys.stdout.buffer.write(done.data)
    for line in done.lost:
        note(line)


@app.command()
def profile(call: NodeInvocation, out: _Out) -> None:
    """Write who this node is, signed with its OpenPGP key: FILE, and FILE.asc with the signature."""
    from tocsin.exchange.partners import own_profile

    made = own_profile(call.node, call.now)
    _write(out, made.content)
    _write(Path(f"{out}.asc"), made.signature)
    call.emit({"file": str(out), "signature": f"{out}.asc"}, f"Profile written to {out}, its signature to {out}.asc.")


@app.command()
def invite(call: NodeInvocation, out: _Out) -> None:
    """Write a ZIP file that invites a partner: our profile, our key, and what to do with gpg alone."""
    from tocsin.exchange.partners import invitation

    _write(out, invitation(call.node, call.now))
    call.emit({"file": str(out)}, f"Invitation written to {out}. The partner calls you to compare the fingerprint.")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.", hint="Name another file.") from error


def _read(file: Path) -> bytes:
    from tocsin.exchange.formats import MOST_BYTES

    try:
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read.", hint="Name a file.") from error


def _verdicts(file: Path, format_: str) -> "Iterator[Verdict]":
    from tocsin.exchange.formats import Fault, Verdict, check_document

    try:
        data = _read(file)
    except UsageError as error:
        yield Verdict("", valid=None, faults=(Fault("", "", str(error)),))
    else:
        yield from check_document(format_, data, file.name)


def _rows(file: Path, verdict: "Verdict") -> list[tuple[str, str, str]]:
    """A row for each reason; the file and the result are in the first alone."""
    result = "not checked" if verdict.valid is None else "valid" if verdict.valid else "not valid"
    reasons = [" ".join(filter(None, (one.path, one.rule, one.reason))) for one in verdict.faults] or [""]
    return [(str(file), result, reasons[0]), *(("", "", reason) for reason in reasons[1:])]


def _document(file: Path, format_: str, verdict: "Verdict") -> dict[str, Any]:
    return {
        "file": str(file),
        "format": format_,
        "version": verdict.version,
        "valid": verdict.valid,
        "reasons": [{"path": one.path, "id": one.rule, "reason": one.reason} for one in verdict.faults],
        "objects": verdict.objects,
        "not_understood": list(verdict.not_understood),
    }
