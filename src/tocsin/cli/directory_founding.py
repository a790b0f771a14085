"""``tocsin directory new-team``: leads a person through founding a CSIRT, and leaves a working node."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_records import renew_router
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_table, say
from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from tocsin.operations.founding import Answer, Answers, FoundingKit, InterviewQuestion
    from tocsin.operations.health_finding import HealthFinding

app = Commands()

_FEW = 8


@app.command("new-team")
def new_team(
    call: NodeInvocation,
    answers: Annotated[
        Path | None, typer.Option(help="A TOML file that answers the questions; nothing is asked.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask everything again; kept answers are suggestions.")] = False,
) -> None:
    """Found a CSIRT: answer one question after the other, and get a working node, a profile, a roster, first steps.

    What was typed is kept after each answer: run it again to go on, or to change an answer.
    """
    from tocsin.operations.doctor import examine
    from tocsin.operations.founding import completed, found_team, questions, read_answers

    now = call.now
    asked = questions(now.date())
    kept = call.home / HomeFolder.FOUNDING / "answers.toml"
    if answers:
        given = completed(read_answers(answers, asked), asked)
    else:
        given = completed(_asked(call, asked, kept, fresh=fresh), asked)
    founded = found_team(call.home, given, actor=call.actor, now=now)
    renew_router(call.home, call.database)
    findings = examine(call.home, now)
    document = asdict(founded) | {"doctor": [asdict(finding) for finding in findings]}
    call.emit(document, lambda: _print_founded(founded, findings))


def _asked(
    call: NodeInvocation, asked: "tuple[InterviewQuestion, ...]", kept: Path, *, fresh: bool
) -> "dict[str, Answer]":
    """The answers of a person, those of an earlier run among them."""
    from tocsin.operations.founding import Terminal, interview, keep_answers, read_answers

    given = read_answers(kept, asked) if kept.is_file() and not fresh else {}
    tell = note if call.json else say
    tell("This founds a CSIRT. Enter alone takes what is in brackets; '<' goes back, '?' asks again.")
    if given:
        tell(f"{len(given)} answers are kept from before, in {kept}.")
    desk = Terminal(
        hear=lambda prompt: _line(prompt, tell=tell),
        say=tell,
        keep=lambda answers: keep_answers(kept, answers),
        offer=lambda question, answers: _offer(call.home, question, answers),
    )
    try:
        finished = interview(asked, given, desk)
    except KeyboardInterrupt:
        finished = False
    if not finished:
        raise UsageError(
            f"Not finished; {len(given)} of {len(asked)} answers are kept in {kept}.",
            hint="Run 'tocsin directory new-team' again to go on.",
        )
    return given


def _line(prompt: str, *, tell: object) -> str | None:
    """A line that was typed, None at the end of input."""
    stream = sys.stderr if tell is note else sys.stdout
    stream.write(prompt)
    stream.flush()
    line = sys.stdin.readline()
    return line or None


def _offer(home: Path, question: "InterviewQuestion", answers: "Answers") -> str:
    """What the network tables know of a country, for the question about networks."""
    if question.name != "networks":
        return ""
    from tocsin.networks import Networks, as_numbers_in

    country = str(answers.get("country", ""))
    found = as_numbers_in(Networks.open(home), country)
    if not found:
        return ""
    shown = ", ".join(f"AS{number}" + (f" {name}" if name else "") for number, name, _ in found[:_FEW])
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return (
        f"The network tables see {len(found)} AS numbers in {country}: {shown}{more}. {country} alone means all of it."
    )


def _print_founded(founded: "FoundingKit", findings: "list[HealthFinding]") -> None:
    say(f"\n{founded.team} is founded. Its profile is version {founded.version}.")
    if founded.settings_kept:
        note("Your tocsin.toml was there and stays as it is; the one for this team is in the folder 'founding'.")
    print_table("", ("what was made",), [(file,) for file in founded.files])
    print_table("", ("next", "why"), [(step.what, step.why) for step in founded.steps])
    rows = [("well" if one.kind == "ok" else "missing", one.what, one.found, one.mend) for one in findings]
    print_table("tocsin doctor", ("", "what", "found", "what to do"), rows)
