"""`tocsin move`: the records into another database, and back."""

from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note

if TYPE_CHECKING:
    from tocsin.operations.move import MoveProgress

_EVERY = 2.0  # seconds between two lines of progress


def move(
    call: NodeInvocation,
    database: Annotated[
        str,
        typer.Option("--database", metavar="URL", help="Empty, on PostgreSQL: postgresql://USER@HOST/NAME."),
    ] = "",
    back: Annotated[
        bool, typer.Option("--back", help="Into SQLite in the home folder, and all that came since.")
    ] = False,
    storage: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Copy events and files, too: file:// and a folder, or s3://BUCKET/PREFIX."
        ),
    ] = "",
    trial: Annotated[
        bool, typer.Option("--try", help="Only copy and compare, while the node works; the node stays where it is.")
    ] = False,
) -> None:
    """Move the records to PostgreSQL, or back to SQLite: copied, compared, then the settings are switched."""
    from tocsin.node.errors import UsageError
    from tocsin.operations.move import move_node

    if bool(database) == back or (storage and back):
        raise UsageError("Name the new place: either --database URL, where wanted with --storage, or --back.")
    done = move_node(
        call.home, database, storage=storage, trial=trial, actor=call.actor, clock=call.clock,
        told=_Lines(),
    )  # fmt: skip
    words = f"{done.rows:,} rows of {done.tables} tables are the same in {done.database}; {done.seconds:.1f} seconds."
    if done.files:
        words += f" {done.files:,} files of {done.bytes / 1e6:,.1f} MB are the same, too."
    if not done.seals:
        note("The audit log is not as it was sealed, here as before: 'tocsin audit verify' says what is wrong.")
    if trial:
        words += " The node stays where it is; the move itself copies what is new."
    else:
        words += " The node works there now."
    call.emit(vars(done), words)
    if done.kept:
        note(f"The settings as they were: {done.kept}. The old records are kept, and open for nobody.")
    if done.alike:
        note(f"Copy to the home folder of each further machine, before its first start: {', '.join(done.alike)}.")
    if done.open_to_others:
        folder = done.open_to_others
        note(f"Other users of this machine can open {folder}. As its owner: chmod go= {folder}")


class _Lines:
    """A line now and then: how far it is, how fast, and how long it will take."""

    def __init__(self) -> None:
        self._next = monotonic() + _EVERY

    def __call__(self, progress: "MoveProgress") -> None:
        if monotonic() < self._next:
            return
        self._next = monotonic() + _EVERY
        note(
            f"{progress.step}: {progress.done:,} of {progress.total:,} {progress.unit}, "
            f"{progress.rate:,.0f} a second, {progress.left:.0f} seconds left"
        )
