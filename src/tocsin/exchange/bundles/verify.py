"""Whether an evidence bundle proves what it says, and to whom. It is read as it lies there; nothing is stored."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.exchange.bundles.make import (
    AUTHORITIES,
    README,
    RECIPIENT,
    SENDER,
    SIGNED,
    STAMP,
    STAMPED,
    SUCCESSOR,
    SUMS,
    WRITER,
    sums_of,
)
from tocsin.exchange.bundles.time_stamps import TimeStampError, can_check, check_time_stamp, read_certificates
from tocsin.exchange.dispatches import DISPATCH, RECEIPT, SIGNATURE, names_in, read_contents, read_named
from tocsin.exchange.statements import (
    Dispatch,
    NodeKey,
    PinnedKey,
    Receipt,
    ReceiptVerdict,
    RefusalError,
    Statement,
    check_signature,
    pinned,
    verify,
)
from tocsin.node.confined import confined
from tocsin.node.errors import InputError, NotFoundError, UsageError
from tocsin.node.files import disk_failures
from tocsin.sharing.gate import Marking

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

NOT_ESTABLISHED: Final = "consistent, signer not established"
_MOST_FILES: Final = 40_000
_MOST_BYTES: Final = 512_000_000
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class BundleFile:
    """A file, and whether it is as the list of hashes says."""

    name: str
    sha256: str
    ok: bool


@dataclass(frozen=True)
class StampedFile:
    """A time stamp that holds. ``established``: it ends at an authority that the caller named."""

    of: str
    at: datetime
    authority: str
    established: bool


@dataclass
class BundleVerdict:
    """What a bundle proves. ``valid`` None: nothing is wrong, and something that it rests on is not established.

    ``faults``: what is wrong; ``open``: what is not established; ``notes``: what else a reader must know of it.
    """

    signer: str | None = None
    to: NodeKey | None = None
    received_at: datetime | None = None
    marking: str | None = None
    files: tuple[BundleFile, ...] = ()
    faults: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recipient_established: bool = False
    time_stamps: list[StampedFile] = field(default_factory=list)

    @property
    def valid(self) -> bool | None:
        """Whether it proves what it says."""
        if self.faults:
            return False
        return None if self.open else True

    @property
    def reasons(self) -> list[str]:
        """What is wrong, or not established."""
        return [*self.faults, *self.open]


def read_fingerprint(text: str) -> str:
    """A fingerprint as people write it, in lower case without blanks.

    Raises:
        UsageError: it is none; a short key id is none, since others can make a key with the same.

    """
    plain = "".join(text.split()).lower().removeprefix("0x").replace(":", "")
    if not _FINGERPRINT.fullmatch(plain):
        raise UsageError(f"'{text}' is not a whole fingerprint.", hint="Give all 40 digits, as gpg --fingerprint does.")
    return plain


def verify_bundle(folder: Path, keys: Collection[str] = (), authorities: bytes = b"") -> BundleVerdict:
    """What a bundle proves to who knows these fingerprints, and trusts these authorities of time stamps.

    Raises:
        NotFoundError: there is no such folder.
        InputError: it has more files or bytes than any bundle.

    """
    return _judge(_read(folder), frozenset(map(read_fingerprint, keys)), authorities)


@confined(seconds=60, megabytes=1_500, loads=("pysequoia",))
def _judge(files: dict[str, bytes], known: frozenset[str], authorities: bytes) -> BundleVerdict:
    verdict = BundleVerdict()
    _check_sums(files, verdict)
    with _noting(verdict):
        _check_signatures(files, known, verdict)
    _check_stamps(files, authorities, verdict)
    return verdict


@contextmanager
def _noting(verdict: BundleVerdict) -> Iterator[None]:
    """A refusal in the block is a fault of the bundle."""
    try:
        yield
    except RefusalError as error:
        verdict.faults.append(str(error))


def _read(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is not a folder.", hint="Unpack the bundle, and name its folder.")
    with disk_failures(f"{folder} cannot be read"):
        paths = sorted(folder.iterdir())
        if any(path.is_symlink() or not path.is_file() for path in paths):
            raise InputError(f"{folder} holds something other than files.", hint="A bundle is files in one folder.")
        if len(paths) > _MOST_FILES or sum(path.stat().st_size for path in paths) > _MOST_BYTES:
            raise InputError(f"{folder} is larger than a bundle can be.", hint="Name the folder of one bundle.")
        return {path.name: path.read_bytes() for path in paths}


def _check_sums(files: Mapping[str, bytes], verdict: BundleVerdict) -> None:
    """Each file against the list, and the list, byte for byte, against what it must be."""
    listed = dict[str, str]()
    for line in files.get(SUMS, b"").decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    found = {name: sha256(content).hexdigest() for name, content in files.items() if name != SUMS}
    verdict.files = tuple(BundleFile(name, found[name], listed.get(name) == found[name]) for name in found)
    verdict.faults += [f"{one.name} is not as {SUMS} says." for one in verdict.files if not one.ok]
    verdict.faults += [f"{name} is missing." for name in sorted(set(listed) - set(found))]
    if not verdict.faults and files.get(SUMS) != sums_of(files):
        verdict.faults.append(f"{SUMS} is damaged." if SUMS in files else f"{SUMS} is missing.")


def _check_signatures(files: Mapping[str, bytes], known: frozenset[str], verdict: BundleVerdict) -> None:
    """The dispatch, all that it brought, and the receipt, by the keys in the bundle; then whose these are."""
    statement = read_named(files, DISPATCH)
    dispatch = statement.said(Dispatch)
    own = names_in(dispatch) | {RECEIPT, RECEIPT + SIGNATURE, SENDER, RECIPIENT, README, SUMS}
    own |= {SUCCESSOR, WRITER, SIGNED, SIGNED + SIGNATURE} & set(files)
    own |= {AUTHORITIES, *(name + STAMP for name in STAMPED)}
    verdict.faults += [f"{name} does not belong to the bundle." for name in sorted(set(files) - own)]
    verdict.to = dispatch.to
    verdict.marking = " ".join(Marking(dispatch.tlp, dispatch.pap).labels)
    sender = _key(files, SENDER, dispatch.by, verdict)
    recipient = _key(files, RECIPIENT, dispatch.to, verdict)
    keys = pinned(*(key for key in (sender, recipient) if key is not None))
    with _noting(verdict):
        verify(statement, keys)
    with _noting(verdict):
        members = {name: files[name] for name in names_in(dispatch) if name in files}
        for other in sorted(read_contents(dispatch, members, keys).unverified):
            verdict.open.append(f"{other.removeprefix('sha256:')}.json is signed by a key that is not in the bundle.")
    with _noting(verdict):
        receipt = read_named(files, RECEIPT)
        if SUCCESSOR in files and (successor := _key(files, SUCCESSOR, receipt.body.by, verdict)):
            keys |= pinned(successor)
            if successor.fingerprint not in known:
                verdict.open.append(
                    f"The receipt is signed by {successor.fingerprint.upper()}, which replaced the recipient's key: "
                    "give it with --key."
                )
        _check_receipt(receipt, statement, keys, sender, verdict)
    with _noting(verdict):
        _check_signed_sums(files, dispatch, list(keys.values()), verdict)
    _establish(dispatch, known, verdict)


def _check_signed_sums(
    files: Mapping[str, bytes], dispatch: Dispatch, keys: Sequence[PinnedKey], verdict: BundleVerdict
) -> None:
    """The list that who wrote the bundle signed: of all that is proof in it, by a key that is there."""
    if SIGNED not in files or SIGNED + SIGNATURE not in files:
        if {SIGNED, SIGNED + SIGNATURE, WRITER} & set(files):
            verdict.faults.append(f"{SIGNED} or its signature is missing.")
        else:
            verdict.notes.append(_EARLIER)
        return
    rest = {README, SUMS, SIGNED, SIGNED + SIGNATURE, AUTHORITIES, *(name + STAMP for name in STAMPED)}
    if files[SIGNED] != sums_of({name: content for name, content in files.items() if name not in rest}):
        verdict.faults.append(f"{SIGNED} is not of these files.")
    writer = [PinnedKey(dispatch.by.node, files[WRITER])] if WRITER in files else []
    for number, key in enumerate([*keys, *writer], 1):
        try:
            check_signature(files[SIGNED], files[SIGNED + SIGNATURE], key)
        except RefusalError:
            if number == len(keys) + len(writer):
                raise
        else:
            if key in writer:
                verdict.notes.append(
                    f"{key.fingerprint.upper()} wrote the bundle: neither the sender nor the recipient."
                )
            return


_EARLIER: Final = (
    f"An earlier version wrote it, without {SIGNED}: sha256sum and gpg alone do not notice a changed text.txt. Here it "
    "was compared with what the sender signed."
)


def _key(files: Mapping[str, bytes], name: str, party: NodeKey, verdict: BundleVerdict) -> PinnedKey | None:
    key = PinnedKey(party.node, files.get(name, b""))
    try:
        if key.fingerprint == party.key:
            return key
        verdict.faults.append(f"{name} is not the key that the dispatch names.")
    except (RuntimeError, ValueError):
        verdict.faults.append(f"{name} holds no OpenPGP key.")
    return None


def _check_receipt(
    receipt: Statement,
    dispatch: Statement,
    keys: Mapping[str, PinnedKey],
    sender: PinnedKey | None,
    verdict: BundleVerdict,
) -> None:
    said, sent = receipt.said(Receipt), dispatch.said(Dispatch)
    verify(receipt, keys)
    ours = (dispatch.hash, sent.number, sent.to.node)
    if (said.of, said.number, said.by.node) != ours or said.by == sent.by:
        verdict.faults.append("The receipt is not of this dispatch, or not by its recipient.")
        return
    verdict.received_at = said.taken
    if said.verdict is not ReceiptVerdict.TAKEN:
        verdict.faults.append(f"The recipient did not take it ({said.code or said.verdict}).")
    if sender is not None and sender.ended is not None and said.taken > sender.ended:
        verdict.faults.append("It was received after the sender's key had expired: its date could have been set back.")


def _establish(dispatch: Dispatch, known: frozenset[str], verdict: BundleVerdict) -> None:
    """Whether the keys, which the bundle itself brings, are those that the caller knows."""
    verdict.recipient_established = dispatch.to.key in known
    if dispatch.by.key in known:
        verdict.signer = dispatch.by.key
    elif known - {dispatch.to.key}:
        verdict.faults.append(f"It is signed by {dispatch.by.key.upper()}, which is not the key that you gave.")
    else:
        verdict.open.append(NOT_ESTABLISHED)


def _check_stamps(files: Mapping[str, bytes], authorities: bytes, verdict: BundleVerdict) -> None:
    stamped = [name for name in STAMPED if name + STAMP in files]
    if stamped and not can_check():
        verdict.open.append("The time stamps were not checked: pip install 'tocsin[timestamps]'.")
        return
    for name in stamped:
        try:
            verdict.time_stamps.append(_stamp(name, files, read_certificates(authorities) if authorities else []))
        except TimeStampError as error:
            verdict.faults.append(f"{name}{STAMP}: {error}")


def _stamp(name: str, files: Mapping[str, bytes], trusted: "Sequence[Certificate]") -> StampedFile:
    """By the authorities that the caller trusts, else by those that the bundle brings, which proves less."""
    certificates = trusted or read_certificates(files.get(AUTHORITIES, b""))
    found = check_time_stamp(files[name + STAMP], files.get(name, b""), certificates)
    return StampedFile(name, found.at, found.authority, established=bool(trusted))
