"""``tocsin directory profile`` and ``read-profile``: RFC 2350 profiles, written and read back."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_import import print_import
from tocsin.cli.directory_records import renew_router
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from pysequoia import PySigner

    from tocsin.directory import ImportResult
    from tocsin.directory.profile import ParsedProfile, TeamProfile

app = Commands()


@app.command()
def profile(
    call: NodeInvocation,
    team: Annotated[str, typer.Argument(help="The key or UUID of a team.")],
    out: Annotated[Path | None, typer.Option(help="A file to write: .txt, .md, .html or .pdf.")] = None,
    issue: Annotated[bool, typer.Option("--issue", help="Issue what is a draft: a new version, dated today.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign with this node's OpenPGP key; text inside it.")] = False,
) -> None:
    """Show a team's profile as RFC 2350 outlines it, or write it; what was not issued yet says that it is a draft."""
    from tocsin.directory.profile import current_profile, issue_profile, profile_text, sign_text, write_profile

    now = call.now
    signer = _signer(call, now) if sign else None
    if issue:
        found = issue_profile(call.database, team, actor=call.actor, now=now)
    else:
        found = current_profile(call.database, team, now=now).profile
    if out:
        written = write_profile(found, out, signer)
        document = _document(found) | {"files": written}
        told = ", ".join(str(file) for file in written) + f": {_version(found)}"
        call.emit(document, f"{told}.")
    else:
        text = profile_text(found)
        call.emit(_document(found), (sign_text(text, signer) if signer else text).rstrip("\n"))


@app.command("read-profile")
def read_profile(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A profile as plain text, ours or another team's.")],
    into: Annotated[str, typer.Option(help="The key of the team whose it is: import it there.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what an import would change.")] = False,
) -> None:
    """Read an RFC 2350 document: what it says, what of it could not be read, who signed it; with --into, import it."""
    from tocsin.directory.profile import read_profile_file

    reading = read_profile_file(file)
    signed_by = [] if reading.signed is None else _signed_by(call, reading.signed)
    imported = _import(call, file, reading, into, dry_run=dry_run) if into else None
    if imported and not dry_run:
        renew_router(call.home, call.database)
    document = _document(reading.profile) | {
        "exact": reading.exact,
        "signed": reading.signed is not None,
        "signed_by": signed_by,
        "unread": [asdict(one) for one in reading.unread],
        "import": asdict(imported) if imported else None,
    }
    call.emit(document, lambda: _print_reading(reading, signed_by, imported))


def _import(call: NodeInvocation, file: Path, reading: "ParsedProfile", team: str, *, dry_run: bool) -> "ImportResult":
    import hashlib

    from tocsin.directory import ImportFile, import_entries, key
    from tocsin.directory.profile import profile_entries

    try:
        entries = profile_entries(reading.profile, key(team), complete=not reading.unread)
    except ValueError as error:
        raise UsageError(f"--into '{team}': {error}.") from error
    found = ImportFile(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), entries)
    return import_entries(call.database, found, actor=call.actor, now=call.now, dry_run=dry_run)


def _signer(call: NodeInvocation, now: datetime) -> "PySigner":
    from tocsin.delivery.sealing import judge_own, read_own_keys

    own = read_own_keys(call.home, call.settings.mail).openpgp
    if own is None:
        raise NotFoundError("This node has no OpenPGP key.", hint="'tocsin keys node-make' makes one.")
    verdict = judge_own(own.facts, now)
    if not verdict.good:
        raise NotFoundError(f"This node's OpenPGP key cannot sign: {verdict.why}", hint="'tocsin keys' renews it.")
    return own.signer


def _signed_by(call: NodeInvocation, content: bytes) -> list[str]:
    """The fingerprints of keys in the directory, or of this node's own, that signed a document."""
    from tocsin.delivery.sealing import read_own_keys
    from tocsin.directory.keys import KeyFormat, team_keys
    from tocsin.directory.profile import signers

    known = [key.content for key in team_keys(call.database) if key.facts.format is KeyFormat.OPENPGP]
    own = read_own_keys(call.home, call.settings.mail).openpgp
    return signers(content, [*known, *([own.public.encode("ascii")] if own else [])])


def _document(profile: "TeamProfile") -> dict[str, object]:
    from tocsin.directory.profile import parts_of

    sections = [
        {
            "section": part.section.number,
            "heading": part.section.heading,
            "items": [
                {**fields(line, "label value"), **({"details": dict(line.details)} if line.details else {})}
                for line in part.items
            ],
            "text": profile.prose(part.section.topic),
        }
        for part in parts_of(profile)
    ]
    head = fields(profile, "name version dated draft")
    return head | {"sections": sections}


def _version(profile: "TeamProfile") -> str:
    return f"version {profile.version} of {profile.dated}" + (", a draft: --issue issues it" if profile.draft else "")


def _print_reading(reading: "ParsedProfile", signed_by: list[str], imported: "ImportResult | None") -> None:
    print_table(f"{reading.profile.name or 'no name'}", ("section", "what", "says"), list(_rows(reading.profile)))
    if reading.exact:
        say("Read whole: it is written as Tocsin writes profiles.")
    if reading.signed is None:
        say("It is not signed, or not inside the document.")
    elif signed_by:
        say(f"Signed by {', '.join(signed_by)}, a key that is known here.")
    else:
        say("It carries a signature that fits no key known here, or not this text: it proves nothing.")
    if reading.unread:
        note(f"Not read: {len(reading.unread):,}")
        for one in reading.unread:
            note(f"  {one.where}" + (f": {one.what[:100]}" if one.what else "") + f": {one.why}")
    if imported:
        print_import(imported)


def _rows(profile: "TeamProfile") -> Iterator[tuple[str, str, str]]:
    from tocsin.directory.profile import parts_of

    for part in parts_of(profile):
        section = part.section
        for line in part.items:
            more = ", ".join(f"{name} {text}" for name, text in line.details)
            yield section.number, line.label or section.heading, line.value + (f" ({more})" if more else "")
        if text := profile.prose(section.topic):
            yield section.number, section.heading, text
