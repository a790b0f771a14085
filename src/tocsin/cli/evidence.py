"""`tocsin evidence`: the evidence of incidents, its chain of custody, and legal holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say

if TYPE_CHECKING:
    from tocsin.interface import ActContext

app = Commands(
    cls=act_group("evidence"),
    help="Evidence of incidents: add, hand over, export, verify; legal holds. Of restricted ones nothing is shown.",
    no_args_is_help=True,
)
_ITEM: Final = "id name kind sha256 size kept seal place tlp state destroy_by"
_HOLD: Final = "id ordered_by order_reference begun_at until lifted_at"
Reference = Annotated[str, typer.Argument(help="The reference of an incident.")]
Signed = Annotated[str, typer.Option("--as", help="Whose word it is: an account, by email address or number.")]


@app.command("list")
def list_evidence(call: NodeInvocation, reference: Reference) -> None:
    """List the items of an incident, with the legal holds on it."""
    from tocsin.incidents import IncidentReader, find_incident, merged_family
    from tocsin.incidents.evidence import evidence_of, holds_of, is_here

    reader = IncidentReader(None, call.now)
    with call.database.reading() as session:
        family = merged_family(session, reader, find_incident(session, reader, reference))
        items: list[dict[str, Any]] = [
            {**fields(one, _ITEM), "missing": not is_here(call.node.incident_evidence, one)}
            for one in evidence_of(session, reader, family)
        ]
        holds: list[dict[str, Any]] = [fields(one, _HOLD) for one in holds_of(session, reader, family)]

    def human() -> None:
        rows = [
            (one["id"], one["name"], one["kind"], "missing" if one["missing"] else one["state"], one["sha256"][:16])
            for one in items
        ]
        print_table("items", ("id", "what", "kind", "state", "SHA-256"), rows)
        ended = [(one["id"], one["ordered_by"], one["until"] or "", one["lifted_at"] or "") for one in holds]
        if ended:
            print_table("legal holds", ("id", "ordered by", "until", "lifted"), ended)

    call.emit({"items": items, "holds": holds}, human)


@app.command("add-file")
def add_file(
    call: NodeInvocation,
    reference: Reference,
    file: Annotated[Path, typer.Argument(help="A file on this machine.", exists=True, dir_okay=False)],
    *,
    by_hash: Annotated[bool, typer.Option("--by-hash", help="Note its hash and size, and leave it there.")] = False,
    received_from: Annotated[str, typer.Option(help="Whom it was received from.")] = "",
    how: Annotated[str, typer.Option(help="How.")] = "",
    signed: Signed = "",
) -> None:
    """Add a file of this machine: kept here whole and unopened, or by its hash."""
    from tocsin.cli.acts import act_of, perform
    from tocsin.incidents.evidence import EvidenceSource, NewFile, add_files

    source = {"reference": reference, "received_from": received_from, "how": how}
    with file.open("rb") as stream:
        if by_hash:
            from hashlib import file_digest

            digest = file_digest(stream, "sha256").hexdigest()
            item = {"name": file.name, "kind": "file", "sha256": digest, "size": file.stat().st_size}
            place = {"place": str(file.absolute())}
            done = perform(call, act_of("evidence", "add"), {**source, **item, **place}, name=signed)
        else:
            done = add_files(_context(call, signed), EvidenceSource(**source), [NewFile(file.name, stream)])
    call.emit(done.model_dump(mode="json"), lambda: say(f"Item {done.evidence[0]} of {done.reference} added."))


@app.command("export")
def export(
    call: NodeInvocation,
    reference: Reference,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    signed: Signed = "",
) -> None:
    """Write all evidence of an incident into a folder that sha256sum and gpg verify. Exit 1 when a file is missing.

    The files are neither changed nor packed: they may be malware.
    """
    from tocsin.incidents import IncidentNamed
    from tocsin.incidents.evidence import export_evidence

    done = export_evidence(_context(call, signed), IncidentNamed(reference=reference), folder)
    named = "reference tlp items files bytes sums signed_by"
    document: dict[str, Any] = fields(done, named)
    document["lacking"] = [{"evidence": one, "sha256": digest, "fault": fault} for one, digest, fault in done.lacking]

    def human() -> None:
        say(f"{done.items} items of {done.reference}, {done.files} files, TLP:{done.tlp}, in {folder}.")
        for one, digest, fault in done.lacking:
            say(f"Item {one}: its file {digest} is {fault}.")
        if not done.signed_by:
            note("The node has no OpenPGP key, so it is not signed. 'tocsin keys node-make' makes one.")

    call.emit(document, human)
    if done.lacking:
        raise typer.Exit(1)


@app.command("verify")
def verify(
    call: NodeInvocation, reference: Annotated[str, typer.Argument(help="Only this incident; else all.")] = ""
) -> None:
    """Read every file of evidence again, and name those that are missing or changed. Exit 1 when one is.

    Of restricted incidents only the number and the hash are named.
    """
    from tocsin.incidents import IncidentReader, find_incident, merged_family
    from tocsin.incidents.evidence import check_files

    reader = IncidentReader(None, call.now)
    with call.database.reading() as session:
        family = merged_family(session, reader, find_incident(session, reader, reference)) if reference else []
        found = list(check_files(session, call.node.incident_evidence, family))
    bad = [one for one in found if one.fault is not None]
    files = sum(1 for one in found if one.incident or one.fault is not None)  # those of restricted ones leave no trace
    document = {
        "good": not bad, "files": files, "bad": [fields(one, "evidence incident sha256 fault") for one in bad]
    }  # fmt: skip

    def human() -> None:
        for one in bad:
            say(f"Item {one.evidence}{f' of {one.incident}' if one.incident else ''}: {one.sha256} is {one.fault}.")
        say(f"Wrong: {len(bad):,} of {files:,} files." if bad else f"All {files:,} files are as they came.")

    call.emit(document, human)
    if bad:
        raise typer.Exit(1)


def _context(call: NodeInvocation, signed: str) -> "ActContext":
    from tocsin.interface import ActContext

    return ActContext(call.node, call.now, call.actor, signed)
