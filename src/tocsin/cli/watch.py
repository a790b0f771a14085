"""`tocsin watch`: take in what appears in a folder."""

import time
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note, print_json
from tocsin.node.errors import InputError


def watch(
    call: NodeInvocation,
    folder: Annotated[Path, typer.Argument(help="The folder that reports are put into.")],
    source: Annotated[str | None, typer.Option(help="The feed family, when the files do not tell.")] = None,
    feed: Annotated[str | None, typer.Option(help="The feed's code, when the files do not tell.")] = None,
    every: Annotated[float, typer.Option(min=0.05, help="Look again after this many seconds.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Take in what is there, then end.")] = False,
) -> None:
    """Take in what appears in a folder; each file then moves to done/ or failed/, with the reason beside it.

    Write a file under a name that starts with a dot and rename it when it is complete, or move it in from the same
    disk. With --json each file gives one line.
    """
    from tocsin.cli.ingest import document
    from tocsin.node.heap import share_heap
    from tocsin.pipeline.collectors import take_in_folder

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.", hint="Make it, or name another.")
    share_heap()
    note(f"Watching {folder}; press Ctrl-C to end.")
    while True:
        for name, outcome in take_in_folder(call.node, folder, source=source, feed=feed, clock=call.clock):
            if call.json:
                print_json({"file": name, **document(outcome)})
            for _, error in outcome.failed:
                note(f"{name} moved to failed/: {error}")
            if not outcome.failed:
                note(f"{name}: {outcome.counts.rows:,} rows, {outcome.counts.deliveries:,} notifications queued")
        if once:
            return
        time.sleep(every)
