"""`tocsin rules`: the sharing and routing rules of this node, looked at, tried and put in force."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import InputError

if TYPE_CHECKING:
    from tocsin.pipeline.rules_dry_run import Trial
    from tocsin.sharing.rules import RulesDocument, RulesVersion

app = Commands(
    help="What may be shared with whom beyond the release gate, and who else is notified.", no_args_is_help=True
)

_File = Annotated[Path, typer.Argument(help="The document; - reads standard input.", metavar="FILE")]


@app.command()
def show(
    call: NodeInvocation,
    version: Annotated[int | None, typer.Option(min=1, help="This version, not the one in force.")] = None,
    words: Annotated[bool, typer.Option("--words", help="Each rule in plain words.")] = False,
) -> None:
    """Print the document in force, or a version."""
    from tocsin.sharing.rules import DEFAULT, read_document, rules_version, version_in_force

    with call.database.reading() as session:
        found = rules_version(session, version) if version else version_in_force(session)
    text = found.text if found else DEFAULT
    if words and not call.json:
        _say_words(read_document(text))
        return
    said = {"version": found.id if found else 0, "text": text, "rules": _in_words(read_document(text))}
    call.emit(said, text.rstrip())


@app.command()
def check(call: NodeInvocation, file: _File) -> None:
    """Say what is wrong with a document, line by line, or each of its rules in plain words. Exit 1 when it is wrong."""
    document = _read(call, file)
    call.emit({"rules": _in_words(document)}, lambda: _say_words(document))


@app.command("try")
def try_(
    call: NodeInvocation,
    file: _File,
    days: Annotated[int, typer.Option(min=1, max=90, help="Against the events of so many days.")] = 7,
) -> None:
    """Say what a document would have changed of the last days' events; nothing is stored or sent."""
    from tocsin.pipeline.rules_dry_run import try_rules

    trial = try_rules(call.node, _read(call, file), now=call.now, days=days)
    call.emit(trial_document(trial), lambda: _say_trial(trial))


@app.command("set")
def set_(
    call: NodeInvocation,
    file: _File,
    why: Annotated[str, typer.Option(help="Why the rules change; kept with the version.", prompt="Why")],
    based_on: Annotated[int | None, typer.Option(min=0, help="Only if this version is in force.")] = None,
) -> None:
    """Put a document in force as a new version. It holds for the next report and the next mail."""
    from tocsin.directory import team_keys
    from tocsin.sharing.rules import set_rules, version_in_force

    text = _text(file)
    with call.database.begin() as session:
        before = version_in_force(session)
        base = based_on if based_on is not None else before.id if before else 0
        teams = set(team_keys(session).values())
        made = set_rules(session, text, based_on=base, teams=teams, why=why, actor=call.actor, now=call.now)
    call.emit({"version": made.id}, f"Version {made.id} is in force.")


@app.command("versions")
def versions_(
    call: NodeInvocation,
    diff: Annotated[int | None, typer.Option(min=1, help="What this version changed.", metavar="NUMBER")] = None,
) -> None:
    """List the versions, newest first: who put each in force, when and why."""
    from tocsin.sharing.rules import DEFAULT, difference, rules_version, versions

    with call.database.reading() as session:
        found = list(versions(session))
        if diff is not None:
            made = rules_version(session, diff)
            before = next((one.text for one in found if one.id < diff), DEFAULT)
            lines = difference(before, made.text)
            call.emit({"version": diff, "difference": lines}, "\n".join(lines))
            return
    call.emit([_version(one) for one in found], lambda: _print_versions(found))


def trial_document(trial: "Trial") -> dict[str, object]:
    """A dry run as JSON."""
    return {
        **fields(trial, "days events more teams_before teams_after withheld"),
        "changes": [
            {"team": one.key, "name": one.team, "before": one.before, "after": one.after} for one in trial.changes
        ],
        "rules": [fields(one, "rule events stopped hidden added") for one in trial.rules],
    }


def _text(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as text.", hint="Name a file of UTF-8 text.") from error


def _read(call: NodeInvocation, file: Path) -> "RulesDocument":
    from tocsin.directory import team_keys
    from tocsin.sharing.rules import read_document

    with call.database.reading() as session:
        keys = set(team_keys(session).values())
    return read_document(_text(file), keys)


def _in_words(document: "RulesDocument") -> list[dict[str, object]]:
    from tocsin.sharing.rules import conditions, effect

    return [
        {"id": rule.id, "does": str(effect(rule)), "when": [str(one) for one in conditions(rule)], "why": rule.why}
        for rule in document.every
    ]


def _say_words(document: "RulesDocument") -> None:
    if not document.every:
        say("No rules: nothing is withheld beyond the release gate, and no further team is notified.")
    for rule in _in_words(document):
        say(f"{rule['id']}: {rule['does']}")
        for condition in rule["when"]:  # type: ignore[attr-defined]  # a list, see above
            say(f"  {condition}")
        if rule["why"]:
            say(f"  why: {rule['why']}")


def _say_trial(trial: "Trial") -> None:
    fewer, more = ([one for one in trial.changes if one.lost], [one for one in trial.changes if one.gained])
    if trial.changes:
        lost, gained = sum(one.lost for one in fewer), sum(one.gained for one in more)
        say(f"{lost:,} events fewer for {len(fewer):,} teams, {gained:,} more for {len(more):,}.")
    say(
        f"Of {trial.events:,} events of the last {trial.days} days, {trial.teams_after:,} teams would be notified, "
        f"{trial.teams_before:,} now."
    )
    if trial.more:
        note("There were more events; the newest were tried.")
    if trial.changes:
        rows = [(one.key, one.before, one.after) for one in trial.changes]
        print_table("", ("team", "events now", "events then"), rows, numbers=[1, 2])
    else:
        say("No change for any team.")
    if trial.rules:
        rules = [(one.rule, one.events, one.stopped, one.hidden, one.added) for one in trial.rules]
        print_table(
            "", ("rule", "events", "stopped", "with fields hidden", "notified in addition"), rules, numbers=[1, 2, 3, 4]
        )


def _version(one: "RulesVersion") -> dict[str, object]:
    return {"version": one.id, "at": one.at, "by": one.actor, "why": one.why}


def _print_versions(found: "list[RulesVersion]") -> None:
    if not found:
        say("No version was put in force; the default changes nothing. 'tocsin rules show' prints it to begin with.")
        return
    rows = [(str(one.id), f"{one.at:%Y-%m-%d %H:%M}", one.actor, one.why) for one in found]
    print_table("", ("version", "at (UTC)", "by", "why"), rows)
