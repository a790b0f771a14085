"""`tocsin playbooks`: CACAO 2.0 files checked, kept and given out; on an incident they are started and answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_json, print_table, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.incidents.playbooks import ListedPlaybook, PlaybookStep

app = Commands(
    cls=act_group("playbooks"),
    help="Playbooks (CACAO 2.0): check, keep, start on an incident. Nothing in a file is carried out.",
    no_args_is_help=True,
)

_WAYS: Final = {
    "on_true": "if yes", "on_false": "if no", "on_completion": "then", "on_success": "if done",
    "on_failure": "if not done", "next_steps": "at the same time",
}  # fmt: skip
"""What leads from a step to others (CACAO 2.0, section 4.1), in words."""

_Name = Annotated[str, typer.Argument(help="Its key, or its id in CACAO.", metavar="PLAYBOOK")]


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the playbooks that are offered."""
    from tocsin.incidents.playbooks import listed_playbooks

    with call.database.reading() as session:
        found = [_document(one) for one in listed_playbooks(session)]
    rows = [
        (one["key"], one["name"], ", ".join(one["types"]), "added here" if one["own"] else "comes with Tocsin")
        for one in found
    ]
    call.emit(found, lambda: print_table("", ("playbook", "name", "for (RSIT)", "from"), rows))


@app.command()
def check(call: NodeInvocation, files: Annotated[list[Path], typer.Argument(help="CACAO 2.0 playbooks.")]) -> None:
    """Check files; with --json a line each. Exit 0: all are valid; 1: one is not; 2: one cannot be read."""
    from tocsin.incidents.playbooks import check_playbook
    from tocsin.incidents.text_files import read_bytes

    worst = 0
    for file in files:
        try:
            reasons = [{"path": one.place, "reason": one.reason} for one in check_playbook(read_bytes(file))]
            code = 1 if reasons else 0
        except UsageError as error:
            reasons, code = [{"path": "", "reason": str(error)}], 2
        worst = max(worst, code)
        if call.json:
            print_json({"file": str(file), "valid": code == 0, "reasons": reasons})
        else:
            say(visible(f"{file}: {('valid', 'not valid', 'cannot be read')[code]}"))
            for one in reasons:
                say(visible(f"  {one['path']}: {one['reason']}" if one["path"] else f"  {one['reason']}"))
    if worst:
        raise typer.Exit(worst)


@app.command()
def add(call: NodeInvocation, file: Annotated[Path, typer.Argument(help="A CACAO 2.0 playbook.")]) -> None:
    """Keep a playbook. It takes the place of the one with the same id; incidents keep the edition they began with."""
    from tocsin.incidents.text_files import read_bytes

    act = act_of("playbooks", "add")
    try:
        content = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no JSON.") from None
    done = document_of(perform(call, act, {"content": content}))
    call.emit(done, visible(act.told.format(**done)))


@app.command()
def show(call: NodeInvocation, playbook: _Name) -> None:
    """Show a playbook as an outline."""
    found = _find(call, playbook)
    steps = found.playbook.in_order()
    document = {**_document(found), "steps": [_step(one) for one in steps]}

    def human() -> None:
        say(visible(f"{found.playbook.name}\n{found.playbook.description}"))
        shown = [one for one in steps if one.kind not in {"start", "end"}]
        places = {one.id: place for place, one in enumerate(shown, start=1)}
        rows = [(places[one.id], one.name, _ways(one, places)) for one in shown]
        print_table("", ("step", "what", "leads to"), rows)

    call.emit(document, human)


@app.command()
def export(call: NodeInvocation, playbook: _Name) -> None:
    """Print the file of a playbook, byte by byte as it came."""
    typer.echo(_find(call, playbook).content, nl=False)


def _find(call: NodeInvocation, name: str) -> "ListedPlaybook":
    from tocsin.incidents.playbooks import find_playbook

    with call.database.reading() as session:
        return find_playbook(session, name)


def _document(one: "ListedPlaybook") -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.playbook.name,
        "id": one.playbook.id,
        "modified": one.playbook.modified,
        "types": one.playbook.types(),
        "own": one.edition is not None,
        "sha256": one.playbook.sha256,
    }


def _ways(one: "PlaybookStep", places: Mapping[str, int]) -> str:
    """Where a step leads, by the numbers of the steps, but to the one below it."""
    far = one.answers or one.branches
    found = [(key, places[to]) for key, to in one.targets if to in places]
    parts = [(key.partition("/"), place) for key, place in found if far or place != places[one.id] + 1]
    return ", ".join(f"{_WAYS.get(key) or rest}: {place}" for (key, _, rest), place in parts)


def _step(one: "PlaybookStep") -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "description": one.description,
        "orders": one.orders,
        "condition": one.condition,
        "leads_to": dict(one.targets),
    }
