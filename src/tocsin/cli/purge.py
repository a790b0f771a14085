"""`tocsin purge`: one thing goes for good."""

from typing import Annotated

import typer

from tocsin.cli.acts import act_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note


def purge(
    call: NodeInvocation,
    reference: Annotated[
        str,
        typer.Argument(
            help="What lists call it: event:12-3, row:12/3, ingest:12, mail:7, inbox:XXXX-XXXX, TOC-… and so on."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why it goes; without what it says. Needed.")] = "",
    never_held: Annotated[
        bool, typer.Option("--never-held", help="It must never be held, so that no legal hold keeps it.")
    ] = False,
) -> None:
    """Purge a mail, a report from the public, a row, an event or a file: its reference stays, what it says does not.

    Nothing of it is shown. Backups that hold it purge it when they are restored.
    """
    given = {"reference": reference, "never_held": never_held} | ({"reason": reason} if reason else {})
    done = perform(call, act_of("purge", "purge"), given)
    if done.backups:
        note(f"Backups that hold it, and purge it when they are restored: {', '.join(done.backups)}.")
    if done.related:
        note(f"May hold the same, and stays: {', '.join(done.related)}.")
    if done.taken_back:
        note("What 'tocsin doctor --repair' had put aside is deleted, too: it may have held the same.")
    if done.mail_on_server == "waiting":
        note("The mail server could not be asked; it is tried again by the server, or by the next purge.")
    call.emit(done.model_dump(), f"{done.reference} is purged: {done.events:,} events, {done.rows:,} unreadable rows.")
