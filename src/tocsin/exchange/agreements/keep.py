"""Editions of agreements as they are written down, each with the signatures that hold; and as files."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements.models import AgreementSignature, StoredAgreement
from tocsin.exchange.agreements.read import signatures_of
from tocsin.exchange.dispatches import SIGNATURE, TEXT, DispatchContents, Limits, digits, pack, unpack_file
from tocsin.exchange.partners import pinned_keys
from tocsin.exchange.statements import (
    Keys,
    PinnedKey,
    RefusalCode,
    RefusalError,
    SharingAgreement,
    Statement,
    check_signature,
    hash_of,
    read_foreign_statement,
    refusing,
)
from tocsin.interface import ActContext
from tocsin.node.confined import confined
from tocsin.node.sentences import say

ARMOR: Final = b"-----BEGIN PGP SIGNATURE-----"
_MOST_PARTIES: Final = 1_000
_LIMITS: Final = Limits(file=4_000_000, unpacked=8_000_000, members=1_000)


def check_agreements(contents: DispatchContents) -> None:
    """Nothing, where there is one edition at most, with no more signatures than it has parties: each costs time.

    Raises:
        RefusalError: there is more.

    """
    bodies = [one.body for one in contents.statements if isinstance(one.body, SharingAgreement)]
    if not bodies:
        return
    parties = len(bodies[0].parties)
    if len(bodies) > 1 or parties > _MOST_PARTIES or len(_signatures_in(contents)) > parties:
        raise RefusalError(RefusalCode.BAD_STATEMENT, "A dispatch brings one agreement, a signature of each party.")


def note_agreement(
    session: Session, context: ActContext, partner: int, statement: Statement, contents: DispatchContents
) -> None:
    """An edition that a partner brought, with all signatures of its parties that hold. It binds nobody here."""
    row = keep_edition(session, context, statement.content, partner)
    add_signatures(session, context, row, [statement.signature, *_signatures_in(contents)], pinned_keys(session))


def _signatures_in(contents: DispatchContents) -> list[bytes]:
    """The parts that are signatures."""
    return [one for one in contents.parts.values() if one.startswith(ARMOR)]


def keep_edition(
    session: Session, context: ActContext, content: bytes, partner: int | None = None, once: str | None = None
) -> StoredAgreement:
    """The row of these bytes, which are an agreement; made where they are new."""
    if (known := session.scalar(select(StoredAgreement).where(StoredAgreement.hash == hash_of(content)))) is not None:
        return known
    body = SharingAgreement.model_validate_json(content)
    row = StoredAgreement(
        agreement=body.agreement, edition=body.edition, hash=hash_of(content), content=content.decode(),
        title=body.title, type=body.type.value, partner_id=partner, came_at=context.now, came_by=context.actor,
        adopted_at=None, adopted_by="", refused_at=None, refused_by="", reason="", ended_at=None, ended_by="",
        once=once,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def add_signatures(
    session: Session, context: ActContext, row: StoredAgreement, signatures: Iterable[bytes], keys: Keys
) -> list[UUID]:
    """The parties, and the author, whose signatures are new and hold by a key that is known; others are left."""
    body, known = (
        SharingAgreement.model_validate_json(row.content),
        {one.node for one in signatures_of(session, row.id)},
    )
    asked = tuple(one for one in keys.values() if one.node in {*body.parties, body.by.node} - known)
    with refusing(RefusalCode.BAD_SIGNATURE):
        found = _signed_by(row.content.encode(), list(signatures), asked)
    for signature, node, key in found:
        made = AgreementSignature(
            agreement_id=row.id, node=node, key=key, signature=signature.decode("ascii", "replace"), at=context.now
        )
        session.add(made)
        session.flush()
    return [node for _, node, _ in found]


@confined(seconds=20, loads=("pysequoia",))
def _signed_by(content: bytes, signatures: list[bytes], keys: tuple[PinnedKey, ...]) -> list[tuple[bytes, UUID, str]]:
    """The signatures that hold, each with the node and the fingerprint of its key; one of each node."""
    found = dict[UUID, tuple[bytes, UUID, str]]()
    for signature in signatures:
        for key in keys:
            if key.node not in found:
                with suppress(RefusalError):
                    check_signature(content, signature, key)
                    found[key.node] = signature, key.node, key.fingerprint
                    break
    return [*found.values()]


def agreement_file(session: Session, row: StoredAgreement) -> bytes:
    """An edition with its signatures as a ZIP archive: the agreement, its author's signature beside it, the others."""
    body = SharingAgreement.model_validate_json(row.content)
    name = f"{digits(row.hash)}.json"
    members = {name: row.content.encode()}
    for one in signatures_of(session, row.id):
        content = one.signature.encode()
        members[name + SIGNATURE if one.node == body.by.node else digits(hash_of(content))] = content
    return pack(members | {TEXT: text_of(body).encode()})


def read_agreement_file(content: bytes) -> tuple[bytes | None, list[bytes]]:
    """The agreement in a file, or None where it is a signature alone; and all signatures in it. None is verified.

    Raises:
        RefusalError: it is neither.

    """
    if content.lstrip().startswith(ARMOR):
        return None, [content]
    members = unpack_file(content, _LIMITS)
    name = next((one for one in members if one.endswith(".json")), "")
    if hash_of(members.get(name, b"")) != f"sha256:{name.removesuffix('.json')}":
        raise RefusalError(RefusalCode.BAD_ARCHIVE, say("The file holds no agreement."))
    read_foreign_statement(members[name], members.get(name + SIGNATURE, b"")).said(SharingAgreement)
    return members[name], [one for one in members.values() if one.startswith(ARMOR)]


def text_of(body: SharingAgreement) -> str:
    """An agreement for people who have no Tocsin, in English, with how it is signed."""
    lines = [
        f"{body.title} ({body.type}), edition {body.edition}", "", body.text or "It has no text beside its rules.", "",
        "Rules:", body.rules or "none", "",
        "To sign it: gpg --armor --detach-sign HASH.json, and send the file HASH.json.asc back.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
