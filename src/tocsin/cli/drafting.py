"""``tocsin drafting``: a text agreed by many, every position on record."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.output import Invocation, emit, print_table, say
from tocsin.errors import InputError

app = typer.Typer(help="Negotiate a text: amendments, positions, agreement, the next draft.", no_args_is_help=True)


@app.callback()
def drafting() -> None:
    """Negotiate a text: amendments, positions, agreement, the next draft."""


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A plain-text compilation (UTF-8).")],
) -> None:
    """Read a compilation: base text, brackets, and what each stakeholder wrote."""
    from tocsin.drafting.jsonform import import_document
    from tocsin.drafting.plaintext import read_compilation

    invocation: Invocation = ctx.obj
    text = read_compilation(_bytes(file), file.name)

    def human() -> None:
        say(f"{text.title}")
        classes = [entry.entry_class.value for entry in text.entries]
        rows = [(name, classes.count(name)) for name in sorted(set(classes))]
        print_table("Entries", ("class", "count"), [*rows, ("all", len(classes))], numbers=(1,))

    emit(invocation, import_document(text), human)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
