"""`tocsin deliveries`: what became of digests and letters."""

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tocsin.cli import deliveries_held, remote
from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.delivery import Delivery, DueNews, MailState
    from tocsin.directory import Team
    from tocsin.node.letters import Letter
    from tocsin.node.records import Database
    from tocsin.pipeline.notify_now import NotificationResult

State = Literal[
    "queued",
    "retry",
    "sent",
    "bounced",
    "failed",
    "withheld",
    "held",
    "stuck",
    "dropped",
    "expired",
    "shadow",
    "redirected",
]
LetterState = Literal[
    "queued", "retry", "sent", "failed", "bounced", "cancelled", "held", "dropped", "expired", "shadow", "redirected"
]


def _retried(call: NodeInvocation, done: "Sequence[MailState]") -> object:
    from tocsin.delivery import delivery

    teams = _teams(call.database)
    with call.database.reading() as session:
        said = [document(delivery(session, one.reference), teams) for one in done]
    return said if len(said) > 1 else said[0]


def _show_retried(done: "Sequence[MailState]") -> None:
    for one in done:
        say(f"{one.reference} goes out with the next 'tocsin deliver'.")


def _show_notified(done: "NotificationResult") -> None:
    since = f"; the oldest was seen at {done.oldest:%Y-%m-%d %H:%M} UTC" if done.oldest else ""
    title = f"{done.events:,} events have a contact now{since}"
    if done.number is None and done.events:
        title += "; nothing was sent"
    rows = [(one.key, one.events, f"{one.due_at:%Y-%m-%d %H:%M}") for one in done.teams]
    print_table(title, ("team", "events", "digest due (UTC)"), rows, numbers=[1])


app = Commands(
    cls=act_group("deliveries", {"retry": _show_retried, "notify-now": _show_notified}, {"retry": _retried}),
    help="Notifications: who was notified of what, and what could not be sent.",
    no_args_is_help=True,
)
app.add_typer(deliveries_held.app)


@app.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List digests, newest first."""
    from tocsin.delivery import deliveries

    if call.server:
        with remote.client_of(call) as client:
            asked = list(islice(client.deliveries(state=state or ""), limit))
        said = [remote.digest_document(one) for one in asked]
        call.emit(said, lambda: _print(said, [one.team_name for one in asked]))
        return
    teams = _teams(call.database)
    with call.database.begin() as session:
        found = deliveries(session, state=state, limit=limit)
    said = [document(one, teams) for one in found]
    names = [teams[one.team_id].name if one.team_id in teams else None for one in found]
    call.emit(said, lambda: _print(said, names))


@app.command()
def show(
    call: NodeInvocation,
    reference: Annotated[str, typer.Argument(help="For example TOC-2026-0000123.")],
    mail: Annotated[bool, typer.Option("--mail", help="The mail, as it would be sent now.")] = False,
) -> None:
    """Show all that is known of one digest or other mail."""
    from tocsin.delivery import Delivery, find_mail
    from tocsin.problems.replies import mails_about

    if call.server and not mail:
        with remote.client_of(call) as client:
            _print_whole(call, remote.digest_document(client.delivery(reference)))
        return
    if mail:
        _show_mail(call, reference)
        return
    teams = _teams(call.database)
    with call.database.begin() as session:
        found = find_mail(session, reference)
        mails = mails_about(session, found) if isinstance(found, Delivery) else {}
    said = {**document(found, teams), **mails} if isinstance(found, Delivery) else letter_document(found)
    _print_whole(call, said)


@app.command()
def requests(
    call: NodeInvocation,
    state: Annotated[LetterState | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List mails that are not digests, newest first: verification requests, requests for keys, receipts."""
    from tocsin.delivery import letters

    with call.database.begin() as session:
        found = letters(session, state=state, limit=limit)
    call.emit([letter_document(one) for one in found], lambda: _print_letters(found))


@app.command()
def due(
    call: NodeInvocation,
    expired: Annotated[bool, typer.Option("--expired", help="What became too old before it could be sent.")] = False,
) -> None:
    """List what each team is owed that no digest holds yet, the first due first."""
    from tocsin.delivery import ItemState, due_news

    teams = _teams(call.database)
    with call.database.begin() as session:
        found = due_news(session, ItemState.EXPIRED if expired else ItemState.QUEUED)
    said = [
        {"team": teams[one.team_id].key if one.team_id in teams else None, "events": one.events, "due_at": one.due_at}
        for one in found
    ]
    call.emit(said, lambda: _print_due(found, teams))


def _show_mail(call: NodeInvocation, reference: str) -> None:
    from tocsin.pipeline.notify import preview_mail

    mails = [mail.content.decode("ascii", "replace") for mail in preview_mail(call.node, reference)]
    call.emit({"mails": mails}, "\n".join(mail.replace("\r\n", "\n") for mail in mails))


def letter_document(one: "Letter") -> dict[str, object]:
    """One letter as JSON."""
    names = "reference state kind mailbox subject message_id channel created_at sent_at attempts due_at path error"
    return fields(one, names)


def document(one: "Delivery", teams: "dict[int, Team]") -> dict[str, Any]:
    """One digest as JSON; the team by its key."""
    return {
        **fields(one, "reference state"),
        "team": teams[one.team_id].key if one.team_id in teams else None,
        **fields(one, "subject message_id channel created_at sent_at attempts next_try_at path size"),
        "counts": {"owed": one.events, **one.counts},
        **fields(one, "protection error"),
    }


def _print_whole(call: NodeInvocation, said: "Mapping[str, object]") -> None:
    rows = [(name.replace("_", " "), _shown(value)) for name, value in said.items()]
    call.emit(said, lambda: print_table("", ("", ""), rows))


def _print(found: "Sequence[dict[str, Any]]", names: "Sequence[str | None]") -> None:
    if not found:
        say("No digests. 'tocsin deliver' makes those that are due.")
        return
    print_table(
        "",
        ("reference", "state", "events", "at (UTC)", "team"),
        [
            (
                one["reference"],
                one["state"],
                one["counts"].get("events", one["counts"]["owed"]),
                f"{one['sent_at'] or one['created_at']:%Y-%m-%d %H:%M}",
                name or "no longer in the directory",
            )
            for one, name in zip(found, names, strict=True)
        ],
        numbers=[2],
    )
    for one in found:
        if one["error"]:
            say(f"{one['reference']}: {one['error']}")


def _print_letters(found: "Sequence[Letter]") -> None:
    if not found:
        say("No such mails.")
        return
    rows = [(one.reference, one.state, one.mailbox, one.subject) for one in found]
    print_table("", ("reference", "state", "to", "subject"), rows)
    for one in found:
        if one.error:
            say(f"{one.reference}: {one.error}")


def _print_due(found: "Sequence[DueNews]", teams: "dict[int, Team]") -> None:
    if not found:
        say("Nothing here.")
        return
    names = [teams[one.team_id].name if one.team_id in teams else "no longer in the directory" for one in found]
    rows = [(name, one.events, f"{one.due_at:%Y-%m-%d %H:%M}") for name, one in zip(names, found, strict=True)]
    print_table("", ("team", "events", "due (UTC)"), rows, numbers=[1])


def _teams(database: "Database") -> "dict[int, Team]":
    from tocsin.directory import teams_by_id

    return teams_by_id(database)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else str(value)
