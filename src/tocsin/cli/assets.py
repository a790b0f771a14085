"""`tocsin assets`: the register of critical assets is filled and counted; nothing of it is printed."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tocsin.cli.acts import act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_table
from tocsin.node.errors import InputError, UsageError

app = Commands(help="Critical assets: import and count them. They are read on pages alone.", no_args_is_help=True)

_COUNTS: Final = {"assets": "assets", "stale": "not confirmed for a year", "changes": "changes to review"}


@app.command("import")
def import_assets(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8 whose first line names the columns.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be new; store nothing.")] = False,
) -> None:
    """Import critical assets from a CSV file. While a row is wrong, nothing is stored."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name a CSV file.") from error
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8.", hint="Save it as CSV in UTF-8.") from None
    done = perform(call, act_of("assets", "import"), {"text": text, "dry_run": dry_run})
    rows = [(name, getattr(done, name)) for name in ("new", "changed", "same")]
    call.emit(document_of(done), lambda: print_table("", ("would be" if dry_run else "", "count"), rows))
    for line, why in done.wrong:
        note(f"Line {line}: {why}")
    if done.wrong:
        raise typer.Exit(1)


@app.command()
def count(call: NodeInvocation) -> None:
    """Count the critical assets, those that nobody confirmed for a year, and changes that wait for a decision."""
    from tocsin.assets import check_enabled, register_counts

    check_enabled(call.node)
    with call.database.reading() as session:
        counts = register_counts(session, call.now)
    call.emit(counts, lambda: print_table("", ("what", "count"), [(_COUNTS[name], n) for name, n in counts.items()]))
