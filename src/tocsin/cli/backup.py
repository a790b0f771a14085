"""`tocsin backup` and `tocsin restore`: a copy of the whole node, and a node from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note

if TYPE_CHECKING:
    from tocsin.operations.backup_encryption import GpgKeyring

GpgHome = Annotated[Path | None, typer.Option("--gpg-home", help="The folder of the gpg keyring with the secret key.")]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Its first line unlocks the secret key; gpg's agent asks else.")
]


def backup(
    call: NodeInvocation,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="KEY",
            help="Encrypt to this OpenPGP key: the file of a public key, or the fingerprint or email address of one in "
            "keys/backup of the home folder. May be repeated; any of the keys opens it.",
        ),
    ] = None,
) -> None:
    """Copy the whole node into a new folder, encrypted to keys where they are named."""
    from tocsin.operations.backup import make_backup

    copied = make_backup(call.node, folder, now=call.now, to=to or ())
    how = f", encrypted to {', '.join(copied.keys)}" if copied.keys else ""
    if copied.left_out:
        note(f"Left out, as this backup is not encrypted: {copied.left_out}. Name a key with --to.")
    call.emit(vars(copied), f"Copied {copied.files:,} files, {copied.bytes:,} bytes, to {folder}{how}.")


def restore(
    call: NodeInvocation,
    folder: Annotated[Path, typer.Argument(help="A folder made by 'backup'.")],
    gpg_home: GpgHome = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a node from a backup, in the empty folder that --home names; gpg opens an encrypted one."""
    from tocsin.operations.backup import restore_backup

    copied = restore_backup(folder, call.home, now=call.now, keyring=keyring(gpg_home, passphrase_file))
    call.emit(vars(copied), f"Restored {copied.files:,} files into {call.home}.")


def keyring(gpg_home: Path | None, passphrase_file: Path | None) -> "GpgKeyring":
    """The secret keys that these options mean."""
    from tocsin.operations.backup_encryption import GpgKeyring

    return GpgKeyring(gpg_home, passphrase_file)
