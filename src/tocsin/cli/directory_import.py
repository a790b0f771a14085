"""``tocsin directory import``: bring a file into the directory."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_records import renew_router
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_table, say, visible

if TYPE_CHECKING:
    from tocsin.directory import ChangeLine, ImportResult
    from tocsin.directory.registry import RegistryImported

app = Commands()

_FEW = 20
_MANY = 200


@app.command("import")
def import_(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A .toml or .csv file, as docs/directory.md describes.")],
    source: Annotated[str, typer.Option(help="Who says so; the file's own word or its name when not given.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it though much of what its source said would go.")] = False,
) -> None:
    """Bring teams and rules from a file into the directory; the same file again changes nothing."""
    from tocsin.directory import import_directory

    most_gone = None if yes else call.settings.directory.most_gone
    done = import_directory(
        call.database,
        file,
        actor=call.actor,
        now=call.now,
        source=source,
        dry_run=dry_run,
        most_gone=most_gone,
    )
    end_import(call, done)


def end_import(call: NodeInvocation, done: "ImportResult") -> None:
    """Print what an import did, or would do. Exit 1 where all of it was refused."""
    if not done.dry_run:
        renew_router(call.home, call.database)
    call.emit(asdict(done), lambda: print_import(done))
    if done.failed:
        raise typer.Exit(1)


def print_import(done: "ImportResult") -> None:
    """What an import changed or would change, and what it did not take."""
    print_counts(done, done.file, "rules", "mailboxes", "mutes", "facts")
    _print_changes(done.changes)
    if done.shrinks:
        note(f"Of what this source said, {done.shrinks} would go. It is taken only with --yes.")
    if done.not_taken:
        note(f"Not taken: {len(done.not_taken):,}")
        for refused in done.not_taken[:_FEW]:
            note(f"  {refused.where}: {refused.what}: {refused.why}")
        if len(done.not_taken) > _FEW:
            note(f"  and {len(done.not_taken) - _FEW:,} more; --json shows all.")
    if done.kept:
        note(f"Not withdrawn: {done.kept:,} earlier entries of teams of which something was not taken.")


def print_counts(done: "ImportResult | RegistryImported", what: str, *parts: str) -> None:
    """Where an import came from, and how much of each part is new, gone and as before."""
    say(f"{what}, source '{done.source}'" + (" (dry run, nothing was changed)" if done.dry_run else ""))
    rows = [("teams", done.teams_new, done.teams_changed, done.teams_same)]
    rows += [(name, *(getattr(done, f"{name}_{end}") for end in ("new", "withdrawn", "same"))) for name in parts]
    print_table("", ("", "new", "changed or withdrawn", "as before"), rows, numbers=[1, 2, 3])


def _print_changes(changes: "Sequence[ChangeLine]") -> None:
    signs = {"new": "+", "gone": "-", "changed": "~"}
    for team, lines in groupby(changes[:_MANY], key=lambda line: line.team):
        say(visible(team))
        for line in lines:
            words = " → ".join(part or "nothing more" for part in (line.before, line.after) if part or line.before)
            if line.change != "changed":
                words = line.before or line.after
            beaten = f"; but overruled: {line.overruled}" if line.overruled else ""
            say(visible(f"  {signs[line.change]} {line.what} {line.value}{f': {words}' if words else ''}{beaten}"))
    if len(changes) > _MANY:
        say(f"and {len(changes) - _MANY:,} more changes; --json shows all.")
