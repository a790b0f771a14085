"""`tocsin exchange token`: what programs of partners sign in with."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group, act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table

if TYPE_CHECKING:
    from tocsin.exchange.protocols import PartnerToken

app = Commands(
    cls=act_group("exchange token"),
    help="Tokens: a program of a partner reads and posts at TAXII or MISP.",
    no_args_is_help=True,
)


@app.command()
def make(
    call: NodeInvocation,
    partner: Annotated[str, typer.Argument(help="Number or name of the partner.")],
    protocol: Annotated[str, typer.Option(help="Where it works: taxii or misp.")] = "taxii",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, or post, which offers things to you; may be repeated.")
    ] = None,
) -> None:
    """Make a token for a partner's program. It is printed once; the one before, for the same place, is revoked."""
    values = {"partner": partner, "protocol": protocol, **({"scopes": scope} if scope else {})}
    done = document_of(perform(call, act_of("exchange token", "make"), values))
    call.emit(done, done["secret"])
    if not call.json:
        note(f"Token {done['number']} of {done['name']}. Keep it now: it is not shown again.")


@app.command("list")
def list_(
    call: NodeInvocation, partner: Annotated[str, typer.Argument(help="Number or name of a partner; else all.")] = ""
) -> None:
    """List tokens of partners, with when they were used last; those that were revoked too."""
    from tocsin.exchange.partners import find_partner
    from tocsin.exchange.protocols import partner_tokens

    with call.database.reading() as session:
        rows = partner_tokens(session, find_partner(session, partner).id if partner else None)
    documents = [_document(row, name) for row, name in rows]
    head = ("number", "partner", "protocol", "scopes", "made", "last used (UTC)", "state")
    table = [
        (
            str(row.id), name, row.protocol, ", ".join(row.scopes), f"{row.made_at:%Y-%m-%d}",
            f"{row.used_at:%Y-%m-%d %H:%M}" if row.used_at else "never", "revoked" if row.revoked_at else "works",
        )
        for row, name in rows
    ]  # fmt: skip
    call.emit(documents, (lambda: print_table("", head, table)) if rows else "No tokens.")


def _document(row: "PartnerToken", name: str) -> dict[str, object]:
    return {
        "number": row.id, "partner": row.partner_id, "name": name,
        **fields(row, "protocol scopes made_at used_at revoked_at"),
    }  # fmt: skip
