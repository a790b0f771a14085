"""`tocsin affected`: the affected systems of incidents, how far they are, and what notifications of them say."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table

if TYPE_CHECKING:
    from tocsin.pipeline.notify_affected import AffectedNotificationResult


def _show_notified(done: "AffectedNotificationResult") -> None:
    title = f"{done.reference}: {done.notified:,} of {done.events:,} events notify {len(done.teams):,} teams"
    rows = [(one.key, one.events, f"{one.due_at:%Y-%m-%d %H:%M}") for one in done.teams]
    print_table(title, ("team", "events", "digest due (UTC)"), rows, numbers=[1])


app = Commands(
    cls=act_group("affected", {"notify": _show_notified}),
    help="Affected systems of incidents: attach problems, count them, and write what notifications say.",
    no_args_is_help=True,
)


@app.command("show")
def show(call: NodeInvocation, reference: Annotated[str, typer.Argument(help="The reference of an incident.")]) -> None:
    """Count the affected systems of an incident: notified, answered, called fixed, still seen."""
    from tocsin.incidents import IncidentReader, find_incident, merged_family
    from tocsin.incidents.populations import affected_of, keys_of, populations_of, tally, texts_of

    reader, problems = IncidentReader(None, call.now), call.node.problems
    with call.database.reading() as session:
        family = merged_family(session, reader, find_incident(session, reader, reference))
        found = populations_of(session, reader, family)
        texts = texts_of(session, reader, family)
    counts = asdict(tally(affected_of(found, problems, call.now)))
    parts = [
        {
            "id": one.id,
            "query": one.query,
            "frozen_at": one.frozen_at,
            "problems": len(keys_of(one, problems, call.now)),
        }
        for one in found
    ]
    document = {**counts, "attached": parts, "texts": {one.language: one.text for one in texts}}
    call.emit(document, lambda: print_table("", tuple(counts), [[str(one) for one in counts.values()]]))
