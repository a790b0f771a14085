"""Statements: bytes with a detached OpenPGP signature over them as they are, read strictly and signed once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from pydantic import ValidationError

from tocsin.exchange.statements.json_reading import read_object
from tocsin.exchange.statements.kinds import KINDS, StatementBody
from tocsin.exchange.statements.refusals import RefusalCode, RefusalError, refusing
from tocsin.node.confined import confined

if TYPE_CHECKING:
    from pysequoia import Cert, PySigner, Sig

_Body = TypeVar("_Body", bound=StatementBody)
_LARGEST_SIGNATURE: Final = 16_384


@dataclass(frozen=True)
class Statement:
    """What a node said, and its signature in ASCII armor. Whether that holds, `verify` says."""

    content: bytes
    signature: bytes
    body: StatementBody

    @cached_property
    def hash(self) -> str:
        """How others name it: ``sha256:…`` of its bytes."""
        return hash_of(self.content)

    def said(self, kind: type[_Body]) -> _Body:
        """Its body, of this kind.

        Raises:
            RefusalError: it is of another.

        """
        if not isinstance(self.body, kind):
            wanted = kind.model_fields["kind"].default
            raise RefusalError(RefusalCode.BAD_STATEMENT, f"It is of the kind '{self.body.kind}', not '{wanted}'.")
        return self.body


@dataclass(frozen=True)
class PinnedKey:
    """A key of a partner that a person confirmed. ``content``: the public key, as bytes or in ASCII armor.

    ``until``: what it signs later does not count, where another key replaced it. ``compromised``: nothing that comes
    now counts; what was received before keeps the date of its receipt.
    """

    node: UUID
    content: bytes
    until: datetime | None = None
    compromised: bool = False

    def __getstate__(self) -> dict[str, object]:
        """What goes to another process: a certificate that was read stays here."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def cert(self) -> "Cert":
        """The certificate, read once."""
        from pysequoia import Cert

        return Cert.from_bytes(self.content)

    @cached_property
    def fingerprint(self) -> str:
        """Of its primary key, lower case."""
        return self.cert.fingerprint.lower()

    @cached_property
    def ended(self) -> datetime | None:
        """When it stops signing: it expires, or is replaced.

        Raises:
            RefusalError: nothing that it signs counts, or its own signatures do not support it.

        """
        name = self.fingerprint.upper()
        try:
            revoked, expires = self.cert.is_revoked, self.cert.expiration
        except (RuntimeError, ValueError) as error:
            raise RefusalError(RefusalCode.UNKNOWN_KEY, f"The key {name} is damaged.") from error
        if revoked or self.compromised:
            raise RefusalError(RefusalCode.KEY_ENDED, f"The key {name} was revoked.")
        return min((at for at in (self.until, expires) if at is not None), default=None)


Keys = Mapping[str, PinnedKey]
"""Pinned keys by fingerprint."""


def pinned(*keys: PinnedKey) -> dict[str, PinnedKey]:
    """The keys by their fingerprints."""
    return {key.fingerprint: key for key in keys}


def hash_of(content: bytes) -> str:
    """``sha256:`` and the digest."""
    return f"sha256:{sha256(content).hexdigest()}"


def sign_statement(body: StatementBody, signer: "PySigner") -> Statement:
    """The statement with its signature; its bytes are never made again."""
    content = body.model_dump_json(by_alias=True, exclude_defaults=True, exclude_none=True).encode("utf-8")
    head = f'{{"kind":"{body.kind}",'.encode()  # the kind is a default, and comes first
    content = head + content[1:]
    return Statement(content, sign_bytes(content, signer), body)


def sign_bytes(content: bytes, signer: "PySigner") -> bytes:
    """A signature over these bytes, in ASCII armor."""
    from pysequoia import SignatureMode, sign

    return sign(signer, content, mode=SignatureMode.DETACHED)


def read_statement(content: bytes, signature: bytes) -> Statement:
    """The statement in these bytes, as it is: nothing is said of its signature yet.

    Raises:
        RefusalError: it is no statement of a known kind.

    """
    kind = KINDS.get(str(read_object(content).get("kind")))
    if kind is None:
        raise RefusalError(RefusalCode.UNKNOWN_KIND, "It is of no kind that this version knows.")
    try:
        body = kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        raise RefusalError(RefusalCode.BAD_STATEMENT, f"Its field '{place}': {first['msg']}.") from error
    return Statement(content, signature, body)


def read_foreign_statement(content: bytes, signature: bytes) -> Statement:
    """As `read_statement`, of bytes that came from elsewhere."""
    with refusing(RefusalCode.BAD_STATEMENT):
        return _read_confined(content, signature)


@confined(seconds=5, loads=("pysequoia",))
def _read_confined(content: bytes, signature: bytes) -> Statement:
    return read_statement(content, signature)


def verify(statement: Statement, keys: Keys) -> None:
    """Nothing, where the key that the statement names signed its bytes, and its node is the one that this key is of.

    Raises:
        RefusalError: the key is not pinned, is another node's, had ended when it signed, or did not sign these bytes.

    """
    by = statement.body.by
    key = keys.get(by.key)
    if key is None:
        raise RefusalError(
            RefusalCode.UNKNOWN_KEY, f"No key {by.key.upper()} is pinned.", hint="Compare its fingerprint by telephone."
        )
    if key.node != by.node:
        raise RefusalError(RefusalCode.WRONG_SIGNER, f"The key {by.key.upper()} is not that of node {by.node}.")
    check_signature(statement.content, statement.signature, key)


def check_signature(content: bytes, signature: bytes, key: PinnedKey) -> datetime:
    """When this key signed these bytes, by its own clock.

    Raises:
        RefusalError: it did not, or had ended by then.

    """
    with refusing(RefusalCode.BAD_SIGNATURE):
        return _check_confined(content, signature, key)


@confined(seconds=5, loads=("pysequoia",))
def _check_confined(content: bytes, signature: bytes, key: PinnedKey) -> datetime:
    from pysequoia import verify as sequoia_verify

    made = _read_signature(signature)
    at = made.created
    if at is None:
        raise RefusalError(RefusalCode.BAD_SIGNATURE, "The signature does not say when it was made.")
    if key.ended is not None and at > key.ended:
        raise RefusalError(
            RefusalCode.KEY_ENDED, f"The key {key.fingerprint.upper()} ended on {key.ended:%Y-%m-%d %H:%M} UTC."
        )
    try:
        found = sequoia_verify(bytes=content, store=lambda _: [key.cert], signature=made)
    except (RuntimeError, ValueError, TypeError):
        found = None
    if found is None or key.fingerprint not in {one.certificate.lower() for one in found.valid_sigs}:
        raise RefusalError(RefusalCode.BAD_SIGNATURE, f"The key {key.fingerprint.upper()} did not sign these bytes.")
    return at


def _read_signature(signature: bytes) -> "Sig":
    from pysequoia import Sig

    if len(signature) > _LARGEST_SIGNATURE:
        raise RefusalError(RefusalCode.BAD_SIGNATURE, "The signature is longer than any.")
    try:
        signature.decode()  # it is kept as a text: one without armor is none of ours
        return Sig.from_bytes(signature)
    except (RuntimeError, ValueError) as error:
        raise RefusalError(RefusalCode.BAD_SIGNATURE, "The signature cannot be read.") from error
