"""`tocsin exchange send`, `take`, `receipt` and what belongs to them: dispatches to and from partners, by file."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tocsin.cli.acts import act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.exchange.ledger import ReceivedDispatch, SentDispatch
    from tocsin.exchange.sharing import PartnerPackage

app = Commands()
_Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The file to write.")]
_File = Annotated[Path, typer.Argument(help="The file that the partner sent.")]
_HELD: Final = "Let it send ('tocsin resume', or [tell] mode), or carry a file ('tocsin exchange file')."
_GROUNDS: Final = {
    "agreement": "Under the agreement {title} ({type}).",
    "case": "The partner takes part in the incident.",
    "community": "As any team of the directory: no agreement with it is in force.",
    "public": "As anybody: no agreement with it is in force.",
}
_LARGEST: Final = 64_000_001  # bytes that are read of a file: one more than a dispatch may have


@app.command()
def send(
    call: NodeInvocation,
    partner: Annotated[str, typer.Argument(help="Number or name of the partner.")],
    *,
    incident: Annotated[str, typer.Option(help="The reference of an incident.")] = "",
    document: Annotated[
        list[Path] | None, typer.Option(help="A file; again for more.", exists=True, dir_okay=False)
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Class that goes besides facts: analysis, content, personal or evidence."),
    ] = None,
    tlp: Annotated[str, typer.Option(help="Marking of the files; an incident only gets stricter.")] = "",
    document_class: Annotated[
        str, typer.Option(help="Which class of data the files are: document, statistics, reachability …")
    ] = "document",
    jurisdiction: Annotated[
        list[str] | None,
        typer.Option(help="A country that claims it: 'KE subject Data Protection Act'; again for more."),
    ] = None,
    agreement: Annotated[
        str, typer.Option(help="UUID of the agreement under which it goes; else the one that binds most.")
    ] = "",
    only_preview: Annotated[bool, typer.Option("--preview", help="Say what would go, and what not and why.")] = False,
    once: Annotated[str, typer.Option(help="A key of your choice; sent twice with the same one, it goes once.")] = "",
    signed: Annotated[str, typer.Option("--as", help="Whose word it is: an account.")] = "",
    out: _Out = None,
) -> None:
    """Send an incident or files to a partner: what goes and what not and why, then the encrypted file.

    Carry FILE to the partner by mail or on a stick. 'tocsin exchange file' writes the same file again.
    """
    values: dict[str, Any] = {"partner": partner, "incident": incident, "classes": tuple(classes or ()), "once": once}
    values["agreement"] = agreement
    values["documents"] = tuple(
        {"name": path.name, "content": _read(path), "data": document_class} for path in document or ()
    )
    values["jurisdictions"] = tuple(jurisdiction or ())
    if tlp:
        values["tlp"] = tlp.upper()
    if only_preview:
        package = _preview(call, values, signed)
        document_ = _package(call, package)
        call.emit(document_, lambda: _print_package(call, package, document_, partner))
        return
    act = act_of("exchange", "send")
    if out is not None:
        _check_carried(call, partner)
    sealed = perform(call, act, values, name=signed)
    package = sealed.package or _preview(call, values, signed)  # it went before
    done, document_ = document_of(sealed), _package(call, package)
    if not call.json:
        _print_package(call, package, document_, partner)
    if out is not None:
        _write(out, _sealed(call, done["dispatch"])[1], dispatch=done["dispatch"])
    call.emit({**done, "file": str(out) if out else None, "package": document_}, visible(act.told.format(**done)))


@app.command("file")
def file_(
    call: NodeInvocation,
    dispatch: Annotated[int, typer.Argument(help="Its number in 'tocsin exchange list'.")],
    out: _Out = None,
) -> None:
    """Write the encrypted file of a dispatch once more, as the same bytes.

    Of a partner without a node: the mail, once it has left by itself or could not.
    """
    name, content = _sealed(call, dispatch)
    path = out or Path(name)
    _write(path, content)
    call.emit({"file": str(path)}, f"Dispatch written to {path}.")


@app.command()
def take(call: NodeInvocation, file: _File, out: _Out = None) -> None:
    """Open and verify a file of a partner, and write the receipt for it; what it offers waits for a decision.

    The same file gives the same receipt. Exit 1: it was not taken, and the receipt says so.
    """
    from tocsin.exchange.ledger import close_handed_over, receipt_file
    from tocsin.interface import ActContext

    act = act_of("exchange", "take")
    done = document_of(perform(call, act, {"content": _read(file)}))
    close_handed_over(ActContext(call.node, call.now, call.actor))
    with call.database.reading() as session:
        name, content = receipt_file(call.node, session, done["incoming"])
    path = out or file.with_name(name)
    _write(path, content)

    def human() -> None:
        say(visible(act.told.format(**done)) + (f" {visible(done['reason'])}" if done["reason"] else ""))
        say(f"  items    {done['items']}")
        say(f"  receipt  {path}")

    call.emit({**done, "receipt": str(path)}, human)
    if done["verdict"] != "taken":
        raise typer.Exit(1)


@app.command()
def receipt(call: NodeInvocation, file: _File) -> None:
    """Read the receipt of a partner: the dispatch has arrived, or was refused with a code."""
    act = act_of("exchange", "take-receipt")
    done = document_of(perform(call, act, {"content": _read(file)}))
    call.emit(done, visible(act.told.format(**done)))


@app.command()
def deliver(
    call: NodeInvocation,
    again: Annotated[bool, typer.Option("--again", help="Also what waits until it is tried again.")] = False,
) -> None:
    """Try once to bring partners what has no receipt yet, and print what went and what did not, with the reason.

    'tocsin serve' does it by itself. Exit 1 when something did not go, or sending is stopped.
    """
    from tocsin.pipeline.exchange_delivery import deliver_dispatches

    done = deliver_dispatches(call.node, now=call.now, at_once=again)
    rows = [fields(one, "dispatch partner number way state reason") for one in done.carried]

    def human() -> None:
        columns = ("dispatch", "partner", "number", "way", "state", "reason")
        print_table("Dispatches", columns, [tuple(visible(str(row[name])) for name in columns) for row in rows])

    nothing = f"{done.problem} {_HELD}" if done.problem else _waiting(call)
    call.emit({"dispatches": rows, "problem": done.problem or None}, human if rows else nothing)
    if done.problem or any(one.failed for one in done.carried):
        raise typer.Exit(1)


def _waiting(call: NodeInvocation) -> str:
    """Why nothing went in a round that may send, and what to do."""
    from tocsin.exchange.ways import due_dispatches

    mails = call.settings.mail.channel == "smtp"
    with call.database.reading() as session:
        waiting = [one for of_partner in due_dispatches(session, call.now, mails=mails) for one in of_partner]
        apart = [f"{abs(one.row.number)} to {one.partner.name}" for one in waiting if one.next is None]
    said = ["Nothing was due."]
    if later := len(waiting) - len(apart):
        said.append(f"{later} without a receipt: 'tocsin exchange deliver --again' tries now.")
    if apart:
        said.append(f"No way is left for {', '.join(apart)}: carry the file ('tocsin exchange file').")
        said.append("A partner is reached at its inbox, or by email where [mail] channel is 'smtp'.")
    return visible(" ".join(said))


@app.command("list")
def list_(
    call: NodeInvocation,
    partner: Annotated[str, typer.Option(help="Number or name of a partner; else all.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many of each, the newest first.")] = 1_000,
    after: Annotated[str, typer.Option(help="The next page of what came: as the page before says.")] = "",
) -> None:
    """List what went to partners and came from them: each thing with its state and one reason."""
    from tocsin.exchange.ledger import received_rows, sent_dispatches
    from tocsin.exchange.partners import find_partner
    from tocsin.incidents import IncidentReader, known_references

    with call.database.reading() as session:
        number = find_partner(session, partner).id if partner else None
        sent = [] if after else sent_dispatches(session, number, limit=limit)
        received, later = received_rows(session, number, limit=limit, after=after)
        named = {item.incident for one in received for item in one.items}
        known = known_references(session, IncidentReader(None, call.now), named)
    out = [row for one in sent for row in _sent(one)]
    came = [row for one in received for row in _received(one, known)]

    def human() -> None:
        for title, rows, columns in (
            ("Sent", out, ("dispatch", "partner", "thing", "tlp", "state", "reason")),
            ("Received", came, ("incoming", "item", "partner", "thing", "tlp", "state", "reason")),
        ):
            print_table(title, columns, [tuple(str(row[name] or "") for name in columns) for row in rows])
        if later:
            note(f"More came: 'tocsin exchange list --after {later}'.")

    call.emit(
        {"sent": out, "received": came, "after": later}, human if out or came else "Nothing was sent or received."
    )


@app.command()
def bundle(
    call: NodeInvocation,
    dispatch: Annotated[int, typer.Argument(help="Its number in 'tocsin exchange list'.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new or empty folder.")],
    *,
    incoming: Annotated[bool, typer.Option("--incoming", help="The number is of a dispatch that came.")] = False,
) -> None:
    """Write an evidence bundle: proof for anyone of who sent what to whom, and when it was received."""
    from tocsin.exchange.bundles import write_bundle
    from tocsin.exchange.ledger import evidence_bundle

    with call.database.reading() as session:
        files = evidence_bundle(call.node, session, dispatch, call.now, incoming=incoming)
    write_bundle(files, out)
    call.emit({"folder": str(out), "files": sorted(files)}, f"{len(files)} files written to {out}.")


def _preview(call: NodeInvocation, values: dict[str, Any], signed: str) -> "PartnerPackage":
    from tocsin.exchange.ledger import NewDispatch, preview
    from tocsin.interface import ActContext, RequestError, read_request

    act = act_of("exchange", "send")
    try:
        request: NewDispatch = read_request(act, values)
    except RequestError as error:
        raise UsageError(error.wrongs[0][1]) from None
    return preview(ActContext(call.node, call.now, call.actor, signed, act=act), request)


def _package(call: NodeInvocation, package: "PartnerPackage") -> dict[str, Any]:
    from tocsin.exchange.ledger import ground_of_package, reasons_of

    parts = [
        {"name": one.written.name, "class": one.data, "bytes": len(one.written.content), "tlp": one.marking.tlp}
        for one in package.parts
    ]
    names = ("class", "rule", "code", "things")
    withheld = [dict(zip(names, one, strict=True)) for one in reasons_of(package)]
    with call.database.reading() as session:
        ground = fields(ground_of_package(session, package), "kind title type")
    tlp = package.marking.tlp if package.marking else None
    ask = [{"source": one.name, "item": one.item or None} for one in package.ask]
    more = {"withheld": withheld, "ask": ask, "keyless": package.keyless or None}
    return {"tlp": tlp, "ground": ground, "parts": parts, **more}


def _print_package(call: NodeInvocation, package: "PartnerPackage", shown: dict[str, Any], partner: str) -> None:
    from tocsin.exchange.ledger import what_to_do
    from tocsin.exchange.sharing import why_withheld

    ground = shown["ground"]
    say(visible(_GROUNDS[ground["kind"]].format(**ground)))
    rows = [(one["name"], one["class"], f"{one['bytes']:,}", one["tlp"]) for one in shown["parts"]]
    print_table("Would go, with a key" if package.keyless else "Goes", ("part", "class", "bytes", "tlp"), rows)
    with call.database.reading() as session:
        held = why_withheld(session, (one.values() for one in shown["withheld"]))
    if held:
        print_table("Does not go", ("class", "why", "things"), held, numbers=[2])
    for line in what_to_do(package, partner):
        note(visible(line))


@app.command()
def made(
    call: NodeInvocation, item: Annotated[int, typer.Argument(help="The number of the item, in the list of what came.")]
) -> None:
    """List what was made of an item of a partner and is here still, and what of it stays when a recall is answered.

    'tocsin exchange answer ITEM --state done --end' ends all that does not stay; '--keep NAME=CODE' keeps one more.
    """
    from tocsin.incidents import IncidentReader
    from tocsin.operations.recall_acts import foresee_end

    found = foresee_end(call.node, item, IncidentReader(None, call.now))
    rows = [fields(one, "name kind incident text stays hidden") for one in found]
    shown = [(one.name, one.kind, visible(one.text), one.stays or "ends") for one in found]
    names = ("name", "kind", "content", "with done")
    call.emit(rows, (lambda: print_table("Made of this item", names, shown)) if rows else "Nothing of it is here.")


def _sent(one: "SentDispatch") -> list[dict[str, Any]]:
    """A row for each thing that a dispatch brought; one for a dispatch without things."""
    same = {
        "dispatch": one.row.id, "partner": one.partner, **fields(one.row, "type tlp sealed_at"),
        "number": abs(one.row.number), "by_mail": one.row.number < 0,
        "state": one.row.state, "hop": "partner" if one.row.state in {"received", "refused"} else "transport",
        "rule": one.row.state, "reason": visible(one.reason), "withheld": one.row.withheld,
    }  # fmt: skip
    things = [
        {
            "thing": item.title, "uuid": item.item, "version": item.version,
            "recalled": item.recall_dispatch is not None, "answer": item.answer or None,
            "answer_code": item.answer_code or None, "answer_kept": item.answer_kept or None,
            "below": _below(one, item.id),
        }
        for item in one.items
    ]  # fmt: skip
    return [{**same, **thing} for thing in things or [{"thing": one.row.title or one.row.type}]]


def _below(one: "SentDispatch", item: int) -> dict[str, object] | None:
    """What the partner says of all to whom it passed an item on."""
    found = one.sums.get(item)
    return fields(found, "passed_on done kept silent") if found else None


def _received(one: "ReceivedDispatch", known: Collection[str]) -> list[dict[str, Any]]:
    same = {
        "incoming": one.row.id, "partner": one.partner, **fields(one.row, "number type tlp came_at code"),
        "state": one.row.state, "reason": visible(one.row.reason),
    }  # fmt: skip
    things = [
        {
            "item": item.id, "thing": item.title, "uuid": item.item, "version": item.version, "tlp": item.tlp,
            "state": item.state, "code": item.code, "reason": visible(item.reason), "verified": item.verified,
            "incident": item.incident if item.incident in known else None,
        }
        for item in one.items
    ]  # fmt: skip
    return [{**same, **thing} for thing in things or [{"item": None, "thing": one.row.type}]]


def _check_carried(call: NodeInvocation, partner: str) -> None:
    from tocsin.exchange.ledger import check_carried

    with call.database.reading() as session:
        check_carried(session, partner)


def _sealed(call: NodeInvocation, dispatch: int) -> tuple[str, bytes]:
    from tocsin.exchange.ledger import free_file

    with call.database.reading() as session:
        return free_file(call.node, session, dispatch, call.now)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name another file.") from error


def _write(file: Path, content: bytes, dispatch: int = 0) -> None:
    """``dispatch``: what was sealed for the file, which has its number whether or not that can be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        hint = f"Dispatch {dispatch} is sealed: 'tocsin exchange file {dispatch} --out FILE' writes it."
        words = f"{file} cannot be written: {error.strerror}."
        raise UsageError(words, hint=hint if dispatch else "Name another file.") from error
