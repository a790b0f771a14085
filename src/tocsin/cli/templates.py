"""`tocsin templates`: the texts of mails by language, and how to change them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_table, say, visible
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from tocsin.delivery.texts import TextFolders

app = Commands(help="The texts of mails by language, as files that can be changed.", no_args_is_help=True)

_LANGUAGE = typer.Argument(help="A language, such as fr or pt-BR.")


@app.command("list")
def list_(
    call: NodeInvocation,
    language: Annotated[
        str, typer.Argument(help="List the files of this language; all languages when not given.")
    ] = "",
) -> None:
    """List the languages, or the files that are used for one."""
    shelf = _shelf(call.home)
    columns: tuple[str, ...] = ("text", "from", "file") if language else ("language", "direction", "own", "in English")
    rows = _files(shelf, language) if language else [_language(shelf, tag) for tag in shelf.languages()]
    call.emit(
        [dict(zip(columns, row, strict=True)) for row in rows],
        lambda: print_table("", columns, rows, numbers=() if language else (2, 3)),
    )


@app.command("check")
def check(call: NodeInvocation) -> None:
    """Check the texts of this node as they are when mails are written; exit 1 when one cannot be used."""
    from tocsin.delivery.texts import faults

    shelf = _shelf(call.home)
    found = list(faults(shelf))
    own = sum(path.is_file() for folder in shelf.own_languages() for path in folder.rglob("*"))
    documents = [{"file": str(fault.path), "line": fault.line, "words": fault.words} for fault in found]
    call.emit(documents, f"{own} own files, {len(found)} wrong.")
    if found:
        for fault in found:
            note(str(fault))
        raise typer.Exit(1)


@app.command("copy")
def copy(
    call: NodeInvocation,
    language: Annotated[str, _LANGUAGE],
    text: Annotated[
        str, typer.Argument(help="A topic, or subject, sentence, digest or words; all of them when not given.")
    ] = "",
) -> None:
    """Copy shipped texts into the home folder, to change them there; English ones for a language that is new."""
    from tocsin.delivery.texts import name_of, text_names

    made = _shelf(call.home).copy(language, [name_of(text)] if text else text_names())
    call.emit([str(path) for path in made], lambda: _say_copied(made))


@app.command("show")
def show(
    call: NodeInvocation,
    language: Annotated[str, _LANGUAGE],
    topic: Annotated[str, typer.Argument(help="What the mail tells of, such as phishing.")] = "infected-system",
) -> None:
    """Show a made-up mail in a language, written with the texts as they are now."""
    from tocsin.delivery import example_mail
    from tocsin.delivery.texts import texts_for

    subject, body = example_mail(topic, texts_for(language, _shelf(call.home)))
    # Marks of direction are part of a mail that is written from right to left: printed as they are.
    call.emit({"subject": subject, "body": body}, f"{subject}\n\n{body}")


def _shelf(home: Path) -> "TextFolders":
    from tocsin.delivery.texts import TextFolders
    from tocsin.node.settings import load_settings

    return TextFolders(home / HomeFolder.TEMPLATES, load_settings(home).node.language)


def _language(shelf: "TextFolders", tag: str) -> tuple[object, ...]:
    from tocsin.delivery.texts import in_english, text_names, texts_for

    own = [name for name in text_names() if shelf.is_own(shelf.find(tag, name))]
    return tag, texts_for(tag, shelf).words["direction"], len(own), len(in_english(shelf, tag))


def _files(shelf: "TextFolders", language: str) -> list[tuple[object, ...]]:
    from tocsin.delivery.texts import text_names

    found = [(name, shelf.find(language, name)) for name in text_names()]
    return [(name, "own" if shelf.is_own(path) else "shipped", str(path)) for name, path in found]


def _say_copied(made: list[Path]) -> None:
    for path in made:
        say(visible(str(path)))
    say("Change them, look with 'tocsin templates show', and check with 'tocsin templates check'.")
