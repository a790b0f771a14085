"""`tocsin problems`: what is wrong, and where each problem is in its course."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli import problems_unanswered
from tocsin.cli.answers import team_number, teams_of
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory import Team
    from tocsin.pipeline.stores import NodeWithStores
    from tocsin.problems.answers import Course, Courses, CourseStep

StateName = Literal[
    "new", "told", "acknowledged", "said-fixed", "said-false", "accepted", "not-ours", "contradicted", "gone"
]

app = Commands(help="Problems: seen, notified, answered, seen again or gone.", no_args_is_help=True)
app.add_typer(problems_unanswered.app)


@app.command("list")
def list_(
    call: NodeInvocation,
    team: Annotated[str | None, typer.Option(help="Key of a team that is to be notified of them.")] = None,
    state: Annotated[StateName | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, those seen last first.")] = 100,
) -> None:
    """List problems, those seen last first."""
    from tocsin.problems.answers import ProblemState

    teams = teams_of(call.node)
    found = _courses(call.node).listed(
        now=call.now,
        team_id=team_number(call.node, team),
        state=ProblemState(state) if state else None,
        limit=limit,
    )
    call.emit([_document(one, teams) for one in found], lambda: _print(found, teams))


@app.command()
def show(call: NodeInvocation, address: Annotated[str, typer.Argument(help="An address or a prefix.")]) -> None:
    """Show the course of each problem at an address: seen, notified, answered, gone."""
    from tocsin.networks import parse_network

    network = parse_network(address)
    if network is None:
        raise UsageError(f"{address} is not an address or a prefix.", hint="Write it like 192.0.2.1.")
    teams = teams_of(call.node)
    found = _courses(call.node).at([(network.hi, network.lo, *network.last)], now=call.now)
    documents = [_document(one, teams) | {"steps": [_step(step, teams) for step in one.steps]} for one in found]
    call.emit(documents, lambda: _print_courses(found, teams, address))


def _courses(node: "NodeWithStores") -> "Courses":
    from tocsin.problems.answers import Courses

    return Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)


def _document(one: "Course", teams: "dict[int, Team]") -> dict[str, object]:
    from tocsin.problems.answers import problem_text

    return {
        "problem": problem_text(one.key),
        **fields(one.name, "where port what"),
        **fields(one, "state first_seen last_seen sightings gone_at"),
        "teams": [teams[number].key for number in one.teams if number in teams],
        "said": [
            {
                "team": teams[said.answer.team_id].key if said.answer.team_id in teams else None,
                "verdict": said.verdict,
                "at": said.answer.at,
                **fields(said, "outcome since"),
            }
            for said in one.said
        ],
    }


def _step(step: "CourseStep", teams: "dict[int, Team]") -> dict[str, object]:
    return {
        "at": step.at,
        "what": step.what,
        "team": teams[step.team_id].key if step.team_id in teams else None,
        "digest": step.delivery.reference if step.delivery else None,
        "note": step.note,
    }


def _print(found: "Sequence[Course]", teams: "dict[int, Team]") -> None:
    if not found:
        say("No problems here.")
        return
    print_table(
        "",
        ("where", "what", "state", "since", "last seen", "times", "to notify"),
        [
            (
                f"{one.name.where} {one.name.port}".rstrip(),
                one.name.what,
                one.state.replace("-", " "),
                f"{one.first_seen:%Y-%m-%d}",
                f"{one.last_seen:%Y-%m-%d}",
                one.sightings,
                ", ".join(teams[number].key for number in one.teams if number in teams),
            )
            for one in found
        ],
        numbers=[5],
    )


def _print_courses(found: "Sequence[Course]", teams: "dict[int, Team]", address: str) -> None:
    if not found:
        say(f"No problem is known at {address}.")
    for one in found:
        title = (
            " ".join(filter(None, (one.name.where, one.name.port, one.name.what))) + f": {one.state.replace('-', ' ')}"
        )
        print_table(
            title,
            ("at (UTC)", "", "who", "digest", "note"),
            [
                (
                    f"{step.at:%Y-%m-%d %H:%M}",
                    "seen again" if step.what == "contradicted" else step.what.replace("_", " "),
                    teams[step.team_id].name if step.team_id in teams else "",
                    step.delivery.reference if step.delivery else "",
                    step.note,
                )
                for step in one.steps
            ],
        )
