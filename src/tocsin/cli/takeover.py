"""`tocsin takeover`: a standby machine becomes the node."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.backup import GpgHome, PassphraseFile, keyring
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note, say

if TYPE_CHECKING:
    from tocsin.operations.standby_takeover import Takeover


def takeover(
    call: NodeInvocation,
    folder: Annotated[Path, typer.Argument(help="The folder that the other machine puts its copies into.")],
    gpg_home: GpgHome = None,
    passphrase_file: PassphraseFile = None,
    trial: Annotated[
        bool, typer.Option("--try", help="Only rehearse it: nothing is fenced, and what is made sends nothing.")
    ] = False,
    accept_older: Annotated[
        bool,
        typer.Option(
            "--accept-older",
            help="Also of a copy that is older than what there was: newer ones are damaged, or another machine took "
            "over and is lost before its first copy.",
        ),
    ] = False,
) -> None:
    """Become the node, in the empty folder that --home names: the other machine can send nothing from then on."""
    from tocsin.operations.standby_takeover import take_over

    done = take_over(
        folder.expanduser().absolute(), call.home, now=call.clock,
        keyring=keyring(gpg_home, passphrase_file), actor=call.actor, trial=trial, accept_older=accept_older,
    )  # fmt: skip
    call.emit(
        {
            "home": str(done.home), "made": done.made, "term": done.term, "files": done.files, "bytes": done.bytes,
            "sent": [*done.mails.sent], "held": [*done.mails.held], "unknown": [*done.mails.unknown],
            "passed_over": [vars(one) for one in done.passed_over], "lacks": dict(done.lacks), "rehearsal": trial,
        },
        lambda: _show(done, trial=trial),
    )  # fmt: skip


def _show(done: "Takeover", *, trial: bool) -> None:
    """When the copy was made, what is lost, what may have been sent, and what is to be done next."""
    from tocsin.operations.standby_takeover import lacking

    ago = (datetime.now(UTC) - done.made).total_seconds()
    say(f"{done.files:,} files in {done.home}, as they were at {done.made:%Y-%m-%d %H:%M:%S} UTC.")
    for one in done.passed_over:
        note(f"Passed over: copy {one.name} of {one.made:%Y-%m-%d %H:%M:%S} UTC, which is damaged. {one.why}")
    if done.lacks:
        note(lacking(done.lacks))
    if trial:
        say("It was a rehearsal: nothing is fenced. Look at the node in this folder, then remove it.")
        return
    say(f"Lost is what {done.before.host} took in and what people did there since then, {ago / 60:.1f} minutes ago.")
    say(f"{done.before.host} sends nothing any more (term {done.term}).")
    if done.mails.sent:
        say(f"Sent by it since then: {', '.join(done.mails.sent)}.")
    if done.mails.unknown:
        say(
            f"Sent by it, and not known to this copy: {', '.join(done.mails.unknown)}. What they told is not sent again"
        )
        say("once it is taken in again; other mails to the same teams are held until you release one.")
    if done.mails.held:
        say(f"Perhaps sent by it, held here until you release or drop them: {', '.join(done.mails.held)}.")
    if done.other_folder:
        note(f"[standby] folder means '{done.other_folder}' here: correct it in {done.home}/tocsin.toml.")
    say("Next: switch the other machine off; 'tocsin serve' here; let the name of the pages lead here (DNS);")
    say("look into the folder of read mails for what came since, and move it back to the inbox; ingest again what was")
    say("collected since. Mails leave without copies until there is another standby machine: 'tocsin standby on'.")
