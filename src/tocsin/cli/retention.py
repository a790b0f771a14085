"""`tocsin retention`: how long things are kept."""

from datetime import UTC, datetime

import typer

from tocsin.interface.output import Invocation, emit, say

app = typer.Typer(help="How long things are kept.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """How long things are kept."""


@app.command()
def apply(ctx: typer.Context) -> None:
    """Delete what is older than the settings allow, and tidy the event table. Run it once a day."""
    from tocsin.operations.retention import apply_retention
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    applied = apply_retention(open_node(invocation.home), now=datetime.now(UTC))
    emit(
        invocation,
        vars(applied),
        lambda: say(
            f"Deleted {applied.events_deleted:,} events, {applied.quarantine_deleted:,} files of set-aside rows,"
            f" {applied.mails_deleted:,} mails and {applied.inbox_deleted:,} reports from the public;"
            f" merged {applied.files_merged:,} files."
        ),
    )
