"""The evidence of an incident as a folder that anybody verifies with `sha256sum` and `gpg`, without Tocsin."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from tocsin.delivery.sealing import judge_own, read_own_keys
from tocsin.incidents.act_parts import IncidentNamed, changing
from tocsin.incidents.evidence.files import FileFault, packed_and_removed
from tocsin.incidents.evidence.models import IncidentEvidence, LegalHold
from tocsin.incidents.evidence.read import custody_of, evidence_of, holds_of, items_in
from tocsin.incidents.models import Incident, IncidentEntry
from tocsin.incidents.read import merged_family
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.write import entry_text
from tocsin.interface import ActContext
from tocsin.node.accounts import names_of_actors
from tocsin.node.blobs import Blobs
from tocsin.node.errors import ConflictError
from tocsin.node.files import checksum_list, disk_failures
from tocsin.node.sentences import say
from tocsin.sharing.gate import highest, read_marking

SUMS: Final = "SHA256SUMS"
_FILES: Final = "files"
_KEY: Final = "signing-key.asc"
_BLOCK: Final = 1 << 20
_README: Final = """\
Evidence of incident {reference}, TLP:{tlp}
Exported on {at} UTC by {who} of {node}

files/         the files, each called by its SHA-256
custody.txt    the chain of custody, to be read
custody.json   the same with all items, for programs
SHA256SUMS     the SHA-256 of all of these
{signed}
To verify, in this folder:

{verify}    sha256sum --check --strict SHA256SUMS

What SHA256SUMS does not name is not part of the export. The files are as they came: they may be malware. Do not open
them on a machine that you need.
"""
_SIGNED: Final = """\
SHA256SUMS.asc its signature by the key {fingerprint}
signing-key.asc
               that key. Ask {node} for its fingerprint by another way, and compare.
"""
_VERIFY: Final = "    gpg --import signing-key.asc\n    gpg --verify SHA256SUMS.asc SHA256SUMS\n"


@dataclass(frozen=True)
class EvidenceExport:
    """What was exported. ``sums``: SHA-256 of its list of hashes; ``signed_by``: fingerprint of the key, or empty.

    ``lacking``: the items whose file should be here and is not as it was, each with what is wrong.
    """

    reference: str
    tlp: str
    items: int
    files: int
    bytes: int
    sums: str
    signed_by: str
    lacking: tuple[tuple[int, str, FileFault], ...]


def export_evidence(context: ActContext, request: IncidentNamed, folder: Path) -> EvidenceExport:
    """Write the evidence of an incident into a new or empty folder, and enter that into the incident.

    Raises:
        ConflictError: the folder has something in it, or there is no evidence.
        StorageError: the disk is full or fails.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty.", hint="Name a new folder for each export.")
    with changing(context, request) as opened:
        family = merged_family(opened.session, opened.reader, opened.incident)
        items = evidence_of(opened.session, opened.reader, family)
        if not items:
            raise ConflictError(say("This incident has no evidence."))
        steps = custody_of(opened.session, opened.reader, family)
        holds = holds_of(opened.session, opened.reader, family)
        names = names_of_actors(opened.session, {one.by for one in steps} | {context.actor})
        who = names.get(context.actor, context.actor)
        with disk_failures("The evidence cannot be exported"):
            (folder / _FILES).mkdir(parents=True)
            lacking, size = _copy(context.node.incident_evidence, items, folder)
            tlp = highest([read_marking(one.tlp, None) for one in items]).tlp.value
            _write(folder, "custody.json", _document(family, items, steps, holds, names))
            _write(folder, "custody.txt", _text(opened.incident, items, steps, names))
            signed_by = _seal(context, folder, opened.incident, tlp, who)
        sums = sha256((folder / SUMS).read_bytes()).hexdigest()
        for of in {one.compartment_id: one for one in reversed(family)}.values():  # each says what its readers know
            mine = [one.id for one in items if one.compartment_id == of.compartment_id]
            data = {"act": "exported", "items": mine, "sums": sums, "signed": signed_by}
            opened.enter(IncidentEntryKind.EVIDENCE, of=of, data=data, tlp=tlp)
        kept = {one.sha256 for one in items if one.kept} - {digest for _, digest, _ in lacking}
        return EvidenceExport(
            opened.incident.reference, tlp, len(items), len(kept), size, sums, signed_by, tuple(lacking)
        )


def export_packed(context: ActContext, request: IncidentNamed) -> tuple[EvidenceExport, Iterator[bytes]]:
    """The same folder as an archive that `PASSWORD` opens, block by block; raises as `export_evidence`."""
    return packed_and_removed(lambda folder: export_evidence(context, request, folder))


