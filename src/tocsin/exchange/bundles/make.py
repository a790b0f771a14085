"""An evidence bundle: a folder that proves to anyone who sent what to whom, and when that was received."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.exchange.dispatches import DISPATCH, RECEIPT, SIGNATURE, names_in
from tocsin.exchange.statements import (
    Dispatch,
    PinnedKey,
    Receipt,
    RefusalCode,
    RefusalError,
    Statement,
    read_statement,
    sign_bytes,
)
from tocsin.node.errors import ConflictError
from tocsin.node.files import checksum_list, disk_failures

if TYPE_CHECKING:
    from pysequoia import PySigner

SENDER: Final = "sender.asc"
RECIPIENT: Final = "recipient.asc"
SUCCESSOR: Final = "recipient-new.asc"
SUMS: Final = "SHA256SUMS"
SIGNED: Final = "SIGNED-SHA256SUMS"
WRITER: Final = "writer.asc"
README: Final = "README.txt"
AUTHORITIES: Final = "authorities.pem"
STAMP: Final = ".tsr"
STAMPED: Final = (DISPATCH + SIGNATURE, RECEIPT + SIGNATURE)
"""What an authority may stamp: the signatures, which bind all the rest."""

_README: Final = """\
Evidence bundle
What one computer emergency team sent to another, and the signed receipt for it

dispatch.json    what was sent: by whom, to whom, when, under which marking, and the SHA-256 of each file
receipt.json     when the recipient had it; "of" is the SHA-256 of dispatch.json
*.asc beside a file
                 its OpenPGP signature
sender.asc       the sender's public key:    {sender}
recipient.asc    the recipient's public key: {recipient}
{successor}other files      what the dispatch brought; the name of each is its SHA-256
text.txt         the text for people, if there is one: dispatch.json names its SHA-256
SIGNED-SHA256SUMS
                 the SHA-256 of all that stands above, signed by who wrote this bundle: {writer}
{own}SHA256SUMS       the SHA-256 of all files
{stamped}
To verify, in this folder, without a network:

    sha256sum --check --strict SHA256SUMS
    sha256sum --check --strict SIGNED-SHA256SUMS
    gpg --import sender.asc recipient.asc{imported}
    gpg --verify SIGNED-SHA256SUMS.asc SIGNED-SHA256SUMS
{signatures}
    sha256sum dispatch.json         # the same as "of" in receipt.json
    for one in $(ls | grep -xE 'text[.]txt|[0-9a-f]{{64}}([.]json)?'); do
        grep -q "$(sha256sum < "$one" | cut -c1-64)" dispatch.json || echo "$one: FAILED, the sender did not sign it"
    done
{stamps}
gpg must name the fingerprints above. Anyone can make a key: ask the sender and the recipient for their fingerprints
by another way, and compare. A key that has expired since is named so; what counts is that it was good when it signed.
The files may be malware. Do not open them on a machine that you need.
"""
_SUCCESSOR: Final = "recipient-new.asc\n                 the key that replaced it, and signed the receipt: {key}\n"
_WRITER: Final = "writer.asc       its public key\n"
_STAMP: Final = "    openssl ts -verify -data {name} -in {name}.tsr -CAfile authorities.pem\n"
_STAMPED_FILES: Final = """\
*.tsr            a time stamp (RFC 3161) of the signature before it
authorities.pem  certificates of the time stamp authority. Compare them with what it publishes. After they have expired:
                 openssl ts -verify … -attime SECONDS, with the time of the stamp
"""


@dataclass(frozen=True)
class TimeStamps:
    """Responses of an authority (RFC 3161), by the names of the files in `STAMPED` that they are of."""

    responses: Mapping[str, bytes] = field(default_factory=dict)
    authorities: bytes = b""


def bundle_files(
    members: Mapping[str, bytes],
    receipt: Statement,
    sender: bytes,
    recipient: bytes,
    stamps: TimeStamps | None = None,
    *,
    signer: "PySigner",
    writer: bytes,
    successor: bytes = b"",
) -> dict[str, bytes]:
    """The files of a bundle by their names. ``members``: those of the dispatch; the public keys in ASCII armor.

    ``signer``, ``writer``: who writes it, and the public key: mostly that of the sender or the recipient.
    ``successor``: the recipient's key that signed the receipt, where it is another than the dispatch names.

    Raises:
        RefusalError: the receipt is of another dispatch.

    """
    statement = read_statement(members[DISPATCH], members[DISPATCH + SIGNATURE])
    dispatch = statement.said(Dispatch)
    if receipt.said(Receipt).of != statement.hash:
        raise RefusalError(RefusalCode.HASH_MISMATCH, "The receipt is of another dispatch.")
    stamps = stamps or TimeStamps()
    files = {name: members[name] for name in sorted(names_in(dispatch))}
    files |= {RECEIPT: receipt.content, RECEIPT + SIGNATURE: receipt.signature, SENDER: sender, RECIPIENT: recipient}
    files |= {SUCCESSOR: successor} if successor else {}
    files |= {WRITER: writer} if writer not in {sender, recipient, successor} else {}
    files[SIGNED] = sums_of(files)
    files[SIGNED + SIGNATURE] = sign_bytes(files[SIGNED], signer)
    files |= {name + STAMP: stamps.responses[name] for name in STAMPED if name in stamps.responses}
    files |= {AUTHORITIES: stamps.authorities} if stamps.responses else {}
    files[README] = _readme(dispatch, receipt.body.by.key, PinnedKey(dispatch.by.node, writer), files).encode("utf-8")
    files[SUMS] = sums_of(files)
    return files


def write_bundle(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a bundle into a new or empty folder.

    Raises:
        ConflictError: there is something in it.
        StorageError: the disk is full or fails.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty.", hint="Name a new folder for each bundle.")
    with disk_failures("The bundle cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """The list of hashes as `sha256sum` writes it, in order of names."""
    digests = {name: sha256(content).hexdigest() for name, content in files.items() if name != SUMS}
    return checksum_list(digests).encode("utf-8")


def _readme(dispatch: Dispatch, receipted: str, writer: PinnedKey, files: Mapping[str, bytes]) -> str:
    signed = [name.removesuffix(SIGNATURE) for name in sorted(files) if name.endswith(".json" + SIGNATURE)]
    stamped = [name.removesuffix(STAMP) for name in sorted(files) if name.endswith(STAMP)]
    new, own = SUCCESSOR in files, WRITER in files
    return _README.format(
        successor=_SUCCESSOR.format(key=receipted.upper()) if new else "", own=_WRITER if own else "",
        imported=(f" {SUCCESSOR}" if new else "") + (f" {WRITER}" if own else ""), writer=writer.fingerprint.upper(),
        sender=dispatch.by.key.upper(), recipient=dispatch.to.key.upper(),
        signatures="\n".join(f"    gpg --verify {name}{SIGNATURE} {name}" for name in signed),
        stamped=_STAMPED_FILES if stamped else "", stamps="".join(_STAMP.format(name=name) for name in stamped),
    )  # fmt: skip
