"""``tocsin directory team`` and ``trust``: all that is known of one team."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, all_but, note, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import Fact, TeamFactSaid, TeamRecord, TrustVerdict

app = Commands()

_Team = Annotated[str, typer.Argument(help="The key or UUID of a team.")]


@app.command()
def team(
    call: NodeInvocation,
    team: _Team,
    history: Annotated[bool, typer.Option("--history", help="Also what was said once and is withdrawn.")] = False,
    on: Annotated[str, typer.Option(help="What was said on a day, YYYY-MM-DD, up to its end in UTC; else now.")] = "",
) -> None:
    """Show all that is known of one team: who it is, how to reach it, what vouches for it, and who says so."""
    from tocsin.cli.directory_history import end_of_day
    from tocsin.cli.keys import document as key_document
    from tocsin.directory import judge_trust, read_about
    from tocsin.directory.keys import team_keys

    at = end_of_day(on, call.now) if on else None
    now = at or call.now
    about = read_about(call.database, team, at)
    keys = team_keys(call.database, [about.team.id])
    verdicts = judge_trust(about.facts, call.settings.directory.needs, now.date())
    known = [key_document(key, about.team, now) for key in keys]
    document = _document(about, now, verdicts) | {"keys": known}
    document |= {"withdrawn": _by_kind(about.withdrawn)} if history else {}

    def human() -> None:
        _print_about(about, now, history=history)
        if known:
            rows = [tuple(key[name] for name in ("format", "fingerprint", "state", "until")) for key in known]
            print_table("keys", ("format", "fingerprint", "state", "until"), rows)
        _print_verdicts(verdicts)

    call.emit(document, human)


@app.command()
def trust(call: NodeInvocation, team: _Team) -> None:
    """Show for each thing in the setting directory.needs whether a team is vouched for as it asks, and why."""
    from tocsin.directory import judge_trust, read_about, weigh

    today = call.now.date()
    about = read_about(call.database, team)
    verdicts = judge_trust(about.facts, call.settings.directory.needs, today)
    document = {
        "team": about.team.key,
        "day": today,
        "needs": {what: asdict(verdict) for what, verdict in verdicts.items()},
        "attestations": [asdict(reason) for reason in weigh(about.facts, today)],
    }
    call.emit(document, lambda: _print_trust(about, verdicts, call.now))


def show_fact_said(done: "TeamFactSaid") -> None:
    """What was understood of a person's word on a team."""
    told = ", ".join(done.values) or "the statement is withdrawn"
    say(f"{done.field} of {done.team}: {told}.")


def _document(about: "TeamRecord", now: datetime, verdicts: "dict[str, TrustVerdict]") -> dict[str, object]:
    from tocsin.directory import in_hours, weigh

    hours = [fact.value for fact in about.facts if fact.kind == "hours"]
    return all_but(about.team, "id") | {
        "mailboxes": [
            {
                **all_but(box, "team_id overruled"),
                "purpose": about.purpose(box),
                "stated": bool(box.purpose),
            }
            for box in about.mailboxes
        ],
        "rules": [all_but(rule, "team_id") for rule in about.rules],
        "rules_overruled": [all_but(rule, "team_id") for rule in about.rules_overruled],
        "facts": _by_kind(about.facts),
        "overruled": _by_kind(about.overruled),
        "said_by_person": {fact.get("field"): fact.said_by for fact in about.fields},
        "there_now": in_hours(hours, about.team.timezone, now) if hours else None,
        "attestations": [asdict(reason) for reason in weigh(about.facts, now.date())],
        "trust": {what: asdict(verdict) for what, verdict in verdicts.items()},
    }


def _by_kind(facts: "Iterable[Fact]") -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for fact in facts:
        found.setdefault(fact.kind.value, []).append({**dict(fact.detail), **all_but(fact, "kind detail")})
    return found


def _print_about(about: "TeamRecord", now: datetime, *, history: bool) -> None:
    from tocsin.cli.directory_team import print_team
    from tocsin.directory import shown_fact

    print_team(about.team, about.rules)
    if about.rules_overruled:
        beaten = [(rule.kind.value, rule.value, rule.source, rule.overruled) for rule in about.rules_overruled]
        print_table("rules that do not hold", ("level", "what", "source", "because"), beaten)
    boxes = [
        (box.address, about.purpose(box).value + ("" if box.purpose else " (not stated)"), *_saying(box))
        for box in about.mailboxes
    ]
    if boxes:
        print_table("email addresses", ("email address", "for", "source", "as of", "said by"), boxes)
    rows = [(fact.kind.value, shown_fact(fact), *_saying(fact)) for fact in about.facts]
    rows += [(fact.get("field"), fact.value, *_saying(fact)) for fact in about.fields]
    if rows:
        print_table("what is said of the team", ("about", "what", "source", "as of", "said by"), rows)
    else:
        say("Nothing else is said of it yet: an import or 'tocsin directory set' says it; docs/teams.md lists what.")
    if about.overruled:
        rows = [(fact.kind.value, shown_fact(fact), *_saying(fact)) for fact in about.overruled]
        print_table("a person's word overrules", ("about", "what", "source", "as of", "said by"), rows)
    if history and about.withdrawn:
        rows = [(f.kind.value, shown_fact(f), f.source, f.recorded, f.withdrawn) for f in about.withdrawn]
        print_table("said once", ("about", "what", "source", "recorded", "withdrawn"), rows)
    _print_vouching(about, now)


def _saying(one: object) -> tuple[object, ...]:
    return tuple(getattr(one, name) or "" for name in ("source", "as_of", "said_by"))


def _print_vouching(about: "TeamRecord", now: datetime) -> None:
    from tocsin.directory import SOON, weigh

    reasons = weigh(about.facts, now.date())
    rows = [("counts" if reason.counts else "does not count", reason.kind.value, reason.words) for reason in reasons]
    if rows:
        print_table("who vouches for it", ("", "what", "why"), rows)
    else:
        say("Nobody vouches for it.")
    for reason in reasons:
        if reason.counts and reason.ends and reason.ends - now.date() <= SOON:
            note(f"Ends soon: {reason.words}.")


def _print_verdicts(verdicts: "dict[str, TrustVerdict]") -> None:
    for what, verdict in verdicts.items():
        say(f"{what}: " + ("trusted" if verdict.ok else f"not trusted, needs {', '.join(verdict.missing)}"))


def _print_trust(about: "TeamRecord", verdicts: "dict[str, TrustVerdict]", now: datetime) -> None:
    _print_vouching(about, now)
    _print_verdicts(verdicts)
    if not verdicts:
        say("This node asks for no attestation: the setting directory.needs is empty.")
