"""`tocsin deliver`: render and send what is due."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import fields, note, say

if TYPE_CHECKING:
    from tocsin.delivery import DeliverySummary
    from tocsin.pipeline.stores import NodeWithStores


def deliver(
    call: NodeInvocation,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and send what becomes due, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.05, help="With --watch, look again after this many seconds.")] = 1.0,
) -> None:
    """Render and send what is due: one digest per team, and other mails.

    Exit 1 when sending is stopped or paused by the volume limit, or the mail server cannot be used; with --watch
    that is said and tried again.
    """
    from tocsin.pipeline.notify import tell
    from tocsin.pipeline.uploads import traces_of_ingests

    if watch:
        _watch(call, call.node, every)
        return
    traces_of = partial(traces_of_ingests, call.node.database)
    summary = tell(call.node, now=call.now, traces_of=traces_of)
    if summary.uncovered and not summary.problem:
        from tocsin.operations.standby_copy import make_copy

        make_copy(call.node, now=lambda: call.now)
        summary = summary.and_then(tell(call.node, now=call.now, traces_of=traces_of))
    call.emit(document(summary), lambda: show(summary, call.node))
    if summary.problem:
        note(f"{summary.problem} What is left waits for the next run.")
        raise typer.Exit(1)


def _watch(call: NodeInvocation, node: "NodeWithStores", every: float) -> None:
    """Say what each run did that did something, a line of JSON each where asked; a lasting problem is said once."""
    from tocsin.pipeline.notify import tell_as_due
    from tocsin.pipeline.uploads import traces_of_ingests

    note("Sending what becomes due; press Ctrl-C to end.")
    problem, traces_of = "", partial(traces_of_ingests, node.database)
    for summary in tell_as_due(node, every=every, clock=call.clock, traces_of=traces_of):
        if summary.digests or summary.letters or summary.held or summary.failed or summary.withheld or summary.expired:
            call.emit(document(summary), lambda done=summary: show(done, node))  # type: ignore[misc]
        if summary.uncovered:
            from tocsin.operations.standby_copy import copy_if_due

            copy_if_due(node, lambda: call.now)
        if summary.problem and summary.problem != problem:
            note(f"{summary.problem} What is left waits.")
        problem = summary.problem


def document(summary: "DeliverySummary") -> dict[str, object]:
    """The summary as one JSON document; ``problem`` is there when the run stopped early."""
    return {
        **fields(summary, "way letters held stuck full expired uncovered digests mails events later failed withheld"),
        "unreachable": len(summary.unreachable),
        "seconds": round(summary.seconds, 3),
        **({"problem": summary.problem} if summary.problem else {}),
    }


def show(summary: "DeliverySummary", node: "NodeWithStores") -> None:
    """The summary in sentences, then what keeps mails from their teams."""
    from tocsin.delivery import notices

    done = (summary.digests, summary.letters, summary.held, summary.stuck)
    if not any((*done, summary.later, summary.failed, summary.withheld)):
        say("Nothing left." if summary.problem else "Nothing was due.")
    for number, noun, became in _became(summary, _where(summary.way, node)):
        if number:
            say(f"{_count(number, noun)} {became}")
    with node.database.begin() as session:
        found = notices(session, node.settings)
    for notice in found:
        if notice.words not in summary.problem:
            say(f"{notice.words} {notice.mend}")


def _became(summary: "DeliverySummary", where: str) -> list[tuple[int, str, str]]:
    """How many of what, and what became of them."""
    return [
        (summary.digests, "digest", f"about {_count(summary.events, 'event')} {where}."),
        (summary.letters, "other mail", f"{where}."),
        (summary.full, "team", "notified later: an email address has reached its mails per day ([tell] mails_a_day)."),
        (summary.later, "mail", "refused for the moment; tried again later."),
        (summary.failed, "mail", "failed: 'tocsin deliveries list --state failed' says why."),
        (summary.withheld, "digest", "withheld by the release gate: 'tocsin deliveries list --state withheld'."),
        (summary.uncovered, "mail", "not sent yet: no copy for the standby machine has them."),
        (len(summary.unreachable), "team", "cannot be notified: no usable email address in the directory."),
    ]


def _where(way: str, node: "NodeWithStores") -> str:
    if way == "shadow":
        return f"written below {node.mails / 'shadow'}, not sent"
    if way == "redirect":
        return f"sent to {node.settings.tell.redirect_to} only"
    return f"written below {node.mails}" if way == "file" else "sent"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