def _copy(
    files: Blobs, items: Sequence[IncidentEvidence], folder: Path
) -> tuple[list[tuple[int, str, FileFault]], int]:
    """Copy the files; those that are not as they were, and how many bytes the others have."""
    lacking, known = [], dict[str, FileFault | None]()
    for item in items:
        if not item.kept:
            continue
        if item.sha256 not in known:
            known[item.sha256] = _copy_one(files, item.sha256, folder / _FILES / item.sha256)
        if (fault := known[item.sha256]) is not None:
            lacking.append((item.id, item.sha256, fault))
    return lacking, sum(path.stat().st_size for path in (folder / _FILES).iterdir())


def _copy_one(files: Blobs, digest: str, target: Path) -> FileFault | None:
    if digest not in files:
        return FileFault.MISSING
    hashing = sha256()
    with files.open(digest) as stream, target.open("xb") as out:
        while block := stream.read(_BLOCK):
            hashing.update(block)
            out.write(block)
    if hashing.hexdigest() == digest:
        return None
    target.unlink()
    return FileFault.CHANGED


def _seal(context: ActContext, folder: Path, incident: Incident, tlp: str, who: str) -> str:
    """Write the list of hashes with its signature, and what to do with it; the fingerprint of the key, or empty."""
    node = context.node
    key = read_own_keys(node.home, node.settings.mail).openpgp
    good = key is not None and judge_own(key.facts, context.now).good
    fingerprint = key.facts.fingerprint if key is not None and good else ""
    if key is not None and good:
        _write(folder, _KEY, key.public)
    signed = _SIGNED.format(fingerprint=fingerprint, node=node.settings.node.name) if fingerprint else ""
    _write(
        folder, "README.txt",
        _README.format(
            reference=incident.reference, tlp=tlp, at=f"{context.now:%Y-%m-%d %H:%M}", who=who,
            node=node.settings.node.name, signed=signed, verify=_VERIFY if fingerprint else "",
        ),
    )  # fmt: skip
    paths = [path for path in folder.rglob("*") if path.is_file()]
    _write(folder, SUMS, checksum_list({path.relative_to(folder).as_posix(): _digest(path) for path in paths}))
    if key is not None and good:
        from pysequoia import SignatureMode
        from pysequoia import sign as sequoia_sign

        signature = sequoia_sign(key.signer, (folder / SUMS).read_bytes(), mode=SignatureMode.DETACHED)
        (folder / f"{SUMS}.asc").write_bytes(signature)
    return fingerprint


def _document(
    family: Sequence[Incident],
    items: Sequence[IncidentEvidence],
    steps: Sequence[IncidentEntry],
    holds: Sequence[LegalHold],
    names: dict[str, str],
) -> str:
    """All of it as JSON. Of an entry ``sha256`` is what the sealed audit log has: that of its ``said``."""
    references = {one.id: one.reference for one in family}
    fields = ("id", "name", "kind", "sha256", "size", "kept", "seal", "place", "tlp", "state")
    document: dict[str, Any] = {
        "incident": family[0].reference,
        "items": [
            {"incident": references[one.incident_id], **{name: getattr(one, name) for name in fields}} for one in items
        ],
        "custody": [
            {
                "entry": one.id, "incident": references[one.incident_id], "who": names.get(one.by, one.by),
                "sha256": one.sha256, "said": entry_text(one),
            }
            for one in steps
        ],
        "legal_holds": [
            {
                "ordered_by": one.ordered_by, "order": one.order_reference, "begun_at": one.begun_at.isoformat(),
                "until": one.until.isoformat() if one.until else None,
                "lifted_at": one.lifted_at.isoformat() if one.lifted_at else None,
            }
            for one in holds
        ],
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _text(
    incident: Incident, items: Sequence[IncidentEvidence], steps: Sequence[IncidentEntry], names: dict[str, str]
) -> str:
    """The chain of custody for people, item by item; times are UTC."""
    lines = [f"Chain of custody, incident {incident.reference}", ""]
    lines += [_step(one, names) for one in steps if not items_in(one)]
    for item in items:
        size = f", {item.size} bytes" if item.size is not None else ""
        lines += ["", f"Item {item.id}: {item.name} ({item.kind}, {item.state}, TLP:{item.tlp}{size})"]
        lines += [f"  SHA-256 {item.sha256}"] if item.sha256 else []
        lines += [f"  {_step(one, names)}" for one in steps if item.id in items_in(one)]
    return "\n".join(lines) + "\n"


def _step(entry: IncidentEntry, names: dict[str, str]) -> str:
    named = ("person", "how", "seal", "place", "who", "order")
    said = [f"{name}: {entry.data[name]}" for name in named if entry.data.get(name)]
    said += [entry.text] if entry.text else []
    recorded = "" if entry.recorded_at == entry.happened_at else f", recorded {entry.recorded_at:%Y-%m-%d %H:%M:%S}"
    act = f"{entry.happened_at:%Y-%m-%d %H:%M:%S}  {entry.data.get('act', '')}"
    by = f"by {names.get(entry.by, entry.by)}{recorded}, entry {entry.id}"
    return f"{act}  {'; '.join([*said, by])}"


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
