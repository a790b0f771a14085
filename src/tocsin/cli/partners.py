"""`tocsin partners`: who they are, which of their keys count, and when the link to each was last shown to work."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say, visible
from tocsin.node.errors import InputError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.exchange.partners import ListedPartner

app = Commands(
    cls=act_group("partners"),
    help="Partners: who they are, keys that a person confirmed, communication checks.",
    no_args_is_help=True,
)
_Partner = Annotated[str, typer.Argument(help="Number or name of the partner.", metavar="PARTNER")]
_FIELDS = "name mailbox inbox node countries closed languages hours formats largest person_of profile_at statement_at"
_OF_KEY = "fingerprint expires_at source claimed_at way evidence said_by confirmed_at ended end_reason ended_at"


@app.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[str, typer.Option(help="Only those: works, check-due, failing or no-key.")] = "",
) -> None:
    """List partners, with the state of each link and the last proof that it works."""
    from tocsin.exchange.partners import LinkState, list_partners

    if state not in {"", *LinkState}:
        raise UsageError(f"There is no state '{state}'.", hint=f"Say one of {', '.join(LinkState)}.")
    with call.database.reading() as session:
        found = [one for one in list_partners(session, call.now) if state in {"", one.state}]
    rows = [
        (str(one.partner.id), one.partner.name, one.state.replace("-", " "), _day(one.proof), one.partner.countries)
        for one in found
    ]
    head = ("number", "name", "state", "last proof", "countries")
    call.emit([_document(one) for one in found], (lambda: print_table("", head, rows)) if rows else "No partners.")


@app.command()
def show(call: NodeInvocation, partner: _Partner) -> None:
    """Show a partner: its addresses, keys, checks and attestations."""
    from tocsin.exchange.partners import attestations_of, key_state, read_partner

    with call.database.reading() as session:
        one = read_partner(session, partner, call.now)
    keys: list[dict[str, Any]] = [{"state": key_state(key, call.now), **fields(key, _OF_KEY)} for key in one.keys]
    checks: list[dict[str, Any]] = [fields(check, "at way result note") for check in one.checks]
    shown = attestations_of(one.partner)
    document = {
        **_document(one), "keys": keys, "checks": checks, "attestations": [of.model_dump() for of in shown]
    }  # fmt: skip

    def human() -> None:
        said = [(name.removesuffix("_at"), _text(value)) for name, value in _document(one).items() if value]
        print_table("", ("", ""), said)
        rows = [(key["fingerprint"].upper(), key["state"], _day(key["expires_at"]), key["said_by"]) for key in keys]
        print_table("Keys", ("fingerprint", "state", "expires", "read by"), rows)
        made = [(_day(check["at"]), check["way"], check["result"], check["note"]) for check in checks]
        print_table("Communication checks", ("when", "how", "result", "note"), made)
        lines = [(of.name, of.issuer, _day(of.expires)) for of in shown]
        print_table("Attestations", ("name", "issued by", "expires"), lines)

    call.emit(document, human)


@app.command("add-profile")
def add_profile(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="An invitation (ZIP), or a profile with FILE.asc beside it.")],
) -> None:
    """Add a partner from its signed profile. All that it says is a claim, until a person confirms a key."""
    from tocsin.exchange.partners import read_profile_file

    content = _read(file)
    pair = read_profile_file(content) if content[:2] == b"PK" else (content, _read(Path(f"{file}.asc")))
    statement, signature = (one.decode("utf-8", "replace") for one in pair)
    act = act_of("partners", "add-profile")
    done = document_of(perform(call, act, {"statement": statement, "signature": signature}))
    call.emit(done, visible(act.told.format(**done)))


@app.command("add-key")
def add_key(
    call: NodeInvocation,
    partner: _Partner,
    file: Annotated[
        Path,
        typer.Argument(help="Its OpenPGP public key, or a newer form of it; or an S/MIME certificate."),
    ],
) -> None:
    """Add a key of a partner. It verifies nothing before 'tocsin partners confirm-key'."""
    act = act_of("partners", "add-key")
    values = {"partner": partner, "content": _read(file).decode("ascii", "replace")}
    done = document_of(perform(call, act, values))
    call.emit(done, visible(act.told.format(**done)))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", hint="Name another file.") from error


def _document(one: "ListedPartner") -> dict[str, Any]:
    return {
        "number": one.partner.id, **fields(one.partner, _FIELDS), "state": one.state, "proof": one.proof,
    }  # fmt: skip


def _text(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "strftime") else str(value)


def _day(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d}" if at else ""


@app.command()
def links(
    call: NodeInvocation,
    days: Annotated[int, typer.Option(min=1, help="For so long after its last proof a link counts.")] = 183,
) -> None:
    """Count the links abroad by country: those that a receipt or a signed answer showed to work lately."""
    from tocsin.exchange.partners import by_country, measured_links

    own = call.settings.node.country
    with call.database.reading() as session:
        found = measured_links(session, call.now, days)
    countries, abroad = by_country(found, own), [one for one in found if one.abroad(own)]
    rows = [(one.country, str(len(one.links)), str(one.live), _day(one.proof)) for one in countries]
    document = {
        "days": days, "partners": len(abroad), "live": sum(one.live for one in abroad),
        "countries": [
            {"country": one.country, "partners": len(one.links), "live": one.live, "proof": one.proof}
            for one in countries
        ],
    }  # fmt: skip
    head = ("country", "partners", "links that work", "last proof")
    call.emit(document, (lambda: print_table("", head, rows)) if rows else "No partners abroad.")


@app.command("import")
def import_(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="CSV or JSON; of a Cerebrate also the folder with its answers.")],
    source: Annotated[str, typer.Option(help="Whose list it is, such as FIRST or APCERT.")],
    column: Annotated[
        list[str] | None, typer.Option(help="WHAT='NAME OF COLUMN', such as countries='Country code'; again for more.")
    ] = None,
) -> None:
    """Import a list of teams as claims: no partner that is known is changed, and no key is confirmed by it."""
    _import(call, source, _folder(file) if file.is_dir() else _read(file), tuple(column or ()))


@app.command("import-cerebrate")
def import_cerebrate(
    call: NodeInvocation,
    url: Annotated[str, typer.Argument(help="Its address, such as https://cerebrate.example.")],
    key_file: Annotated[str, typer.Option(help="File with an API key of a user there, readable by this user only.")],
    source: Annotated[str, typer.Option(help="What its list is called here; else its address.")] = "",
    network: Annotated[
        list[str] | None, typer.Option(help="A private network where it may be; again for more.")
    ] = None,
    ca_file: Annotated[str, typer.Option(help="Certificates that its own must follow from; empty: the usual.")] = "",
) -> None:
    """Fetch organisations, keys, sharing groups and people of a Cerebrate, and import them as claims."""
    import json

    from pydantic import ValidationError

    from tocsin.exchange.partners import list_acts
    from tocsin.pipeline.collectors import MispError, MispServerSettings, open_misp

    said = {"kind": "misp", "url": url, "secret_file": key_file, "networks": network or [], "ca_file": ca_file}
    try:
        settings = MispServerSettings.model_validate(said)
    except ValidationError as error:
        raise UsageError(f"{url}: {error.errors()[0]['msg']}.", hint="Give an address as https://HOST.") from error
    with open_misp(settings, call.home) as server:
        found, left = {}, []
        for name in list_acts.CEREBRATE:
            try:
                found[name] = server.read(f"{name}/index.json")
            except MispError as error:  # whose key may not read people, say, has the teams all the same
                if name == "organisations" or error.status not in {403, 404}:
                    raise
                left.append(f"{name}: {error}")
    _import(call, source or url, json.dumps(found).encode(), (), left)


@app.command("export-cerebrate")
def export_cerebrate(
    call: NodeInvocation,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A folder that any web server can serve.")],
) -> None:
    """Write partners, confirmed keys and agreements in force in the shape of a Cerebrate, for others to read."""
    from tocsin.exchange.agreements import adopted_agreements
    from tocsin.exchange.partners import cerebrate_files
    from tocsin.node.records import node_uuid

    us = node_uuid(call.database)
    with call.database.reading() as session:
        bound = [one for one in adopted_agreements(session, us) if one.binds(us, call.now)]
        groups = {str(one.body.agreement): (one.body.title, sorted(one.bound)) for one in bound}
        files = cerebrate_files(call.node, session, groups, call.now)
    try:
        for path, content in files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(content)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}.", hint="Name another folder.") from error
    call.emit({"folder": str(out), "files": sorted(files)}, f"{len(files)} files written to {out}.")


def _folder(folder: Path) -> bytes:
    """The answers of a Cerebrate that somebody saved: ``organisations/index.json`` and others, as one document."""
    import json

    from tocsin.exchange.partners import list_acts

    found = {}
    for name in list_acts.CEREBRATE:
        path = folder / name / "index.json"
        if path.exists():
            try:
                found[name] = json.loads(_read(path))
            except ValueError as error:
                raise InputError(f"{path} is no JSON: {error}.", hint="Fetch it again.") from error
    if "organisations" not in found:
        raise InputError(f"{folder} has no organisations/index.json.", hint="Name a file, or such a folder.")
    return json.dumps(found).encode()


def _import(
    call: NodeInvocation, source: str, content: bytes, columns: tuple[str, ...], refused: Sequence[str] = ()
) -> None:
    """``refused``: which lists of a server are not in it, and why."""
    act = act_of("partners", "import-list")
    done = document_of(perform(call, act, {"source": source, "content": content, "columns": columns}))
    done["left"] = [*refused, *done["left"]]

    def human() -> None:
        say(visible(act.told.format(**done)) + f" {done['keys']} keys are new, and confirmed by nobody.")
        for line in done["left"][:20]:
            say(visible(f"  Left: {line}"))

    call.emit(done, human)
