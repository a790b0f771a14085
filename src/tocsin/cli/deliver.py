"""`tocsin deliver`: render and send what is due."""

from typing import TYPE_CHECKING

import typer

from tocsin.cli.output import Invocation, emit, note, say

if TYPE_CHECKING:
    from tocsin.app import Node
    from tocsin.delivery import Summary


def deliver(ctx: typer.Context) -> None:
    """Render and send what is due: one digest per team. Exit 1 when the mail server cannot be used."""
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
    """The summary in sentences."""
    if not (summary.digests or summary.later or summary.failed or summary.withheld):
        say("Nothing was due.")
    if summary.digests:
        where = f"written below {node.mails}" if node.settings.mail.channel == "file" else "sent"
        say(f"{_count(summary.digests, 'digest')} about {_count(summary.events, 'event')} {where}.")
    if summary.later:
        say(f"{_count(summary.later, 'digest')} refused for the moment; tried again later.")
    if summary.failed:
        say(f"{_count(summary.failed, 'digest')} given up: 'tocsin deliveries list --state failed' says why.")
    if summary.withheld:
        say(f"{_count(summary.withheld, 'digest')} stopped by the gate: 'tocsin deliveries list --state withheld'.")
    if summary.unreachable:
        say(f"{_count(len(summary.unreachable), 'team')} cannot be told: no usable mailbox in the directory.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
