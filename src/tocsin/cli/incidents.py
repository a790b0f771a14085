"""`tocsin incidents`: the incidents that a CSIRT works, mails of a mailbox as threads, and the text of replies."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.incident_list import list_incidents, show_incident
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_json, say, visible
from tocsin.node.errors import UsageError

app = Commands(
    cls=act_group("incidents"),
    help="Incidents: opened, led, noted, merged, closed. Nothing restricted is shown.",
    no_args_is_help=True,
)
app.command("list")(list_incidents)
app.command("show")(show_incident)


@app.command()
def verify(call: NodeInvocation) -> None:
    """Check that every entry of every incident is what the audit log says it was. Exit 1 when one is not.

    'tocsin audit verify' checks the log itself. Of restricted incidents only the number of an entry is named.
    """
    from tocsin.incidents import check_entries

    with call.database.reading() as session:
        found = check_entries(session)
    document = {"good": not found.changed, **fields(found, "entries erased undone")}
    document["changed"] = [fields(one, "entry incident reason") for one in found.changed]

    def human() -> None:
        for one in found.changed:
            say(f"Entry {one.entry}{f' of {one.incident}' if one.incident else ''}: {one.reason}.")
        state = f"Wrong: {len(found.changed):,}" if found.changed else "All entries are as the audit log has them"
        say(f"{state}. Entries: {found.entries:,}, erased: {found.erased:,}, undone: {found.undone:,}.")

    call.emit(document, human)
    if found.changed:
        raise typer.Exit(1)


@app.command()
def thread(
    call: NodeInvocation,
    path: Annotated[Path, typer.Argument(help="An mbox, a maildir, a folder of mails, or one mail.")],
    subjects: Annotated[
        bool, typer.Option("--subjects", help="Also join threads whose first mails have the same subject.")
    ] = False,
) -> None:
    """Show which mail answers which, by the ids that they name: an entry for each mail."""
    from tocsin.incidents.mail_files import mails_in
    from tocsin.incidents.threading import HEADER_BYTES, read_links, thread_mails

    left_out: list[Path] = []
    files: list[tuple[Path, int]] = []
    mails = []
    for mail in mails_in(path, size=HEADER_BYTES, left_out=left_out):
        files.append((mail.file, mail.index))
        mails.append(read_links(mail.raw, subjects=subjects))
    # A mail without an id gets a name that no mail can have, so that its children can say whose they are.
    ids = [one.message_id or f"{file}#{index}" for one, (file, index) in zip(mails, files, strict=True)]
    rows = [
        {
            "file": str(file),
            "index": index,
            "message_id": own,
            "parent": None if place.parent is None else ids[place.parent],
            "thread": place.thread,
        }
        for (file, index), own, place in zip(files, ids, thread_mails(mails, subjects=subjects), strict=True)
    ]
    for file in left_out[:3]:
        note(f"{file} is not a mail.")
    if len(left_out) > 3:
        note(f"{len(left_out) - 3:,} more files are not mails.")
    call.emit(rows, lambda: _print_threads(rows))


@app.command("reply-text")
def reply_text(
    call: NodeInvocation,
    files: Annotated[list[Path], typer.Argument(help="Mails, or bare texts of mails.")],
) -> None:
    """Print what the writer of each mail wrote, without quotes and signature; with --json a line each."""
    from tocsin.incidents.reply_text import reply_text as text_of_reply

    for file, raw in _contents(files):
        text = text_of_reply(raw)
        if call.json:
            print_json({"file": str(file), "text": text})
        else:
            say(visible(text if len(files) == 1 else f"{file}:\n{text}\n"))


def _contents(files: Sequence[Path]) -> Iterator[tuple[Path, bytes]]:
    for file in files:
        try:
            yield file, file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name a file that is a mail.") from error


def _print_threads(rows: Sequence[dict[str, object]]) -> None:
    threads = len({row["thread"] for row in rows})
    say(f"{len(rows):,} mail{'' if len(rows) == 1 else 's'} in {threads:,} thread{'' if threads == 1 else 's'}.")
    for row in sorted(rows, key=lambda row: int(str(row["thread"]))):
        answers = f" answers {row['parent']}" if row["parent"] else ""
        say(visible(f"{row['thread']}: {row['message_id']}{answers}"))
