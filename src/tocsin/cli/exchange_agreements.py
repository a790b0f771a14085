"""`tocsin exchange agreements`: what is shared under which rules; `exchange report`: on what exchanges rest."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.exchange.agreements import ListedAgreement

app = Commands(
    cls=act_group("exchange agreements"),
    help="Agreements: draft, sign, adopt, remove a party, leave.",
    no_args_is_help=True,
)
reports = Commands()
_GROUP = "exchange agreements"
_Number = Annotated[int, typer.Argument(help="Its number in the list.", metavar="AGREEMENT")]


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List agreements: each edition with its state here, who has signed it, and when it ends."""
    from tocsin.exchange.agreements import list_agreements
    from tocsin.node.records import node_uuid

    with call.database.reading() as session:
        found = list_agreements(session, node_uuid(call.database), call.now)
    rows = [_document(one) for one in found]
    head = ("agreement", "title", "type", "edition", "state", "signed", "parties", "ends")
    table = [
        (*(str(one[name]) for name in head[:5]), str(len(one["signed"])), str(len(one["parties"])), _day(one["ends"]))
        for one in rows
    ]
    call.emit(rows, (lambda: print_table("", head, table)) if rows else "No agreements.")


@app.command()
def draft(
    call: NodeInvocation,
    title: Annotated[str, typer.Argument(help="What it is called.")],
    type_: Annotated[str, typer.Option("--type", help="treaty, law, mou, code or norm.")],
    *,
    party: Annotated[list[str] | None, typer.Option(help="A partner, or the UUID of a node; again for more.")] = None,
    other: Annotated[list[str] | None, typer.Option(help="A party that has no node; again for more.")] = None,
    text: Annotated[Path | None, typer.Option(help="A file with its text.", exists=True, dir_okay=False)] = None,
    rules: Annotated[
        Path | None, typer.Option(help="A file with its rules, as of 'tocsin rules'.", exists=True, dir_okay=False)
    ] = None,
    until: Annotated[str, typer.Option(help="When it ends, as 2027-12-31T00:00Z.")] = "",
    follows: Annotated[int, typer.Option(help="The number of the edition that this one comes after.")] = 0,
    once: Annotated[str, typer.Option(help="A key of your choice; twice with the same one, it is drafted once.")] = "",
) -> None:
    """Draft an agreement or a further edition, signed by this node. A text can be one of 'tocsin drafting'."""
    values: dict[str, Any] = {
        "title": title, "type": type_, "parties": tuple(party or ()), "others": tuple(other or ()), "once": once,
        "text": _text(text), "rules": _text(rules), "until": until, "follows": follows,
    }  # fmt: skip
    _emit(call, "draft", values)


@app.command("import")
def import_(
    call: NodeInvocation, file: Annotated[Path, typer.Argument(help="An agreement, or a signature over one here.")]
) -> None:
    """Import an agreement that a partner sent as a file, or its signature (.asc) over one that is here."""
    _emit(call, "import", {"content": _read(file)})


@app.command()
def export(
    call: NodeInvocation, agreement: _Number, out: Annotated[Path, typer.Option("--out", help="The file to write.")]
) -> None:
    """Write an agreement with its signatures as one file; whoever has gpg can check and sign it."""
    from tocsin.exchange.agreements import agreement_file, find_agreement

    with call.database.reading() as session:
        content = agreement_file(session, find_agreement(session, agreement))
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
    call.emit({"file": str(out), "bytes": len(content)}, f"{out} written.")


@app.command()
def send(call: NodeInvocation, agreement: _Number) -> None:
    """Send it with all signatures to each party that has not got these; 'exchange list' has the dispatches."""
    _emit(call, "send", {"agreement": agreement})


@app.command()
def adopt(call: NodeInvocation, agreement: _Number) -> None:
    """Adopt it: it binds this node. Who is left out of the edition before gets a recall."""
    _emit(call, "adopt", {"agreement": agreement})


@app.command("remove-party")
def remove_party(
    call: NodeInvocation, agreement: _Number, party: Annotated[str, typer.Argument(help="A partner, or a UUID.")]
) -> None:
    """Remove a party: a further edition without it goes to all, and the party gets a recall."""
    _emit(call, "remove", {"agreement": agreement, "party": party})


@app.command()
def leave(call: NodeInvocation, agreement: _Number) -> None:
    """Leave it: a further edition without this node goes to the others, who recall what they passed us."""
    _emit(call, "leave", {"agreement": agreement})


@reports.command()
def report(
    call: NodeInvocation, days: Annotated[int, typer.Option(help="Over how many days, until now.", min=1)] = 365
) -> None:
    """Report on what exchanges rest: the share of treaties, laws, memoranda, codes, norms, and of none."""
    from tocsin.exchange.ledger import share_by_type

    with call.database.reading() as session:
        found = share_by_type(session, call.now - timedelta(days=days), call.now)
    rows: list[dict[str, Any]] = [
        {"type": one.type, "sent": one.sent, "received": one.received, "share": one.share} for one in found
    ]
    shown = [(one.type, str(one.sent), str(one.received), f"{one.share or 0:.0%}") for one in found]
    call.emit(
        {"days": days, "exchanges": sum(one.sent + one.received for one in found), "types": rows},
        lambda: print_table("", ("type", "sent", "received", "share"), shown),
    )


def _emit(call: NodeInvocation, name: str, values: dict[str, Any]) -> None:
    act = act_of(_GROUP, name)
    done = document_of(perform(call, act, values))

    def human() -> None:
        say(visible(act.told.format(**done)))
        if done["sent"]:
            say(f"  {done['sent']} dispatches sealed: 'tocsin exchange list' names them, 'exchange file' writes one.")
        for one in done["left"]:
            say(visible(f"  Not sent: {one}"))

    call.emit(done, human)


def _document(one: "ListedAgreement") -> dict[str, Any]:
    return {
        "agreement": one.row.id, "uuid": one.row.agreement, "title": one.row.title, "type": one.row.type,
        "edition": one.row.edition, "state": one.state.value, "parties": sorted(map(str, one.body.parties)),
        "others": list(one.body.others), "signed": sorted(map(str, one.bound)), "ends": one.body.expires,
        "adopted_at": one.row.adopted_at, "sha256": one.row.hash,
    }  # fmt: skip


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d}" if at else ""


def _text(file: Path | None) -> str:
    return _read(file).decode("utf-8", "replace") if file else ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name another file.") from error
