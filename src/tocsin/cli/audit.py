"""`tocsin audit`: who did what, and whether the log is as it was sealed."""

import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.events import read_time
from tocsin.cli.files_out import put
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.node.records import AuditEntry, AuditFilter, Head, SealCheckResult

Word = Annotated[str, typer.Option(help="Only this word, such as delivery.sent.")]
Actor = Annotated[str, typer.Option(help="Only what this one did, such as person:3 or deliver.")]
Subject = Annotated[str, typer.Option(help="Only this thing, such as team:UUID, or such things: team.")]
Since = Annotated[str | None, typer.Option(help="From this time on, ISO 8601; UTC without a zone.")]
Until = Annotated[str | None, typer.Option(help="Before this time, ISO 8601; UTC without a zone.")]

app = Commands(help="The audit log: who did what, sealed so that no change goes unnoticed.", no_args_is_help=True)


@app.command("list")
def list_(
    call: NodeInvocation,
    word: Word = "",
    actor: Actor = "",
    subject: Subject = "",
    since: Since = None,
    until: Until = None,
    before: Annotated[int | None, typer.Option(help="Only entries with lower numbers: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
) -> None:
    """List entries, the newest first."""
    from tocsin.node.records import list_entries, resolve_references

    asked = _asked(word, actor, subject, since, until)
    with call.database.reading() as session:
        found = list_entries(session, _open(call, session, asked), before=before, limit=limit)
        said = resolve_references(session, found.entries)
    documents = [_document(entry, said) for entry in found.entries]
    call.emit(documents, lambda: _show(found.entries, said))
    if found.before is not None:
        note(f"There are older ones: --before {found.before}")


@app.command()
def show(call: NodeInvocation, entry: Annotated[int, typer.Argument(help="The entry's number.")]) -> None:
    """Show one entry, with its details."""
    from tocsin.node.records import AuditFilter, find_entry, resolve_references

    with call.database.reading() as session:
        found = find_entry(session, entry, _open(call, session, AuditFilter()))
        document = _document(found, resolve_references(session, [found]))
    call.emit(document, lambda: print_table("", ("", ""), [(name, _text(v)) for name, v in document.items()]))


@app.command()
def export(
    call: NodeInvocation,
    word: Word = "",
    actor: Actor = "",
    subject: Subject = "",
    since: Since = None,
    until: Until = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Write entries as JSON, one a line, the oldest first; names and reasons by reference, as they are sealed.

    Those about restricted incidents are left out, as a command has no person.
    """
    from tocsin.node.files import disk_failures
    from tocsin.node.records import every_entry

    asked = _asked(word, actor, subject, since, until)
    with (
        call.database.reading() as session,
        disk_failures("The entries could not be written"),
        out.open("w", encoding="utf-8") if out else nullcontext(sys.stdout) as target,
    ):
        for entry in every_entry(session, _open(call, session, asked)):
            target.write(json.dumps(_document(entry), ensure_ascii=False, default=datetime.isoformat) + "\n")


@app.command()
def erase(
    call: NodeInvocation,
    reference: Annotated[str, typer.Argument(help="What an entry names: a reason as words:12, a name as login:3.")],
) -> None:
    """Erase a reason or a name that entries name; the entries stay, and the log still verifies."""
    from tocsin.node.records import AuditAction, audit, erase_aside

    with call.database.begin() as session:
        if not erase_aside(session, reference):
            raise NotFoundError(f"Nothing is kept as {reference}.", hint="'tocsin audit show NUMBER' shows references.")
        audit(session, AuditAction.WORDS_ERASED, at=call.now, actor=call.actor, subject=reference)
    call.emit({"erased": reference}, f"{reference} is erased.")


@app.command()
def seal(call: NodeInvocation) -> None:
    """Seal all entries that no seal holds yet, as the running server does each minute."""
    from tocsin.node.records import open_seal_key, read_head
    from tocsin.node.records import seal as seal_entries

    home = call.home
    database = call.database
    sealed = seal_entries(database, open_seal_key(home), now=call.now, home=home)
    head = read_head(home)
    words = f"Sealed: {sealed:,}." if sealed else "There was nothing to seal."
    call.emit({"sealed": sealed, "head": str(head) if head else None}, words)


@app.command()
def verify(
    call: NodeInvocation,
    key: Annotated[
        list[Path] | None, typer.Option(help="File with the public key; without it, the node's. May be repeated.")
    ] = None,
    head: Annotated[
        list[str] | None, typer.Option(help="NUMBER:HASH of a seal that was noted elsewhere. May be repeated.")
    ] = None,
) -> None:
    """Check every entry and every seal. Exit 1 when something is wrong, with each thing that is."""
    from tocsin.node.records import check_seals, open_seal_key, read_head, read_public_keys

    database = call.database
    keys = read_public_keys(key) if key else [open_seal_key(call.home).public_key()]
    kept = read_head(call.home)
    heads = [*([kept] if kept else []), *map(_head, head or [])]
    verdict = check_seals(database, keys, now=call.now, heads=heads)
    call.emit(_verdict(verdict), lambda: _say(verdict))
    if not verdict.good:
        raise typer.Exit(1)


@app.command()
def key(
    call: NodeInvocation,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Print the public key that seals are checked with, for those who check elsewhere."""
    from tocsin.node.records import open_seal_key, public_pem

    call.database.engine  # noqa: B018 (makes the folder for the key where there is none yet)
    pem = public_pem(open_seal_key(call.home))
    call.emit({"public": pem}, lambda: put(pem, out))


def _asked(word: str, actor: str, subject: str, since: str | None, until: str | None) -> "AuditFilter":
    from tocsin.node.records import AuditAction, AuditFilter

    if word and word not in set(AuditAction):
        raise UsageError(f"There is no word '{word}'.", hint="docs/audit.md lists them.")
    return AuditFilter(word, actor, subject, read_time("since", since), read_time("until", until))


def _open(call: NodeInvocation, session: "Session", asked: "AuditFilter") -> "AuditFilter":
    """The same, without what is about restricted incidents: a command has no person."""
    from tocsin.incidents import IncidentReader, subjects_for

    return replace(asked, may=subjects_for(session, IncidentReader(None, call.now)))


def _head(text: str) -> "Head":
    from tocsin.node.records import Head

    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise UsageError(f"--head {text} names no seal.", hint="Write it as 'tocsin audit verify' does: NUMBER:HASH.")
    return Head(int(number), digest.lower())


def _document(entry: "AuditEntry", said: Mapping[str, str] | None = None) -> dict[str, object]:
    """An entry as it is sealed; ``said``: what its references stand for."""
    more = {
        name: text for name, text in (said or {}).items() if name in {entry.actor, *map(str, entry.detail.values())}
    }
    return {
        "number": entry.id,
        **fields(entry, "at actor word subject detail"),
        **({"said": more} if more else {}),
    }


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return str(value)


def _show(entries: "list[AuditEntry]", said: Mapping[str, str]) -> None:
    if not entries:
        say("No matches.")
        return
    rows = [(e.id, _text(e.at), said.get(e.actor, e.actor), e.word, e.subject) for e in entries]
    print_table("", ("number", "time (UTC)", "who", "word", "subject"), rows)


def _verdict(verdict: "SealCheckResult") -> dict[str, object]:
    return {
        **fields(verdict, "good entries seals waiting sealed_at"),
        "head": str(verdict.head) if verdict.head else None,
        "findings": [{**fields(one, "kind entry seal"), "words": str(one)} for one in verdict.findings],
    }


def _say(verdict: "SealCheckResult") -> None:
    for one in verdict.findings:
        say(str(one))
    state = "All is as it was sealed" if verdict.good else f"Wrong: {len(verdict.findings):,}"
    say(f"{state}. Entries: {verdict.entries:,}, seals: {verdict.seals:,}, not sealed yet: {verdict.waiting:,}.")
    if verdict.head:
        say(f"The newest seal, to be noted elsewhere: {verdict.head}")
