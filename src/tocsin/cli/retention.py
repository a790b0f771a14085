"""`tocsin retention`: how long things are kept."""

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands

app = Commands(help="How long things are kept.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """How long things are kept."""


@app.command()
def apply(call: NodeInvocation) -> None:
    """Delete what is older than the settings allow, and tidy the event table. Run it once a day."""
    from tocsin.operations.retention import apply_retention

    applied = apply_retention(call.node, now=call.now)
    call.emit(
        vars(applied),
        f"Deleted {applied.events_deleted:,} events, {applied.quarantine_deleted:,} files of set-aside rows,"
        f" {applied.mails_deleted:,} mails and {applied.inbox_deleted:,} reports from the public;"
        f" {applied.dispatches_forgotten:,} dispatches keep no file any more; merged {applied.files_merged:,} files.",
    )
