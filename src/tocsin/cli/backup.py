"""`tocsin backup` and `tocsin restore`: a copy of the whole node, and a node from it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.interface.output import Invocation, emit, say


def backup(ctx: typer.Context, folder: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy the whole node into a new folder."""
    from tocsin.operations.backup import make_backup
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    copied = make_backup(open_node(invocation.home), folder, now=datetime.now(UTC))
    emit(invocation, vars(copied), lambda: say(f"Copied {copied.files:,} files, {copied.bytes:,} bytes, to {folder}."))


def restore(ctx: typer.Context, folder: Annotated[Path, typer.Argument(help="A folder made by 'backup'.")]) -> None:
    """Make a node from a backup, in the empty folder that --home names."""
    from tocsin.operations.backup import restore_backup

    invocation: Invocation = ctx.obj
    copied = restore_backup(folder, invocation.home, now=datetime.now(UTC))
    emit(invocation, vars(copied), lambda: say(f"Restored {copied.files:,} files into {invocation.home}."))
