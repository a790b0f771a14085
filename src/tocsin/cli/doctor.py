"""`tocsin doctor`: what is wrong, and how to correct it."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note, say
from tocsin.node.errors import WithheldError

if TYPE_CHECKING:
    from tocsin.operations.health_finding import HealthFinding


_WORDS = {"ok": "ok   ", "to-do": "TO DO", "failed": "WRONG"}


def doctor(
    call: NodeInvocation,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="First take the event table back to records restored to an earlier moment."),
    ] = False,
) -> None:
    """Check this node: what failed, what is to do, and how; exit 1 when something failed."""
    from tocsin.operations.doctor import examine
    from tocsin.operations.health_finding import HealthKind

    if repair:
        _repair(call)
    findings = _asked(call) if call.server else examine(call.home, call.now)
    call.emit([vars(finding) for finding in findings], lambda: None)
    if not call.json:
        for finding in findings:
            say(f"{_WORDS[finding.kind or 'ok']}  {finding.what}: {finding.found}")
            if finding.mend:
                say(f"       {finding.mend}")
    wrong, to_do = (sum(one.kind is kind for one in findings) for kind in (HealthKind.FAILED, HealthKind.TO_DO))
    if to_do:
        note(f"{to_do} of {len(findings)} {'waits' if to_do == 1 else 'wait'} for a person.")
    if wrong:
        note(f"{wrong} of {len(findings)} checks failed.")
        raise typer.Exit(1)


def _repair(call: NodeInvocation) -> None:
    """Let events and records agree, and say what was done."""
    from tocsin.operations.take_back import take_back

    done = take_back(call.node, actor=call.actor, now=call.now)
    if done is None:
        note("Events and records agree: nothing was repaired.")
        return
    note(f"Taken back from ingest {done.shown} to {done.ingest}: {done.events:,} events, now in {done.aside}.")
    note(f"Give the reports that came after ingest {done.ingest} again: 'tocsin ingest'.")
    note("Nothing is sent until 'tocsin resume': what is due may have left since that moment. Drop what arrived.")


def _asked(call: NodeInvocation) -> "list[HealthFinding]":
    """What another node says of itself."""
    from tocsin.operations.health_finding import HealthFinding

    with remote.client_of(call) as client:
        health = client.health()
    if health.checks is None:
        raise WithheldError(
            f"The node says only that it is {health.status}.", hint="The checks need a token with the scope admin.read."
        )
    return [HealthFinding(**dict(check)) for check in health.checks]
