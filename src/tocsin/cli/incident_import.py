"""`tocsin incidents import`: incidents of the tool that was used before."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import print_table
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.incidents.moving import ImportCounts

Format = Literal["rtir", "mbox", "csv"]


def import_incidents(
    call: NodeInvocation,
    files: Annotated[list[Path], typer.Argument(help="Exports as files; of mails an mbox, a maildir or a folder.")],
    source: Annotated[
        Format | None, typer.Option("--from", help="What they are; without it, mails are known as such.")
    ] = None,
    tag: Annotated[
        str, typer.Option(help="The tag before numbers in subjects of the other tool: CERT of [CERT #4711].")
    ] = "",
    restricted_to: Annotated[
        list[str] | None,
        typer.Option(help="Only this account reads what is new, by email address or number; again for more."),
    ] = None,
    our_address: Annotated[
        list[str] | None,
        typer.Option(help="An address that the team wrote from; again for more. That of the node is one."),
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of times that say none, such as Europe/Paris.")] = "UTC",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be new; store nothing.")] = False,
) -> None:
    """Import the incidents of another tool: RT or RTIR, a shared email account, a CSV file. Nothing is sent."""
    from tocsin.incidents.moving import Importer, ImportOptions, import_mails, read_tickets
    from tocsin.node.accounts import find_person

    with call.database.reading() as session:
        members = tuple(find_person(session, one).id for one in restricted_to or ())
    importer = Importer(call.node, ImportOptions(tag.strip(" []#"), members, dry_run), call.actor, call.now)
    settings = call.settings
    ours = {*(our_address or ()), settings.node.contact, settings.mailbox.address} - {""}
    zone = _zone(time_zone)
    for file in files:
        if source == "mbox" or (source is None and _has_mails(file)):
            import_mails(importer, file, ours=ours)
        else:
            importer.import_tickets(read_tickets(file, zone=zone))
    counts = importer.counts
    call.emit({**asdict(counts), "dry_run": dry_run}, lambda: _print(counts, dry_run=dry_run))
    if counts.broken:
        raise typer.Exit(1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise UsageError(f"{name} is no time zone.", hint="Write it as Europe/Paris.") from error


def _has_mails(file: Path) -> bool:
    from tocsin.delivery.mailbox import is_mail

    if file.is_dir():
        return True
    try:
        with file.open("rb") as opened:
            return is_mail(opened.read(4_000))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name an export as a file.") from error


def _print(counts: "ImportCounts", *, dry_run: bool) -> None:
    names = ("incidents", "entries", "parties", "observables", "mails", "merged")
    rows: list[tuple[str, int]] = [(name, getattr(counts, name)) for name in names]
    rows += [("known before", counts.known), ("only from programs", counts.left_out), ("broken", len(counts.broken))]
    print_table("", ("would be new" if dry_run else "new", "count"), rows)
    if counts.several:
        print_table("part of several", ("line", "what"), [(one.line or "", one.reason) for one in counts.several])
    if counts.broken:
        print_table("not taken", ("line", "why"), [(one.line or "", one.reason) for one in counts.broken])
