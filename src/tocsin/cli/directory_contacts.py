"""``tocsin directory contacts`` and ``verify``: which mailboxes answer, and asking those that nobody has proved."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory.contacts import Contact, ContactReply, VerificationRun

app = Commands()

_SHOWN = 100
_FEW = 20


@app.command()
def contacts(
    call: NodeInvocation,
    state: Annotated[
        str, typer.Option(help="Only unknown, registered, verified, answering, stale or bouncing ones.")
    ] = "",
    purpose: Annotated[str, typer.Option(help="Only those for this, such as abuse or security.")] = "",
    country: Annotated[str, typer.Option(help="Only of teams of this country (ISO 3166-1 alpha-2).")] = "",
) -> None:
    """Show each email address of each team with its state, and why: registered is not responsive."""
    from tocsin.directory import ContactPurpose
    from tocsin.directory.contacts import ContactState, read_contacts

    _one_of("--state", state, ContactState)
    _one_of("--purpose", purpose, ContactPurpose)
    found = [
        contact
        for contact in read_contacts(call.node, call.now)
        if (not state or contact.stand.state == state)
        and (not purpose or contact.purpose == purpose)
        and (not country or contact.country == country.upper())
    ]
    document = {"counts": _counts(found), "contacts": [_document(contact) for contact in found]}
    call.emit(document, lambda: _print_contacts(found))


@app.command()
def verify(
    call: NodeInvocation,
    team: Annotated[str, typer.Argument(help="The key or UUID of a team.")] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="Every email address that is not confirmed, a few a day.")
    ] = False,
    due: Annotated[
        bool, typer.Option("--due", help="The work of a day: reminders, and confirmations that end soon.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would be asked; ask nobody.")] = False,
) -> None:
    """Ask the holders of email addresses whether those are their teams'. 'tocsin deliver' sends the requests."""
    from tocsin.directory.contacts import verify_all, verify_due, verify_team

    if [bool(team), all_, due].count(True) != 1:
        raise UsageError("Name a team, or take --all or --due.")
    node, now = call.node, call.now
    if team:
        asked = verify_team(node, team, now=now, dry_run=dry_run)
    else:
        asked = (verify_due if due else verify_all)(node, now=now, dry_run=dry_run)
    document = {
        "dry_run": dry_run,
        "asked": [fields(one, "mailbox teams day") for one in asked.asks],
        "reminders": asked.reminders,
        "left": dict(asked.left),
    }
    call.emit(document, lambda: _print_asked(asked, dry_run=dry_run))


@app.command()
def verifications(call: NodeInvocation) -> None:
    """Show what holders of email addresses answered, the latest first, with what they wrote."""
    from tocsin.directory.contacts import read_answers

    with call.database.begin() as session:
        found = read_answers(session)
    rows = [fields(one, "number at mailbox teams outcome") | {"via": one.via, "note": one.note} for one in found]
    call.emit(rows, lambda: _print_answers(found))


def _one_of(option: str, given: str, words: Iterable[str]) -> None:
    if given and given not in list(words):
        raise UsageError(f"{option} '{given}' is none of {', '.join(words)}.")


def _counts(found: "Iterable[Contact]") -> dict[str, dict[str, int]]:
    """How many are in each state: all, registered abuse addresses, security contacts."""
    from tocsin.directory import counts_as_abuse, counts_as_security

    counted: dict[str, Counter[str]] = {"all": Counter(), "abuse": Counter(), "security": Counter()}
    for contact in found:
        state = contact.stand.state.value
        counted["all"][state] += 1
        if contact.purpose is not None:
            counted["abuse"][state] += counts_as_abuse(contact.purpose)
            counted["security"][state] += counts_as_security(contact.purpose)
    return {name: dict(+counts) for name, counts in counted.items()}


def _document(contact: "Contact") -> dict[str, object]:
    return {
        **fields(contact, "team country mailbox purpose"),
        **fields(contact.stand, "state since until reason"),
    }


def _print_contacts(found: "list[Contact]") -> None:
    from tocsin.directory.contacts import ContactState

    counts = _counts(found)
    rows = [(state.value, *(counts[of].get(state.value, 0) for of in counts)) for state in ContactState]
    print_table("contacts by state", ("state", "all", "abuse", "security"), rows, numbers=(1, 2, 3))
    shown = [
        (one.team, one.mailbox or "-", one.purpose or "", one.stand.state, one.stand.reason) for one in found[:_SHOWN]
    ]
    print_table("contacts", ("team", "email address", "for", "state", "why"), shown)
    if len(found) > _SHOWN:
        say(f"And {len(found) - _SHOWN:,} more; --json shows all.")


def _print_asked(asked: "VerificationRun", *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    verb = "is" if len(asked.asks) == 1 and not dry_run else "are" if not dry_run else ""
    addresses = "email address" if len(asked.asks) == 1 else "email addresses"
    say(f"{len(asked.asks):,} {addresses} {would or verb + ' '}asked to confirm; {asked.reminders:,} reminded.")
    if asked.asks:
        days = sorted({one.day for one in asked.asks})
        print_table(
            "", ("mailbox", "teams", "day"), [(one.mailbox, ", ".join(one.teams), one.day) for one in asked.asks[:_FEW]]
        )
        if len(asked.asks) > _FEW:
            say(f"And {len(asked.asks) - _FEW:,} more; --json shows all.")
        if len(days) > 1:
            say(f"So that nobody gets many at once, they leave on {len(days):,} days, the last on {days[-1]}.")
    for reason, count in sorted(asked.left.items()):
        say(f"Not asked, {reason}: {count:,}.")
    if asked.asks and not dry_run:
        say("'tocsin deliver' sends the requests.")


def _print_answers(found: "list[ContactReply]") -> None:
    if not found:
        say("Nobody has answered yet.")
        return
    rows = [
        (one.number, f"{one.at:%Y-%m-%d %H:%M}", one.mailbox, ", ".join(one.teams), one.outcome, one.via, one.note)
        for one in found
    ]
    print_table("answers (UTC)", ("number", "at", "email address", "teams", "answer", "via", "note"), rows)
