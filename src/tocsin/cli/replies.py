"""`tocsin replies`: mails that came in, and what followed from them."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say, visible
from tocsin.node.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.delivery.mailbox import ReadMail, ReceivedMail
    from tocsin.problems.replies import FilingResult, MailboxRun, MailContext

KindName = Literal["answer", "automatic", "receipt", "bounce", "unknown"]
StateName = Literal["applied", "kept", "waiting", "closed", "inbox"]
VerdictName = Literal["acknowledged", "fixed", "false", "accepted", "not_ours"]

app = Commands(help="Mails that came in: answers, automatic replies, receipts, bounces.", no_args_is_help=True)


@app.command()
def read(
    call: NodeInvocation,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would follow; keep and move nothing.")] = False,
) -> None:
    """Read the mail account of the settings: file each mail, then move it to another folder there."""
    from tocsin.exchange.ways import take_exchange_mail
    from tocsin.incidents import mail_context
    from tocsin.problems.replies import read_mailbox

    desk = mail_context(call.node, call.node.store, take_exchange_mail)
    mails: list[FilingResult] = []
    run = read_mailbox(desk, now=lambda: call.now, dry_run=dry_run, filed=mails.append)
    shown = [_filed(one) for one in mails]
    call.emit({**_counts(run), "dry_run": dry_run, "read": shown}, lambda: _print_run(run, shown, dry_run=dry_run))


@app.command()
def file(
    call: NodeInvocation,
    mail: Annotated[Path, typer.Argument(help="A mail as a file, such as a mail program saves it: .eml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would follow; keep nothing.")] = False,
) -> None:
    """Read one mail from a file, as if it had just arrived."""
    from tocsin.exchange.ways import take_exchange_mail
    from tocsin.incidents import mail_context
    from tocsin.problems.replies import file_mail

    try:
        raw = mail.read_bytes()
    except OSError as error:
        raise InputError(f"{mail} cannot be read: {error.strerror}.", hint="Name a file that is a mail.") from error
    desk = mail_context(call.node, call.node.store, take_exchange_mail)
    shown = _filed(file_mail(desk, raw, now=call.now, dry_run=dry_run))
    call.emit(shown, _sentence(shown))


@app.command("list")
def list_(
    call: NodeInvocation,
    kind: Annotated[KindName | None, typer.Option(help="Only these.")] = None,
    state: Annotated[StateName | None, typer.Option(help="Only these; 'waiting' wait for a person.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List mails that were read, newest first; without those of restricted incidents."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.arrivals import hidden_mails
    from tocsin.problems.replies import list_received, open_context

    desk = open_context(call.node, call.node.store)
    with desk.node.database.begin() as session:
        but = hidden_mails(session, IncidentReader(None, call.now))
        rows = list_received(session, kind=kind, state=state, limit=limit, but=but)
    shown = [document(desk, row) for row in rows]
    call.emit(shown, lambda: _print_list(shown))


@app.command()
def show(call: NodeInvocation, number: Annotated[int, typer.Argument(help="Its number in 'replies list'.")]) -> None:
    """Show one mail: what it is, what followed from it, and what it says."""
    from tocsin.delivery.mailbox import read_mail
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.arrivals import hidden_mails
    from tocsin.problems.replies import find_mail, open_context

    desk = open_context(call.node, call.node.store)
    with desk.node.database.begin() as session:
        row = find_mail(session, number, hidden_mails(session, IncidentReader(None, call.now)))
    said = document(desk, row)
    try:
        said |= _content(read_mail(desk.node.mailroom.read(row.sha256)))
    except NotFoundError as error:
        note(f"{error} {error.hint}")
    call.emit(said, lambda: _print_mail(said))


@app.command()
def reclassify(
    call: NodeInvocation,
    number: Annotated[int, typer.Argument(help="Its number in 'replies list'.")],
    kind: Annotated[KindName, typer.Option("--as", help="What the mail is.")],
    digest: Annotated[str, typer.Option(help="The digest that it answers, such as TOC-2026-0000123.")] = "",
    verdict: Annotated[VerdictName | None, typer.Option(help="What it says, where its words do not.")] = None,
) -> None:
    """Say what a mail is that waits for a person, and which digest it answers."""
    from tocsin.delivery.mailbox import MailKind
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.arrivals import hidden_mails
    from tocsin.problems.answers import AnswerVerdict
    from tocsin.problems.replies import open_context
    from tocsin.problems.replies import reclassify as decide

    desk = open_context(call.node, call.node.store)
    with desk.node.database.reading() as session:
        but = hidden_mails(session, IncidentReader(None, call.now))
    row = decide(
        desk,
        number,
        MailKind(kind),
        reference=digest.strip().upper(),
        verdict=AnswerVerdict(verdict) if verdict else None,
        but=but,
        actor=call.actor,
        now=call.now,
    )
    said = document(desk, row)
    call.emit(said, _sentence(said))


def document(desk: "MailContext", row: "ReceivedMail") -> dict[str, object]:
    """A mail as JSON: the digest and the letter by reference, the team by key."""
    from tocsin.delivery import Delivery
    from tocsin.node.letters import Letter
    from tocsin.problems.replies import answers_of_mail, bounce_words, bounces_of_mail

    with desk.node.database.begin() as session:
        delivery = session.get(Delivery, row.delivery_id) if row.delivery_id else None
        letter = session.get(Letter, row.letter_id) if row.letter_id else None
        bounces = bounces_of_mail(session, row.id)
        answers = answers_of_mail(session, row)
    team = desk.teams.get(row.team_id) if row.team_id else None
    return {
        "number": row.id,
        **fields(row, "kind state why reasons"),
        "from": row.sender,
        **fields(row, "subject message_id arrived_at read_at size"),
        "digest": delivery.reference if delivery else None,
        "letter": letter.reference if letter else None,
        "team": team.key if team else None,
        "matched_by": row.matched_by,
        "ticket": row.ticket,
        "answers": [
            {"verdict": one.verdict, "problems": None if one.problems is None else len(one.problems)} for one in answers
        ],
        "bounces": [
            {
                **fields(bounce, "mailbox failed permanent status detail"),
                "words": bounce_words(bounce),
            }
            for bounce in bounces
        ],
    }


def _filed(one: "FilingResult") -> dict[str, object]:
    """What became of a mail as JSON."""
    decision, match = one.decision, one.decision.match
    return {
        "number": one.number,
        **fields(decision, "kind state why reasons"),
        "from": one.sender,
        "subject": one.subject,
        "digest": match.delivery.reference if match.delivery else None,
        "matched_by": match.by,
        "ticket": decision.ticket,
        "answers": [
            {"verdict": verdict.value, "problems": None if problems is None else len(problems)}
            for verdict, problems in decision.verdicts
        ],
        "bounces": [bounce.mailbox for bounce in decision.bounces],
        "again": one.again,
    }


def _counts(run: "MailboxRun") -> dict[str, object]:
    kinds: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for (kind, state), number in run.counts.items():
        kinds[kind] += number
        states[state] += number
    return {"mails": run.mails, "again": run.again, "kinds": dict(kinds), "states": dict(states)}


def _content(mail: "ReadMail") -> dict[str, object]:
    from tocsin.delivery.mailbox import verdicts_in

    return {
        "to": [address for address in mail.recipients if "+" not in address],
        "says": [{"verdict": one.verdict, "places": list(one.places)} for one in verdicts_in(mail.text)],
        "text": mail.text,
        "quoted_lines": mail.quoted.count("\n") + bool(mail.quoted),
        "files": [
            {"name": part.name, "type": part.media_type, "bytes": len(part.content)}
            for part in mail.all_parts()
            if part.attached
        ],
    }


def _print_run(run: "MailboxRun", shown: "Sequence[Mapping[str, object]]", *, dry_run: bool) -> None:
    if not run.mails:
        say("No mail is waiting.")
        return
    _print_list(shown)
    states: Counter[str] = Counter()
    for (_, state), number in run.counts.items():
        states[state] += number
    counts = ", ".join(f"{number} {state}" for state, number in states.items())
    again = f", {run.again} read before" if run.again else ""
    mails = f"{run.mails} mail{'' if run.mails == 1 else 's'} {'seen' if dry_run else 'read'}"
    say(f"{mails}: {counts or 'none new'}{again}.")
    if states["waiting"] and not dry_run:
        say("'tocsin replies list --state waiting' shows what waits for a person.")


def _print_list(shown: "Sequence[Mapping[str, object]]") -> None:
    if not shown:
        say("No mails here. 'tocsin replies read' reads the mail account.")
        return
    print_table(
        "",
        ("no.", "kind", "state", "from", "digest", "subject"),
        [
            (
                one["number"] or "",
                one["kind"],
                one["state"],
                str(one["from"])[:40],
                one["digest"] or "",
                str(one["subject"])[:60],
            )
            for one in shown
        ],
    )
    for one in shown:
        if one["state"] == "waiting":
            say(visible(f"{one['number'] or 'A mail'}: {one['why']}"))


def _print_mail(said: "Mapping[str, object]") -> None:
    text = said.get("text")
    said = {
        **said,
        "answers": [*map(_answer, _items(said, "answers"))],
        "bounces": [*map(_bounce, _items(said, "bounces"))],
        "says": [*map(_saying, _items(said, "says"))],
    }
    rows = [
        (name.replace("_", " "), _shown(value))
        for name, value in said.items()
        if name != "text" and value not in (None, "", [], 0)
    ]
    print_table("", ("", ""), rows)
    if text:
        say(visible(str(text)))
    if said["state"] == "waiting" and _items(said, "says"):
        say(f"'tocsin replies reclassify {said['number']} --as answer' lets what it says count.")


def _items(said: "Mapping[str, object]", name: str) -> "list[dict[str, object]]":
    found = said.get(name)
    return found if isinstance(found, list) else []


def _answer(one: "Mapping[str, object]") -> str:
    about = "all of the digest" if one["problems"] is None else f"{one['problems']} of its problems"
    return f"{one['verdict']}: {about}"


def _saying(one: "Mapping[str, object]") -> str:
    places = one["places"]
    return f"{one['verdict']}: {', '.join(places) if isinstance(places, list) and places else 'all of the digest'}"


def _bounce(one: "Mapping[str, object]") -> str:
    return f"{one['mailbox']}: {one['words']}"


def _sentence(said: "Mapping[str, object]") -> str:
    number = f"Mail {said['number']}" if said["number"] else "The mail"
    about = f", about {said['digest']}" if said["digest"] else ""
    return visible(f"{number}: {said['kind']}, {said['state']}{about}. {said['why']}")


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, list):
        return "\n".join(
            ", ".join(str(part) for part in one.values()) if isinstance(one, dict) else str(one) for one in value
        )
    return str(value)
