"""The command line: one file per noun, imported only when its noun is asked for."""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, capabilities, fail, note, say
from tocsin.node.errors import TocsinError
from tocsin.node.paths import HomeFile

_GROUPS = {
    "First": ("demo", "serve", "todo", "doctor"),
    "Reports come in": ("ingest", "watch", "collect", "feeds", "reports", "quarantine", "compare"),
    "Events and problems": ("search", "events", "problems", "explain", "times"),
    "Notifications and answers": ("deliver", "deliveries", "stop", "resume", "answers", "replies"),
    "Inbox and incidents": (
        "inbox",
        "incidents",
        "affected",
        "evidence",
        "observables",
        "clocks",
        "duty",
        "severity",
        "playbooks",
        "reviews",
        "notices",
        "takedowns",
        "assets",
    ),
    "From the public": ("help-texts", "never-held"),
    "Teams and rules": ("directory", "keys", "networks", "rules"),
    "Partners": ("partners", "exchange"),
    "People and records": ("people", "tokens", "audit", "undo", "purge"),
    "Keeping a node": (
        "backup",
        "backups",
        "restore",
        "upgrade",
        "standby",
        "takeover",
        "move",
        "machines",
        "retention",
        "templates",
        "languages",
        "sbom",
    ),
}
_BESIDE = {
    "resume": "stop",
    "restore": "backup",
    "never-held": "never_held",
    "help-texts": "help_texts",
}  # nouns in a module of another name
_APART = {noun: module for one in capabilities() for noun, module in one.commands.items()}

COMMANDS: dict[str, str] = {
    **{noun: f"tocsin.cli.{_BESIDE.get(noun, noun)}" for nouns in _GROUPS.values() for noun in nouns},
    **_APART,
}
"""Noun → module, which offers either ``app``, a group of commands, or a function of the noun's name."""

_PANELS = {
    noun: group for group, nouns in (_GROUPS | {"Readiness and drafting": tuple(_APART)}).items() for noun in nouns
}

_VALUED = ("--home", "--server")  # global options that take a value


def print_version(asked: bool) -> None:
    """Print the version and end, where that is asked."""
    if asked:
        from tocsin.node.build import build

        say(f"Tocsin {build()}")
        raise typer.Exit


def root(
    ctx: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="TOCSIN_HOME", help="The folder with settings, records and events.")
    ] = Path("home"),
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")] = False,
    server: Annotated[
        str, typer.Option(envvar="TOCSIN_SERVER", metavar="URL", help="Ask this node, with the token in TOCSIN_TOKEN.")
    ] = "",
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Collect reports on a country's networks, notify each contact safely, follow up until it is fixed."""
    place = home.expanduser().absolute()
    if (place / HomeFile.PURGES).exists() and not (place / HomeFile.UNFINISHED_RESTORE).exists():
        from tocsin.operations.purge import finish_interrupted

        try:
            finish_interrupted(place)
        except TocsinError as error:
            note(f"A purge is not finished yet. {error} {error.hint}")
    ctx.obj = NodeInvocation(place, json_output, server, ctx.obj)


def main(argv: Sequence[str] | None = None, *, clock: Callable[[], datetime] | None = None) -> None:
    """Run one command and end the process with its exit code; ``clock``: its time, else the machine's."""
    os.umask(0o077)  # what a node writes, no other user of the machine reads
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; matrices are small, and threads that wait turn round
    gc.set_threshold(50_000)  # loading makes no garbage, and looking for it 130 times takes a tenth of a start
    atexit.register(gc.freeze)  # nor does ending, where it is looked for several times in all that was loaded
    arguments = hoist_globals(list(sys.argv[1:] if argv is None else argv))
    words = [word for word, before in zip(arguments, ["", *arguments], strict=False) if before not in _VALUED]
    try:
        application(_needed(words))(arguments, obj=clock)
    except TocsinError as error:
        fail(error)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None


def _needed(words: Sequence[str]) -> Iterable[str]:
    """The nouns whose modules these words of a command line need: one, none for the version, or all of them."""
    noun = next((word for word in words if not word.startswith("-")), None)
    if noun is None and "--version" in words:
        return ()
    return [noun] if noun in COMMANDS else COMMANDS


def application(nouns: Iterable[str]) -> typer.Typer:
    """The command line with these nouns, whose modules are imported now."""
    app = Commands(
        name="tocsin",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        epilog="--home DIR, --server URL and --json work before or after any command.",
    )
    app.callback()(root)
    for noun in nouns:
        module = importlib.import_module(COMMANDS[noun])
        group = getattr(module, "app", None)
        if isinstance(group, typer.Typer):
            app.add_typer(group, name=noun, rich_help_panel=_PANELS[noun])
        else:
            app.command(noun, rich_help_panel=_PANELS[noun])(getattr(module, noun))
    return app


def hoist_globals(arguments: list[str]) -> list[str]:
    """The same arguments with ``--home DIR``, ``--server URL`` and ``--json`` moved to the front, up to a ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments[:end])
    for word in words:
        if word == "--json" or word.startswith(tuple(f"{name}=" for name in _VALUED)):
            front.append(word)
        elif word in _VALUED:
            front += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return front + rest + arguments[end:]
