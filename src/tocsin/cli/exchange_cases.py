"""`tocsin exchange cases`, `messages` and `consents`: what is worked on with partners, asked, and let go on."""

from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table

app = Commands()
_Partner = Annotated[str, typer.Option(help="Number or name of a partner; else all.")]


@app.command()
def cases(call: NodeInvocation, partner: _Partner = "") -> None:
    """List cases that are offered, joint or handed over, with what each is called here and there."""
    from tocsin.exchange.ledger import list_cases
    from tocsin.exchange.partners import find_partner
    from tocsin.incidents import IncidentReader

    with call.database.reading() as session:
        number = find_partner(session, partner).id if partner else None
        found = list_cases(session, IncidentReader(None, call.now), number)
    rows = [
        {
            "case": one.row.id, "partner": one.partner, "incident": one.incident or None, "kind":
            "joint" if one.row.joint else "handover", "withdrawn": bool(one.row.withdrawn),
            **fields(one.row, "title tlp state their_reference code reason changed_at"),
        }
        for one in found
    ]  # fmt: skip
    names = ("case", "partner", "title", "kind", "state", "incident", "their_reference")
    shown = [tuple(str(row[name] or "") for name in names) for row in rows]
    call.emit(rows, (lambda: print_table("Cases", names, shown)) if rows else "No cases.")


@app.command()
def messages(call: NodeInvocation, partner: _Partner = "") -> None:
    """List requests and notices of partners and to them, each with its state, and the code of a refusal."""
    from tocsin.exchange.ledger import list_messages
    from tocsin.exchange.partners import find_partner
    from tocsin.incidents import IncidentReader

    with call.database.reading() as session:
        number = find_partner(session, partner).id if partner else None
        found = list_messages(session, IncidentReader(None, call.now), number)
    rows = [
        {
            "message": one.row.id, "partner": one.partner, "incident": one.incident or None,
            "consent": one.row.consent,
            **fields(one.row, "direction kind asks basis instrument urgency text tlp state code later who answer"),
            **fields(one.row, "answer_by due_at made_at acknowledged_at answered_at"),
        }
        for one in found
    ]  # fmt: skip
    names = ("message", "partner", "direction", "asks", "urgency", "state", "code", "text")
    shown = [tuple(str(row[name] or "")[:80] for name in names) for row in rows]
    call.emit(rows, (lambda: print_table("Requests and notices", names, shown)) if rows else "No requests or notices.")


@app.command()
def consents(call: NodeInvocation) -> None:
    """List what sources let go on to whom, up to which label and until when, and how they said so."""
    from tocsin.exchange.ledger import consent_state, list_consents

    with call.database.reading() as session:
        found = list_consents(session)
    rows = [
        {
            "consent": row.id, "source": row.name, "partner": partner, "state": consent_state(row, call.now),
            **fields(row, "item up_to until way reference who said at ended_at"),
        }
        for row, partner in found
    ]  # fmt: skip
    names = ("source", "partner", "item", "up_to", "until", "state", "way", "who")
    shown = [tuple(str(row[name] or "") for name in names) for row in rows]
    call.emit(rows, (lambda: print_table("Consents", names, shown)) if rows else "No source was asked or answered.")
