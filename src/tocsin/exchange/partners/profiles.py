"""Profiles of nodes: our own, signed; the file that invites a partner; and what a partner sent, read within limits."""

import zipfile
import zlib
from datetime import datetime
from io import BytesIO
from typing import Final
from uuid import uuid4

from tocsin.delivery.sealing import OpenPgpKey, can_sign, read_own_keys
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.statements import (
    Address,
    ClosedData,
    Jurisdiction,
    JurisdictionRole,
    NodeKey,
    Profile,
    ProfileKey,
    Statement,
    sign_statement,
    utc,
)
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.node import Node
from tocsin.node.records import node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import DataClass, TransferLevel
from tocsin.sharing.rules import rules_in_force

PROFILE: Final = "profile.json"
SIGNATURE: Final = "profile.json.asc"
_FORMATS: Final = ("application/stix+json;version=2.1", "text/plain")
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, RuntimeError, ValueError)
_LARGEST: Final = 2_000_000  # bytes of a file, and of what is in it
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say; the profile says the true one

_README: Final = """\
An invitation from {name} to exchange information on incidents.

What is here
  key.asc             our public OpenPGP key
  profile.json        who we are and how we are reached
  profile.json.asc    our signature over profile.json

Anybody could have made these files. Before you use the key:

1.  Import it and print its fingerprint:
        gpg --import key.asc
        gpg --fingerprint {short}
    It must be
        {spelled}

2.  Call us at a number that you have from elsewhere (FIRST, Trusted Introducer, your own
    records; never from this file), and let us read the fingerprint to you.

3.  Check what we say of ourselves:
        gpg --verify profile.json.asc profile.json

Then send us your own public key (gpg --armor --export YOUR-ADDRESS) in a signed mail to
{contact}, and let us call you for its fingerprint. Whoever runs Tocsin sends the file that
'tocsin exchange invite' writes, and reads this one with 'tocsin partners add-profile'.

Twice a year we send you a signed mail and ask for a signed answer.
"""


def own_profile(node: Node, now: datetime) -> Statement:
    """Who this node is, signed with its OpenPGP key.

    Raises:
        NotFoundError: it has none.
        ConflictError: the key cannot sign now.

    """
    return _sign_profile(node, own_key(node, now), now)


def invitation(node: Node, now: datetime) -> bytes:
    """A ZIP archive for a partner: our profile, our key, and what to do with a program that has only ``gpg``.

    Raises:
        NotFoundError, ConflictError: as of `own_profile`.

    """
    key = own_key(node, now)
    statement = _sign_profile(node, key, now)
    readme = _README.format(
        name=node.settings.node.name, spelled=key.facts.spelled, short=key.facts.fingerprint.upper()[-16:],
        contact=node.settings.node.contact,
    )  # fmt: skip
    members = (
        ("README.txt", readme.encode()),
        ("key.asc", key.public.encode()),
        (PROFILE, statement.content),
        (SIGNATURE, statement.signature),
    )
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def read_profile_file(content: bytes) -> tuple[bytes, bytes]:
    """The profile in an invitation, and the signature over it; nothing is said of either yet.

    Raises:
        InputError: it is no invitation, or larger than one is.

    """
    if len(content) > _LARGEST:
        raise InputError(say("The file is too large to be an invitation."))
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _member(archive, PROFILE), _member(archive, SIGNATURE)
    except _DAMAGED as error:
        hint = say("Choose the ZIP file that the partner sent; it has profile.json and its signature.")
        raise InputError(say("This is no invitation."), hint=hint) from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(name)
    with archive.open(name) as stream:
        found = stream.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError(name)
    return found


def own_key(node: Node, now: datetime) -> OpenPgpKey:
    """The key that this node signs with.

    Raises:
        NotFoundError: it has none.
        ConflictError: the key cannot sign now.

    """
    own = read_own_keys(node.home, node.settings.mail)
    if own.openpgp is None:
        raise NotFoundError(say("This node has no OpenPGP key."), hint="'tocsin keys node-make' makes one.")
    if not (verdict := can_sign(own, KeyFormat.OPENPGP, now)).good:
        raise ConflictError(say("This node's OpenPGP key cannot sign: %(why)s", why=verdict.why))
    return own.openpgp


def _addresses(node: Node) -> tuple[Address, ...]:
    """Where this node takes dispatches, the best first."""
    settings = node.settings
    url = settings.server.url if settings.server.url.startswith("https://") and settings.exchange.inbox else ""
    mailbox = settings.mailbox.address or settings.node.contact
    inbox = (Address(kind="https", value=f"{url}/exchange/inbox"),) if url else ()
    return (*inbox, Address(kind="mail", value=mailbox))


def _closed(node: Node) -> tuple[ClosedData, ...]:
    """What our rules keep back of how networks are reached, each with the text that it cites."""
    with node.database.reading() as session:
        rules = rules_in_force(session).transfers
    return tuple(
        ClosedData.model_validate(
            {"class": data.value, "rule": rule.id, "send": rule.level.value, "cites": rule.cites[:500]}
        )
        for rule in rules
        for data in sorted(rule.classes & {DataClass.REACHABILITY})
        if rule.level is not TransferLevel.CONTENT
    )


def _sign_profile(node: Node, key: OpenPgpKey, now: datetime) -> Statement:
    settings = node.settings.node
    fingerprint, uuid = key.facts.fingerprint, node_uuid(node.database)
    country = settings.country
    body = Profile(
        id=uuid4(), by=NodeKey(node=uuid, key=fingerprint), at=utc(now), name=settings.name,
        keys=(ProfileKey(fingerprint=fingerprint, armored=key.public),),
        addresses=_addresses(node), largest=node.settings.exchange.inbox_bytes, formats=_FORMATS,
        jurisdictions=(Jurisdiction(country=country, role=JurisdictionRole.OPERATOR),) if country else (),
        languages=(settings.language,), closed=_closed(node),
    )  # fmt: skip
    return sign_statement(body, key.signer)
