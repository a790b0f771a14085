"""`tocsin exchange verify`: what an evidence bundle proves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, say

if TYPE_CHECKING:
    from tocsin.exchange.bundles import BundleVerdict

app = Commands()


@app.command()
def verify(
    call: NodeInvocation,
    bundle: Annotated[Path, typer.Argument(help="The folder of an evidence bundle.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="Fingerprint that you have from the sender by another way; again for the recipient's."),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(help="Certificates of a time stamp authority that you trust (PEM).", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Say what an evidence bundle proves: who sent what to whom, and when it was received. Nothing is stored.

    Without --key nothing establishes the signer: a bundle brings its own keys.

    Exit 0: valid; 1: something is wrong; 2: nothing is wrong, and something is not established.
    """
    from tocsin.exchange.bundles import verify_bundle

    found = verify_bundle(bundle, key or (), authority.read_bytes() if authority else b"")
    call.emit(_document(found), lambda: _print(found))
    if found.valid is not True:
        raise typer.Exit(2 if found.valid is None else 1)


def _document(found: "BundleVerdict") -> dict[str, Any]:
    return {
        **fields(found, "valid signer"),
        "to": found.to.key if found.to else None,
        **fields(found, "received_at marking"),
        "files": [fields(one, "name sha256 ok") for one in found.files],
        "reasons": found.reasons,
        "to_node": found.to.node if found.to else None,
        "recipient_established": found.recipient_established,
        "notes": found.notes,
        "time_stamps": [fields(one, "of at authority established") for one in found.time_stamps],
    }


def _print(found: "BundleVerdict") -> None:
    if found.valid:
        say(f"Valid: signed by {(found.signer or '').upper()}")
    else:
        say("Not valid:" if found.faults else "Not established:")
        for reason in found.reasons:
            say(f"  {reason}")
    if found.to is not None:
        known = "" if found.recipient_established else " (not established: give its fingerprint with --key, too)"
        say(f"  to        {found.to.key.upper()}, node {found.to.node}{known}")
    if found.received_at is not None:
        say(f"  received  {found.received_at:%Y-%m-%d %H:%M:%S} UTC")
    say(f"  marking   {found.marking or 'unknown'}")
    wrong = sum(not one.ok for one in found.files)
    say(f"  files     {len(found.files)}, {f'{wrong} of them changed' if wrong else 'all as they were'}")
    for one in found.notes:
        say(f"  note      {one}")
    for stamp in found.time_stamps:
        known = "" if stamp.established else " (not established: name its certificates with --authority)"
        say(f"  stamped   {stamp.of} at {stamp.at:%Y-%m-%d %H:%M:%S} UTC by {stamp.authority}{known}")
