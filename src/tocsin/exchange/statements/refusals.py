"""Why something of a partner is not taken: a code that the partner sees, and a reason for the people here."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from tocsin.node.confined import ConfinedError
from tocsin.node.errors import InputError


class RefusalCode(StrEnum):
    """A closed list, and part of the protocol: a code never changes its meaning."""

    UNDECRYPTABLE = "undecryptable"  # whatever failed on the way to the clear text: one answer, so that it is no oracle
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    BAD_ARCHIVE = "bad-archive"
    BAD_NAME = "bad-name"  # of a member of an archive
    BAD_JSON = "bad-json"
    DUPLICATE_KEY = "duplicate-key"  # RFC 7493, 2.3
    UNKNOWN_KIND = "unknown-kind"
    BAD_STATEMENT = "bad-statement"  # a field is missing or has a value that it cannot have
    UNKNOWN_KEY = "unknown-key"  # signed by a key that no person has pinned
    KEY_ENDED = "key-ended"  # expired, revoked, or replaced when it signed
    BAD_SIGNATURE = "bad-signature"
    WRONG_SIGNER = "wrong-signer"  # a node speaks with the key of another, or of what is not its own
    WRONG_RECIPIENT = "wrong-recipient"
    EXPIRED = "expired"
    GAP = "gap"
    NUMBER_REUSED = "number-reused"
    BAD_CHAIN = "bad-chain"  # it does not follow what it says that it follows
    MISSING_PART = "missing-part"
    EXTRA_PART = "extra-part"
    HASH_MISMATCH = "hash-mismatch"
    MARKING = "marking"  # the whole is marked less strictly than a part of it
    NOT_OWNER = "not-owner"
    OFFER_OPEN = "offer-open"
    NOT_OFFERED = "not-offered"
    RECALLED = "recalled"
    NOT_TAKEN = "not-taken"  # a person or a local rule said no


class RefusalError(InputError):
    """Something of a partner that is not taken. ``code`` is for the partner, the message for the people here."""

    def __init__(self, code: RefusalCode, reason: str, *, hint: str = "") -> None:
        super().__init__(reason, hint=hint)
        self.code = code


@contextmanager
def refusing(code: RefusalCode) -> Iterator[None]:
    """What is ended within the block because it took too long or too much is refused with this code, as all else is.

    Raises:
        RefusalError: so it was.

    """
    try:
        yield
    except ConfinedError as error:
        raise RefusalError(code, str(error), hint=error.hint) from error
