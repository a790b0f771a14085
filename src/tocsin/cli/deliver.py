"""`tocsin deliver`: render and send what is due."""

from typing import TYPE_CHECKING

import typer

from tocsin.cli.output import Invocation, emit, note, say

if TYPE_CHECKING:
    from tocsin.app import Node
    from tocsin.delivery import Summary


def deliver(ctx: typer.Context) -> None:
    """Render and send what is due: letters, and one digest per team.

    Exit 1 when sending is stopped, the brake holds, or the mail server cannot be used.
    """
    from datetime import UTC, datetime

    from tocsin.app import open_node
    from tocsin.telling import tell

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    summary = tell(node, now=datetime.now(UTC))
    emit(invocation, document(summary), lambda: show(summary, node))
    if summary.problem:
        note(f"{summary.problem} What is left waits for the next run.")
        raise typer.Exit(1)


def document(summary: "Summary") -> dict[str, object]:
    """The summary as one JSON document; ``problem`` is there when the run stopped early."""
    return {
        "way": summary.way,
        "letters": summary.letters,
        "held": summary.held,
        "stuck": summary.stuck,
        "full": summary.full,
        "expired": summary.expired,
        "digests": summary.digests,
        "mails": summary.mails,
        "events": summary.events,
        "later": summary.later,
        "failed": summary.failed,
        "withheld": summary.withheld,
        "unreachable": len(summary.unreachable),
        "seconds": round(summary.seconds, 3),
        **({"problem": summary.problem} if summary.problem else {}),
    }


def show(summary: "Summary", node: "Node") -> None:
    """The summary in sentences, then what keeps mails from their teams."""
    from tocsin.delivery import notices

    where = _where(summary.way, node)
    if not any(
        (summary.digests, summary.letters, summary.held, summary.stuck, summary.later, summary.failed, summary.withheld)
    ):
        say("Nothing left." if summary.problem else "Nothing was due.")
    if summary.digests:
        say(f"{_count(summary.digests, 'digest')} about {_count(summary.events, 'event')} {where}.")
    if summary.letters:
        say(f"{_count(summary.letters, 'letter')} {where}.")
    if summary.full:
        say(f"{_count(summary.full, 'team')} told later: a mailbox had its mails for a day ([tell] mails_a_day).")
    if summary.later:
        say(f"{_count(summary.later, 'mail')} refused for the moment; tried again later.")
    if summary.failed:
        say(f"{_count(summary.failed, 'mail')} given up: 'tocsin deliveries list --state failed' says why.")
    if summary.withheld:
        say(f"{_count(summary.withheld, 'digest')} stopped by the gate: 'tocsin deliveries list --state withheld'.")
    if summary.unreachable:
        say(f"{_count(len(summary.unreachable), 'team')} cannot be told: no usable mailbox in the directory.")
    with node.database.begin() as session:
        found = notices(session, node.settings)
    for notice in found:
        if notice.words not in summary.problem:
            say(f"{notice.words} {notice.mend}")


def _where(way: str, node: "Node") -> str:
    if way == "shadow":
        return f"written below {node.mails / 'shadow'}, not sent"
    if way == "redirect":
        return f"sent to {node.settings.tell.redirect_to} only"
    return f"written below {node.mails}" if way == "file" else "sent"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
