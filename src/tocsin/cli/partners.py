"""`tocsin partners`: who they are, which of their keys count, and when the link to each was last shown to work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, visible
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
_FIELDS = "name mailbox inbox node countries languages hours formats largest profile_at statement_at"
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
    """Show a partner: its addresses, keys and checks."""
    from tocsin.exchange.partners import key_state, read_partner

    with call.database.reading() as session:
        one = read_partner(session, partner, call.now)
    keys: list[dict[str, Any]] = [{"state": key_state(key, call.now), **fields(key, _OF_KEY)} for key in one.keys]
    checks: list[dict[str, Any]] = [fields(check, "at way result note") for check in one.checks]
    document = {**_document(one), "keys": keys, "checks": checks}

    def human() -> None:
        print_table("", ("", ""), [(name, str(value)) for name, value in _document(one).items() if value is not None])
        rows = [(key["fingerprint"].upper(), key["state"], _day(key["expires_at"]), key["said_by"]) for key in keys]
        print_table("Keys", ("fingerprint", "state", "expires", "read by"), rows)
        made = [(_day(check["at"]), check["way"], check["result"], check["note"]) for check in checks]
        print_table("Communication checks", ("when", "how", "result", "note"), made)

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
    file: Annotated[Path, typer.Argument(help="Its OpenPGP public key, or a newer form of one that is known.")],
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


def _day(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d}" if at else ""
