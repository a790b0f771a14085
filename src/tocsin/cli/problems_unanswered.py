"""`tocsin problems unanswered`: what goes on in silence, for a person to take up."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.answers import teams_of
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.directory import Team
    from tocsin.problems import UnansweredProblem

app = Commands()


@app.command()
def unanswered(
    call: NodeInvocation,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, silent for longest first.")] = 100,
) -> None:
    """List problems that teams were notified of long ago, that go on, and that have no response."""
    from tocsin.problems import unanswered as find

    node = call.node
    teams = teams_of(node)
    days = node.settings.tell.escalate_after_days
    found = find(node.problems, days=days, now=call.now, limit=limit)
    call.emit([_document(one, teams) for one in found], lambda: _print(found, teams, days))


def _document(one: "UnansweredProblem", teams: "dict[int, Team]") -> dict[str, object]:
    from tocsin.problems import problem_text

    return {
        "problem": problem_text(one.key),
        **fields(one, "where port what first_told_at last_told_at last_seen tellings"),
        "teams": [teams[team].key for team in one.teams if team in teams],
        "escalated": one.escalated,
    }


def _print(found: "Sequence[UnansweredProblem]", teams: "dict[int, Team]", days: int) -> None:
    if not found:
        period = "a day" if days == 1 else f"{days} days"
        say(f"Nothing goes on unanswered for {period} or longer ([tell] escalate_after_days).")
        return
    rows = [
        (
            one.where,
            one.what,
            f"{one.first_told_at:%Y-%m-%d}",
            one.tellings,
            f"{one.last_seen:%Y-%m-%d}",
            ", ".join(teams[team].name for team in one.teams if team in teams),
        )
        for one in found
    ]
    print_table("", ("where", "what", "notified since", "times", "last seen", "teams"), rows, numbers=[3])
