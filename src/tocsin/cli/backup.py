"""`tocsin backup` and `tocsin restore`: a copy of the whole node, and a node from it."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation


def backup(call: NodeInvocation, folder: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy the whole node into a new folder."""
    from tocsin.operations.backup import make_backup

    copied = make_backup(call.node, folder, now=call.now)
    call.emit(vars(copied), f"Copied {copied.files:,} files, {copied.bytes:,} bytes, to {folder}.")


def restore(call: NodeInvocation, folder: Annotated[Path, typer.Argument(help="A folder made by 'backup'.")]) -> None:
    """Make a node from a backup, in the empty folder that --home names."""
    from tocsin.operations.backup import restore_backup

    copied = restore_backup(folder, call.home, now=call.now)
    call.emit(vars(copied), f"Restored {copied.files:,} files into {call.home}.")
