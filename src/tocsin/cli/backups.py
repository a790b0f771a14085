"""`tocsin backups`: whether the backups that there are can be read."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.backup import GpgHome, PassphraseFile, keyring
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands

app = Commands(help="Whether the backups that there are can be read.", no_args_is_help=True)


@app.command()
def check(
    call: NodeInvocation,
    folder: Annotated[Path, typer.Argument(help="A folder made by 'backup'.")],
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Only compare the encrypted file with its hash; needs no secret key.")
    ] = False,
    gpg_home: GpgHome = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Read a backup back entirely, compare every hash, and note in this node's records that it was read."""
    from tocsin.operations.backup_reading import check_backup

    keys = None if without_key else keyring(gpg_home, passphrase_file)
    read = check_backup(call.database, folder, now=call.now, actor=call.actor, keyring=keys)
    content = not (without_key and read.keys)
    words = f"All {read.files:,} files are as they were copied" if content else "The encrypted file is as it was made"
    call.emit(vars(read) | {"content": content}, f"{words}, {read.bytes:,} bytes.")


@app.command()
def rehearsed(
    call: NodeInvocation,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today when not given.")] = None,
) -> None:
    """Note that a backup of this node was restored on another machine and looked at there."""
    from tocsin.operations.backup_history import note_rehearsal

    day = on.date() if on else call.now.date()
    note_rehearsal(call.database, day, now=call.now, actor=call.actor)
    call.emit({"on": day.isoformat()}, f"Noted: a restore was rehearsed on {day}.")
