"""`tocsin retention`, `backup`, `restore` and `doctor`: running a node for years."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.output import Invocation, emit, note, say

app = typer.Typer(help="How long things are kept.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """How long things are kept."""


@app.command()
def apply(ctx: typer.Context) -> None:
    """Delete what is older than the settings allow, and tidy the event table. Run it once a day."""
    from tocsin.app import open_node
    from tocsin.retention import apply_retention

    invocation: Invocation = ctx.obj
    applied = apply_retention(open_node(invocation.home), now=datetime.now(UTC))
    emit(
        invocation,
        vars(applied),
        lambda: say(
            f"Deleted {applied.events_deleted:,} events, {applied.quarantine_deleted:,} files of set-aside rows and"
            f" {applied.mails_deleted:,} mails; merged {applied.files_merged:,} files."
        ),
    )


def backup(ctx: typer.Context, folder: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy the whole node into a new folder."""
    from tocsin.app import open_node
    from tocsin.backup import make_backup

    invocation: Invocation = ctx.obj
    copied = make_backup(open_node(invocation.home), folder, now=datetime.now(UTC))
    emit(invocation, vars(copied), lambda: say(f"Copied {copied.files:,} files, {copied.bytes:,} bytes, to {folder}."))


def restore(ctx: typer.Context, folder: Annotated[Path, typer.Argument(help="A folder made by 'backup'.")]) -> None:
    """Make a node from a backup, in the empty folder that --home names."""
    from tocsin.backup import restore_backup

    invocation: Invocation = ctx.obj
    copied = restore_backup(folder, invocation.home, now=datetime.now(UTC))
    emit(invocation, vars(copied), lambda: say(f"Restored {copied.files:,} files into {invocation.home}."))


def doctor(ctx: typer.Context) -> None:
    """Say what is wrong with this node and how to mend it; exit 1 when something is."""
    from tocsin.doctor import examine

    invocation: Invocation = ctx.obj
    findings = examine(invocation.home)
    emit(invocation, [vars(finding) for finding in findings], lambda: None)
    if not invocation.json:
        for finding in findings:
            say(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what}: {finding.found}")
            if finding.mend:
                say(f"       {finding.mend}")
    wrong = sum(not finding.ok for finding in findings)
    if wrong:
        note(f"{wrong} of {len(findings)} checks failed.")
        raise typer.Exit(1)
