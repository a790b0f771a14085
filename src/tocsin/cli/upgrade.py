"""`tocsin upgrade`: records of an older version become those of this one, after a backup."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin import __version__
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.operations.upgrade import UpgradeResult


def upgrade(
    call: NodeInvocation,
    trial: Annotated[
        bool, typer.Option("--try", help="Only try it on a copy of the records; the node may be at work.")
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option("--backup", metavar="FOLDER", help="A new folder for the backup; beside the home when not given."),
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="KEY", help="Encrypt the backup to this key, as 'backup' does.")
    ] = None,
    without_backup: Annotated[
        bool, typer.Option("--without-backup", help="Make none: you have one of this moment.")
    ] = False,
) -> None:
    """Bring the records of an older version to this one, after a backup; does nothing where they are of this one."""
    from tocsin.operations.upgrade import try_upgrade, upgrade_node

    if without_backup and (backup or to):
        raise UsageError("--without-backup goes with neither --backup nor --to.", hint="Leave one of them out.")
    if trial:
        found = try_upgrade(call.home, now=call.now)
    else:
        beside = call.home.with_name(f"{call.home.name}-before-{__version__}-{call.now:%Y%m%dT%H%M%S}")
        folder = None if without_backup else backup or beside
        found = upgrade_node(call.home, folder, now=call.now, actor=call.actor, to=to or ())
    document = {**vars(found), "findings": [vars(one) for one in found.findings]}
    call.emit(document, lambda: _print(found, trial=trial))


def _print(found: "UpgradeResult", *, trial: bool) -> None:
    from tocsin.node.paths import HomeFile
    from tocsin.operations.health_finding import HealthKind

    if found.unknown_settings:
        say("Settings that this version does not have: remove or rename them. With those in the file nothing starts.")
    for name, line in found.unknown_settings.items():
        say(f"  {HomeFile.SETTINGS}, line {line}: {name}" if line else f"  {name}: a variable that it passes over")
    if found.before == found.after:
        say(f"The records are of this version, {__version__} ({found.after}): there is nothing to do.")
        return
    if found.backup:
        say(f"Backup: {found.backup}, read back.")
    told = "would become those" if trial else "are now those"
    say(f"Records of {found.before} {told} of {__version__} ({found.after}), in {found.seconds:.1f} s.")
    if found.bytes:
        say(f"Their copy had {found.bytes[0]:,} bytes before and {found.bytes[1]:,} after. The node is as it was.")
    say(f"{found.rows:,} rows{', as before' if not found.changed else '; other numbers in:'}")
    for name, (before, after) in (found.changed or {}).items():
        say(f"  {name}: {before:,} before, {after:,} after")
    waiting = [one for one in found.findings if one.kind != HealthKind.OK]
    say(f"Doctor: {len(found.findings)} checks, {len(waiting)} to look at.")
    for one in waiting:
        say(f"  {one.what}: {one.found}")
    if found.way_back:
        say(f"The way back, with the version before: {found.way_back}")
