"""`tocsin languages`: the languages of the pages; a country adds its own."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.paths import HomeFolder

app = Commands(help="The languages of the pages; a country adds its own.", no_args_is_help=True)

_Language = Annotated[str, typer.Argument(help="A language, such as sw or pt_BR.")]


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the languages that the pages speak, each with how much of it is there."""
    from tocsin.server.pages import FILE, OURS, faults, languages, source

    own = call.home / HomeFolder.LOCALE
    total = sum(1 for message in source() if message.id)
    rows = []
    for language in languages(own):
        path = next((folder / language / FILE for folder in (own, OURS) if (folder / language / FILE).is_file()), None)
        left = len(list(faults(path, language))) if path else 0
        rows.append(
            {"language": language, "texts": total, "to_do": left, "own": path is not None and own in path.parents}
        )
    call.emit(
        rows,
        lambda: print_table(
            "",
            ("language", "texts", "to do", "whose"),
            [(row["language"], row["texts"], row["to_do"], "this node's" if row["own"] else "shipped") for row in rows],
            numbers=[1, 2],
        ),
    )


@app.command()
def start(call: NodeInvocation, language: _Language) -> None:
    """Write the file to translate into, or bring it up to date: an ordinary gettext catalogue."""
    from tocsin.server.pages import update

    path = _path(call.home, language)
    catalogue = update(path, language)
    left = sum(1 for message in catalogue if message.id and not message.string)
    document = {"path": str(path), "texts": len(catalogue), "to_do": left}
    call.emit(document, f"{path}: {len(catalogue)} texts. Translate them with Poedit or any editor.")


@app.command()
def check(call: NodeInvocation, language: _Language) -> None:
    """Show which texts of this node's own catalogue are missing or fill in the wrong names."""
    from tocsin.server.pages import faults

    path = _path(call.home, language)
    if not path.is_file():
        raise NotFoundError(f"{path} is not there.", hint=f"Begin with: tocsin languages start {language}")
    found = list(faults(path, language))

    def human() -> None:
        if not found:
            say("Every text is translated.")
            return
        print_table("", ("text", "what is wrong"), [(fault.text, fault.wrong) for fault in found])

    call.emit([vars(fault) for fault in found], human)
    raise typer.Exit(1 if found else 0)


def _path(home: Path, language: str) -> Path:
    """Where the catalogue of this node's own is.

    Raises:
        UsageError: it is no language that is known.

    """
    from babel import Locale, UnknownLocaleError

    from tocsin.server.pages import FILE

    try:
        Locale.parse(language)
    except (UnknownLocaleError, ValueError) as error:
        raise UsageError(f"'{language}' is no language.", hint="Write it like fr, sw or pt_BR.") from error
    return home / HomeFolder.LOCALE / language / FILE
