"""`tocsin answers`: what teams said, and what the feeds saw since."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import uuid4

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table, say
from tocsin.node.errors import NotFoundError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.delivery import Delivery
    from tocsin.directory import Team
    from tocsin.pipeline.stores import NodeWithStores
    from tocsin.problems.answers import AnswerInList

VerdictName = Literal["acknowledged", "fixed", "false", "accepted", "not_ours"]

_WORDS = {"pending": "open", "confirmed": "confirmed", "contradicted": "seen again", "replaced": "replaced"}

app = Commands(help="Answers: what teams said of their problems, and what was seen since.", no_args_is_help=True)


@app.command("list")
def list_(
    call: NodeInvocation,
    team: Annotated[str | None, typer.Option(help="Key of a team.")] = None,
    contradicted: Annotated[
        bool, typer.Option("--contradicted", help="Only those whose problems were seen again after.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List answers, newest first."""
    from tocsin.problems.answers import AnswerOutcome

    teams = teams_of(call.node)
    found = _noted(call.node, team_number(call.node, team))
    if contradicted:
        found = [one for one in found if one.count(AnswerOutcome.CONTRADICTED)]
    found = found[:limit]
    call.emit([_document(one, teams) for one in found], lambda: _print(found, teams))


@app.command()
def show(
    call: NodeInvocation, reference: Annotated[str, typer.Argument(help="A digest, for example TOC-2026-0000123.")]
) -> None:
    """Show all answers to one digest, and what became of each of its problems."""
    from tocsin.delivery import delivery
    from tocsin.problems import problem_text
    from tocsin.problems.answers import Courses

    node = call.node
    teams = teams_of(node)
    with node.database.begin() as session:
        digest = delivery(session, reference)
    found = [one for one in _noted(node, digest.team_id) if one.delivery.id == digest.id]
    names = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days).names(
        {key for one in found for key in one.standings}
    )
    documents = [
        _document(one, teams)
        | {
            "about": [
                {
                    "problem": problem_text(key),
                    **fields(names[key], "where port what"),
                    "outcome": "replaced" if standing is None else standing.outcome,
                    "since": standing.since if standing else None,
                }
                for key, standing in one.standings.items()
            ]
        }
        for one in found
    ]
    call.emit(documents, lambda: _print_all(documents, digest.reference))


@app.command()
def add(
    call: NodeInvocation,
    reference: Annotated[str, typer.Argument(help="The digest that is answered.")],
    verdict: Annotated[VerdictName, typer.Option(help="What the team says.")],
    problem: Annotated[
        list[str] | None, typer.Option(help="An address, or 16 digits of a problem; again for more. Without: all.")
    ] = None,
    note: Annotated[str, typer.Option(help="What was said. It stays here.")] = "",
    by: Annotated[str, typer.Option(help="The email address of who said it.")] = "",
) -> None:
    """Record what a team says, for example by phone."""
    from tocsin.delivery import delivery
    from tocsin.problems.answers import AnswerVerdict, Via, record_answer, told_problems

    node = call.node
    with node.database.begin() as session:
        digest = delivery(session, reference)
        told = told_problems(session, node.store, digest)
        about = None if not problem else {key for text in problem for key in _keys(session, node, digest, text)}
    with node.database.begin() as session:
        made = record_answer(
            session,
            delivery=digest,
            told=told,
            verdict=AnswerVerdict(verdict),
            problems=about,
            note=note,
            via=Via.ANALYST,
            said_by=by,
            at=call.now,
            key=f"analyst:{uuid4()}",
        )
    count = len(told if about is None else about)
    document = {"answer": made.uuid, "digest": digest.reference, "verdict": verdict, "problems": count, "at": made.at}
    call.emit(document, f"Noted: {verdict}, for {count:,} of {len(told):,} problems.")


def teams_of(node: "NodeWithStores") -> "dict[int, Team]":
    """The teams by number."""
    from tocsin.directory import read_directory

    return read_directory(node.database).by_id


def team_number(node: "NodeWithStores", key: str | None) -> int | None:
    """The number of the team with this key.

    Raises:
        NotFoundError: there is none.

    """
    if key is None:
        return None
    found = next((number for number, team in teams_of(node).items() if team.key == key), None)
    if found is None:
        raise NotFoundError(f"There is no team '{key}'.", hint="'tocsin directory list' shows the keys of all.")
    return found


def _noted(node: "NodeWithStores", team_id: int | None) -> "list[AnswerInList]":
    from tocsin.problems.answers import list_answers

    with node.database.begin() as session:
        return list_answers(session, node.tracker, gone_after_days=node.settings.tell.gone_after_days, team_id=team_id)


def _keys(session: "Session", node: "NodeWithStores", digest: "Delivery", text: str) -> frozenset[int]:
    """The problems of a digest that a person names."""
    from tocsin.networks import parse_address
    from tocsin.problems import read_problem
    from tocsin.problems.answers import told_at

    address = parse_address(text.strip())
    if address is None:
        return frozenset({read_problem(text.strip().lower())})
    found = told_at(session, node.store, digest, *address)
    if not found:
        raise NotFoundError(
            f"{digest.reference} named no problem at {text}.",
            hint="'tocsin problems show' says what was notified.",
        )
    return found


def _document(one: "AnswerInList", teams: "dict[int, Team]") -> dict[str, object]:
    from tocsin.problems.answers import AnswerOutcome

    answer = one.answer
    return {
        "answer": answer.uuid,
        "digest": one.delivery.reference,
        "team": teams[answer.team_id].key if answer.team_id in teams else None,
        **fields(answer, "verdict at until via said_by note"),
        "problems": len(one.standings),
        **{outcome.value: one.count(outcome) for outcome in AnswerOutcome},
        "replaced": one.replaced,
    }


def _print(found: "Sequence[AnswerInList]", teams: "dict[int, Team]") -> None:
    if not found:
        say("No answers here. They come by the link in each digest, by mail, or with 'tocsin answers add'.")
        return
    rows = [
        (
            one.delivery.reference,
            f"{one.answer.at:%Y-%m-%d %H:%M}",
            one.answer.verdict.replace("_", " "),
            len(one.standings),
            _since_then(one),
            teams[one.answer.team_id].name if one.answer.team_id in teams else "no longer in the directory",
        )
        for one in found
    ]
    print_table("", ("digest", "at (UTC)", "said", "problems", "since then", "team"), rows, numbers=[3])


def _since_then(one: "AnswerInList") -> str:
    """``1 confirmed, 2 seen again``: what became of what was said."""
    from tocsin.problems.answers import AnswerOutcome

    counts = {
        "confirmed": one.count(AnswerOutcome.CONFIRMED),
        "seen again": one.count(AnswerOutcome.CONTRADICTED),
        "open": one.count(AnswerOutcome.PENDING),
        "replaced": one.replaced,
    }
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


def _print_all(documents: "Sequence[dict[str, object]]", reference: str) -> None:
    if not documents:
        say(f"{reference} is not answered yet.")
    for one in documents:
        about = one["about"]
        rows = [
            (
                of["where"],
                of["port"],
                of["what"],
                _WORDS.get(of["outcome"], ""),
                f"{of['since']:%Y-%m-%d}" if of["since"] else "",
            )
            for of in (about if isinstance(about, list) else [])
        ]
        said = str(one["verdict"]).replace("_", " ")
        print_table(
            f"{said}, {one['at']:%Y-%m-%d %H:%M} UTC, {one['via']}" + (f": {one['note']}" if one["note"] else ""),
            ("where", "port", "what", "since then", "on"),
            rows,
        )
