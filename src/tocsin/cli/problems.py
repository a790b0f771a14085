"""`tocsin problems`: what is wrong, where each problem is in its course, and what is done with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import problems_unanswered
from tocsin.cli.acts import act_group
from tocsin.cli.answers import teams_of
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory import Team
    from tocsin.problems import ListedProblem
    from tocsin.problems.answers import AnswerStanding, Course, CourseStep

_STATES = (
    "open, answered, overdue, muted, not-notified, notified, in-progress, fixed, false-positive, accepted, not-ours, "
    "contradicted or gone."
)

app = Commands(
    help="Problems: what is wrong, where, and what its team says.", no_args_is_help=True, cls=act_group("problems")
)
app.add_typer(problems_unanswered.app)


@app.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[str | None, typer.Option(help=f"Only these: {_STATES}")] = None,
    team: Annotated[str | None, typer.Option(help="Key or name of a team that is responsible; - for none.")] = None,
    kind: Annotated[str | None, typer.Option(help="An identifier like open-rdp, malware, or a type.")] = None,
    address: Annotated[str | None, typer.Option(help="An address or a prefix.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only of this severity.")] = None,
    feed: Annotated[str | None, typer.Option(help="Only what this feed saw last.")] = None,
    listed: Annotated[
        str | None, typer.Option(help="Only with a vulnerability on this context list, like cisa_kev.")
    ] = None,
    age: Annotated[int | None, typer.Option(min=0, help="First seen so many days ago or longer.")] = None,
    seen: Annotated[int | None, typer.Option(min=0, help="Seen within so many days.")] = None,
    due: Annotated[int | None, typer.Option(min=0, help="Due within so many days, or overdue.")] = None,
    sort: Annotated[str, typer.Option(help="What comes first: seen, due, age or severity.")] = "seen",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """List problems, those seen last first."""
    from tocsin.problems import ProblemSearch, ProblemSort

    given = {
        "state": state, "team": team, "kind": kind, "address": address, "severity": severity, "feed": feed,
        "listed": listed, "age": age, "seen": seen, "due": due,
    }  # fmt: skip
    if sort not in list(ProblemSort):
        raise UsageError(f"Nothing is sorted by '{sort}'.", hint=f"Take one of: {', '.join(ProblemSort)}.")
    search = ProblemSearch.read({name: str(value) for name, value in given.items() if value is not None})
    call.node.problems.check_listed(search)
    teams = teams_of(call.node)
    found = call.node.problems.find(search, now=call.now, sort=ProblemSort(sort))
    rows = found.rows(limit=limit)
    call.emit([_document(one, teams) for one in rows], lambda: _print(rows, teams, found.total))


@app.command()
def show(
    call: NodeInvocation,
    address: Annotated[str, typer.Argument(help="An address, a prefix, or the 16 digits of a problem.")],
) -> None:
    """Show the course of each problem at an address: seen, notified, answered, gone."""
    from tocsin.networks import parse_network
    from tocsin.problems import ProblemSearch
    from tocsin.problems.answers import Courses

    node, teams = call.node, teams_of(call.node)
    courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
    key = None if parse_network(address) else _key(address)
    listed = (
        node.problems.find(ProblemSearch.read({"address": address}), now=call.now)
        if key is None
        else node.problems.among([key], now=call.now)
    )
    found = [
        courses.with_steps(one.course(), node.events.history(one.event_filter, now=call.now)) for one in listed.rows()
    ]
    if key is not None and not found:
        found = [course for course in [courses.without_events(key, now=call.now)] if course]
        if not found:
            raise UsageError(
                f"No problem {address} is known.", hint="'tocsin problems list --json' has the digits of each."
            )
    documents = [_course(one, teams) | {"steps": [_step(step, teams) for step in one.steps]} for one in found]
    call.emit(documents, lambda: _print_courses(found, teams, address))


def _key(text: str) -> int:
    from tocsin.node.errors import InputError
    from tocsin.problems import read_problem

    try:
        return read_problem(text)
    except InputError:
        raise UsageError(
            f"{text} is no address, prefix or problem.", hint="Write 192.0.2.1, or the 16 digits of a problem."
        ) from None


def _document(one: "ListedProblem", teams: "dict[int, Team]") -> dict[str, object]:
    from tocsin.problems import problem_text

    return {
        "problem": problem_text(one.key),
        **fields(one, "where port what type severity state status notification notified responsible muted overdue"),
        **fields(one, "first_seen last_seen sightings gone_at due feed cves"),
        **_told(one.teams, one.said, teams),
    }


def _course(one: "Course", teams: "dict[int, Team]") -> dict[str, object]:
    from tocsin.problems import problem_text

    return {
        "problem": problem_text(one.key),
        **fields(one.name, "where port what"),
        **fields(one, "state notification first_seen last_seen sightings gone_at"),
        **_told(one.teams, one.said, teams),
    }


def _told(responsible: Sequence[int], said: "Sequence[AnswerStanding]", teams: "dict[int, Team]") -> dict[str, object]:
    return {
        "teams": [teams[number].key for number in responsible if number in teams],
        "said": [
            {
                "team": teams[one.answer.team_id].key if one.answer.team_id in teams else None,
                "verdict": one.verdict,
                "at": one.answer.at,
                **fields(one, "outcome since"),
            }
            for one in said
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


def _print(found: "Sequence[ListedProblem]", teams: "dict[int, Team]", total: int) -> None:
    if not found:
        say("No problems match.")
        return
    print_table(
        "" if len(found) == total else f"{len(found):,} of {total:,} problems",
        ("where", "what", "severity", "state", "first seen", "last seen", "due", "teams"),
        [
            (
                f"{one.where} {one.port}".rstrip(),
                one.what,
                one.severity,
                _state(one),
                f"{one.first_seen:%Y-%m-%d}",
                f"{one.last_seen:%Y-%m-%d}",
                f"{one.due:%Y-%m-%d}" if one.due else "",
                ", ".join(teams[number].key for number in one.teams if number in teams),
            )
            for one in found
        ],
    )


def _state(one: "ListedProblem") -> str:
    """The status, with why its teams are not notified, and how many of several are."""
    from tocsin.problems import ProblemStatus

    said = one.status.replace("-", " ")
    if one.status is not ProblemStatus.NOT_NOTIFIED:
        return said
    some = f"{one.notified} of {one.responsible} teams, " if one.notified else ""
    return f"{said}: {some}{one.notification.replace('-', ' ')}"


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
