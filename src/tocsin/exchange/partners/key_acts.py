"""Keys of partners: claimed by a file, confirmed by a person, ended by a person."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import canonical
from tocsin.directory.keys import KeyFacts, KeyFormat, KeyState, judge, key_facts, read_key_file
from tocsin.exchange.partners.models import Partner, PartnerKey
from tocsin.exchange.partners.read import find_partner, pinned_keys
from tocsin.exchange.partners.states import (
    KEY_CONFIRMATIONS,
    KEY_ENDS,
    KeyConfirmation,
    KeyEnd,
    PartnerKeyState,
    key_state,
)
from tocsin.exchange.statements import (
    PinnedKey,
    Profile,
    RefusalCode,
    RefusalError,
    Statement,
    pinned,
    read_foreign_statement,
    verify,
)
from tocsin.incidents.act_parts import LINE
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording, number_in
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.node.sentences import say

NO_ROUTE: Final = Absence("A person decides who a partner is; a program has no word in it.")
BESIDE: Final = "It is a part of the page of what it changes, beside what a person decides by."
"""Why a form of exchange is no page of its own."""
MOST_KEYS: Final = 10  # of one profile, or of one file

Once = Annotated[
    str,
    Field(max_length=100, title="Key of this request", description="A word by which the same request is taken once."),
]
"""What the same request is known by when it comes twice; pages make one for each form."""

PartnerName = Annotated[
    str,
    Field(min_length=1, max_length=200, title=N_("Partner"), description="Number or name of the partner."),
    Wording(lacking=N_("Choose a partner.")),
]


class PartnerNamed(BaseModel):
    """Which partner."""

    partner: PartnerName


class KeyNamed(PartnerNamed):
    """Which key of which partner."""

    key: str = Field(
        min_length=1, max_length=100, title=N_("Key"), description="Its fingerprint in full, or its number."
    )


class SignedProfile(BaseModel):
    """A profile as its node signed it."""

    statement: Annotated[
        str, Wording(hint=N_("The ZIP file that the partner sent, with its profile and signature."), file=2_000_001)
    ] = Field(min_length=1, max_length=2_000_000, title=N_("Invitation"), description="The profile.")
    signature: Annotated[str, Wording(hidden=True)] = Field(
        min_length=1, max_length=20_000, title=N_("Signature"), description="The signature over it, in ASCII armor."
    )


class NewKey(PartnerNamed):
    """A public key that a partner sent."""

    content: Annotated[
        str,
        Wording(
            lacking=N_("Paste the public key."),
            hint=N_("OpenPGP in ASCII armor; without a node also an S/MIME certificate in PEM."),
            lines=True,
        ),
    ] = Field(
        min_length=1,
        max_length=1_000_000,
        title=N_("Public key"),
        description="An OpenPGP key in ASCII armor, or an S/MIME certificate (PEM).",
    )


class ConfirmedKey(KeyNamed):
    """How somebody made sure that a key is the partner's."""

    way: Annotated[KeyConfirmation, Wording(choices=KEY_CONFIRMATIONS)] = Field(
        title=N_("Method"), description="How it was confirmed."
    )
    said_by: Annotated[
        str,
        Wording(
            lacking=N_("Write who read the fingerprint to you."),
            hint=N_("The person of the partner, with name and role."),
        ),
    ] = Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Who read the fingerprint to you"),
        description="Who of the partner read the fingerprint.",
    )  # fmt: skip
    evidence: Annotated[
        str, Wording(hint=N_("Which number was called and where it is from; or whose signature the key has."))
    ] = Field(
        "", max_length=300, pattern=LINE, title=N_("Evidence"),
        description="The number that was called and where it is from; or whose signature it has.",
    )  # fmt: skip


class EndedKey(KeyNamed):
    """Why a key counts no more."""

    why: Annotated[KeyEnd, Wording(choices=KEY_ENDS)] = Field(
        title=N_("What happened"), description="Why it counts no more."
    )
    reason: Annotated[str, Wording(lacking=N_("Say who said so, and when."), hint=N_("Who said so, and when."))] = (
        Field(min_length=1, max_length=500, pattern=LINE, title=N_("Evidence"), description="Who said so, and when.")
    )


class PartnerResult(BaseModel):
    """A partner after an act."""

    number: int
    name: str


class PartnerKeyResult(PartnerResult):
    """A key after an act."""

    fingerprint: str
    state: PartnerKeyState


def add_profile(context: ActContext, request: SignedProfile) -> PartnerResult:
    """All that it says is a claim, its keys too. A known partner's details change only where a pinned key signed it.

    Raises:
        RefusalError: it is no profile, or its own key did not sign it.
        ConflictError: it is ours, a newer one was read, another partner has its name, or none of its keys serves.

    """
    statement, claimed = _read(context, request)
    profile = statement.said(Profile)
    with context.undoable() as session:
        partner = session.scalar(select(Partner).where(Partner.node == profile.by.node).with_for_update())
        trusted = _is_trusted(statement, pinned_keys(session))
        if new := partner is None:
            partner = new_partner(context)
        elif partner.profile_at is not None and profile.at < partner.profile_at:
            raise ConflictError(say("A newer profile of this partner was read already."))
        if new or trusted:
            check_name(session, profile.name, partner.id)
            _take(context, partner, profile)
        if trusted:
            proof = min(profile.at, context.now)
            partner.statement_at = max(proof, partner.statement_at or proof)
        session.add(partner)
        session.flush()
        word = AuditAction.PARTNER_ADDED if new else AuditAction.PARTNER_CHANGED
        note(session, context, word, partner, profile=statement.hash, verified=trusted)
        refused: list[ConflictError] = []
        for facts, armored in claimed.values():
            try:
                check_new_key(session, context, partner, facts)
            except ConflictError as error:
                refused.append(error)
            else:
                claim_key(session, context, partner, facts, armored, source="profile")
        if len(refused) == len(claimed):  # with one that serves, others may sign
            raise refused[0]
        return result_of(partner)


def add_key(context: ActContext, request: NewKey) -> PartnerKeyResult:
    """It is claimed until it is confirmed. A newer form of a known key, which only that key can make, renews it.

    Raises:
        InputError: it is no key that is used here, or a private one.
        ConflictError: it is a certificate, and the partner has a node; or nothing can be encrypted for it.

    """
    facts, armored = read_key(request.content, KeyFormat.SMIME)
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        if partner.node is not None and facts.format is not KeyFormat.OPENPGP:
            raise ConflictError(say("A partner with a node needs an OpenPGP key."))
        check_new_key(session, context, partner, facts)
        return _key_result(partner, claim_key(session, context, partner, facts, armored, source="file"), context.now)


def confirm_key(context: ActContext, request: ConfirmedKey) -> PartnerKeyResult:
    """Compare the whole fingerprint with a person of the partner: never by the way on which the key came.

    Raises:
        ConflictError: it is confirmed or ended, is no good, or is another partner's.

    """
    if request.way is not KeyConfirmation.IN_PERSON and not request.evidence:
        raise UsageError(say("Write which number was called and where it is from, or whose signature the key has."))
    with context.undoable() as session:
        partner, key = find_key(session, request)
        done = confirm(session, context, partner, key, request.way)
        key.evidence, key.said_by = kept(context, request.evidence), kept(context, request.said_by)
        return done


def confirm(
    session: Session, context: ActContext, partner: Partner, key: PartnerKey, way: KeyConfirmation
) -> PartnerKeyResult:
    """Let a key count, as a person made sure of it.

    Raises:
        ConflictError: it is confirmed or ended, is no good, or is another partner's.

    """
    if (state := key_state(key, context.now)) is not PartnerKeyState.CLAIMED:
        confirmed = state is PartnerKeyState.PINNED
        raise ConflictError(say("This key is confirmed already.") if confirmed else say("This key has ended."))
    check_key(read_key(key.content, key.form)[0], context.now)
    same = select(PartnerKey.id).where(PartnerKey.fingerprint == key.fingerprint, PartnerKey.id != key.id)
    if session.scalar(same.where(PartnerKey.confirmed_at.is_not(None)).limit(1)) is not None:
        raise ConflictError(say("This key was confirmed for another partner."))
    key.way, key.confirmed_at, key.confirmed_by = way.value, context.now, context.actor
    note(session, context, AuditAction.PARTNER_KEY_CONFIRMED, partner, key=key.fingerprint, way=key.way)
    return _key_result(partner, key, context.now)


def check_key(facts: KeyFacts, now: datetime) -> None:
    """Refuse a key for which nothing can be encrypted, now or ever; one whose time is still to come is none.

    Raises:
        ConflictError: so it is; with what to ask its owner for.

    """
    verdict = judge(facts, now)
    if verdict.state not in {KeyState.GOOD, KeyState.NOT_YET}:
        ask = _ASK.get(verdict.state) or say("Ask for a new key; 'gpg --full-generate-key' makes one.")
        raise ConflictError(say("This key cannot be used: %(why)s", why=verdict.why), hint=ask)


_ASK: Final = {
    KeyState.NO_ENCRYPTION: say(
        "Ask its owner for a part that encrypts ('gpg --quick-add-key FINGERPRINT cv25519 encr'), and to send it again."
    ),
    KeyState.EXPIRED: say(
        "Ask its owner to prolong it ('gpg --edit-key FINGERPRINT': expire, key 1, expire, save) and to send it again."
    ),
    KeyState.REVOKED: say("Ask its owner for the key that replaces it."),
}


def check_new_key(session: Session, context: ActContext, partner: Partner, facts: KeyFacts) -> None:
    """The same of a key that the partner does not have yet. What is known may come in a worse form: that ends it.

    Raises:
        ConflictError: as of `check_key`.

    """
    known = PartnerKey.partner_id == partner.id, PartnerKey.fingerprint == facts.fingerprint
    revoked = facts.flaw is not None and facts.flaw.state is KeyState.REVOKED
    if not revoked and session.scalar(select(PartnerKey.id).where(*known)) is None:
        check_key(facts, context.now)


def end_key(context: ActContext, request: EndedKey) -> PartnerKeyResult:
    """Nothing that it signs from now on counts; of a compromised one, nothing that comes from now on.

    Of a key that its partner stopped, a person says so what that was.

    Raises:
        ConflictError: it has ended.

    """
    with context.undoable() as session:
        partner, key = find_key(session, request)
        if key.ended_at is not None and not key.is_stopped:
            raise ConflictError(say("This key has ended."))
        end(session, context, partner, key, why=request.why, reason=kept(context, request.reason))
        return _key_result(partner, key, context.now)


def kept(context: ActContext, text: str) -> str:
    """A text without what must never be held."""
    return IntakeFilter(context.node, "partners").kept_text(text) if text else ""


def new_partner(context: ActContext, once: str | None = None) -> Partner:
    """One of which nothing is said yet."""
    return Partner(
        node=None, name="", team_id=None, mailbox="", inbox="", formats="", largest=None, countries="", closed="",
        languages="", hours="", made_at=context.now, made_by=context.actor, profile_at=None, statement_at=None,
        once=once,
    )  # fmt: skip


def check_name(session: Session, name: str, number: int | None = None) -> None:
    """Raises ConflictError where another partner has the name: whoever claims it could pose as that one."""
    rows = session.execute(select(Partner.id, Partner.name)).all()
    if any(of != number and _folded(other) == _folded(name) for of, other in rows):
        raise ConflictError(
            say("Another partner has this name."),
            hint=say("If it is the same one, write the UUID of its node there first."),
        )


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()


def note(session: Session, context: ActContext, word: AuditAction, partner: Partner, **detail: object) -> None:
    """The audit entry of an act on a partner."""
    subject = f"partner:{partner.id}"
    audit(session, word, at=context.now, actor=context.actor, subject=subject, detail=detail or None)


def result_of(partner: Partner) -> PartnerResult:
    """The partner after an act."""
    return PartnerResult(number=partner.id, name=partner.name)


def _key_result(partner: Partner, key: PartnerKey, now: datetime) -> PartnerKeyResult:
    return PartnerKeyResult(
        number=partner.id, name=partner.name, fingerprint=key.fingerprint.upper(), state=key_state(key, now)
    )


def find_key(session: Session, request: KeyNamed) -> tuple[Partner, PartnerKey]:
    """The key that a request names, and whose it is; both are going to be changed. Raises NotFoundError."""
    partner = find_partner(session, request.partner, lock=True)
    number, fingerprint = number_in(request.key), "".join(request.key.split()).lower()
    which = PartnerKey.fingerprint == fingerprint if number is None else PartnerKey.id == number
    key = session.scalar(select(PartnerKey).where(which, PartnerKey.partner_id == partner.id).with_for_update())
    if key is None:
        raise NotFoundError(say("This partner has no such key."), hint=say("Give the fingerprint in full."))
    return partner, key


def _read(context: ActContext, request: SignedProfile) -> tuple[Statement, dict[str, tuple[KeyFacts, str]]]:
    """A profile that one of its own keys signed, and its keys by fingerprint."""
    statement = read_foreign_statement(request.statement.strip().encode(), request.signature.encode())
    profile = statement.said(Profile)
    if profile.by.node == node_uuid(context.database):
        raise ConflictError(say("This is the profile of this node."))
    if profile.expires is not None and profile.expires <= context.now:
        raise RefusalError(RefusalCode.EXPIRED, "The profile has expired.")
    if len(profile.keys) > MOST_KEYS:
        raise RefusalError(RefusalCode.BAD_STATEMENT, "It has more keys than a node uses.")
    claimed = {
        facts.fingerprint: (facts, armored) for facts, armored in (read_key(one.armored) for one in profile.keys)
    }
    verify(statement, pinned(*(PinnedKey(profile.by.node, armored.encode()) for _, armored in claimed.values())))
    return statement, claimed


def read_key(content: str, *others: KeyFormat) -> tuple[KeyFacts, str]:
    """What an OpenPGP key says, or one of another format where that may be; and the key in ASCII armor or PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from pysequoia import Cert

    found = [one for one in read_key_file(content.encode()).keys if one[0] in {KeyFormat.OPENPGP, *others}]
    if len(found) != 1:
        raise InputError(say("Give one OpenPGP public key."), hint="'gpg --armor --export ADDRESS' prints one.")
    ((form, key),) = found
    if form is KeyFormat.OPENPGP:
        return key_facts(form, key), str(Cert.from_bytes(key))
    return key_facts(form, key), x509.load_der_x509_certificate(key).public_bytes(Encoding.PEM).decode()


def _is_trusted(statement: Statement, keys: Mapping[str, PinnedKey]) -> bool:
    try:
        verify(statement, keys)
    except RefusalError:
        return False
    return True


def _take(context: ActContext, partner: Partner, profile: Profile) -> None:
    """Let a partner be as its profile says; an address that is none is left out."""
    said = {one.kind: one.value for one in reversed(profile.addresses)}
    try:
        partner.mailbox = canonical.mailbox(said["mail"])
    except (KeyError, ValueError):
        partner.mailbox = ""
    inbox = said.get("https", "")
    partner.inbox = inbox if inbox.startswith("https://") and not set(inbox) & set(" \t\r\n") else ""
    partner.node, partner.profile_at, partner.largest = profile.by.node, profile.at, profile.largest
    partner.countries = ", ".join(sorted({one.country for one in profile.jurisdictions}))
    texts = {
        "name": profile.name, "hours": profile.hours, "languages": ", ".join(profile.languages),
        "formats": "\n".join(profile.formats),
        "closed": "\n".join(f"{one.class_}, {one.send}: {one.cites}" for one in profile.closed),
    }  # fmt: skip
    for name, text in texts.items():
        setattr(partner, name, kept(context, text))
    if not partner.name.strip():
        raise RefusalError(RefusalCode.BAD_STATEMENT, "It has no name.")


def claim_key(
    session: Session, context: ActContext, partner: Partner, facts: KeyFacts, armored: str, *, source: str
) -> PartnerKey:
    """The key of a partner, claimed; a known one with what is new of it."""
    from pysequoia import Cert

    known = select(PartnerKey).where(PartnerKey.partner_id == partner.id, PartnerKey.fingerprint == facts.fingerprint)
    if (key := session.scalar(known)) is None:
        key = PartnerKey(
            partner_id=partner.id, fingerprint=facts.fingerprint, content=armored, expires_at=facts.until,
            source=source, claimed_at=context.now, claimed_by=context.actor, way="", evidence="", said_by="",
            confirmed_at=None, confirmed_by="", ended="", end_reason="", ended_at=None, ended_by="",
        )  # fmt: skip
        session.add(key)
        session.flush()
    elif facts.format is not KeyFormat.OPENPGP:
        return key
    else:
        merged = Cert.from_bytes(key.content.encode()).merge(Cert.from_bytes(armored.encode()))
        facts, content = read_key(str(merged))
        if content == key.content:
            return key
        key.content, key.expires_at = content, facts.until
    note(session, context, AuditAction.PARTNER_KEY_ADDED, partner, key=key.fingerprint)
    if facts.flaw is not None and facts.flaw.state is KeyState.REVOKED and key.ended_at is None:
        end(session, context, partner, key, why=KeyEnd.COMPROMISED, reason=say("Its owner revoked it."))
    return key


def end(session: Session, context: ActContext, partner: Partner, key: PartnerKey, *, why: KeyEnd, reason: str) -> None:
    """Let a key count no more."""
    key.ended, key.end_reason, key.ended_by = why.value, reason, context.actor
    key.ended_at = key.ended_at or context.now
    note(session, context, AuditAction.PARTNER_KEY_ENDED, partner, key=key.fingerprint, why=why.value)


key_act = partial(
    Act, noun="partner", permission=Permission.PARTNERS_WRITE, route=NO_ROUTE,
    told="{name}: {fingerprint}, {state}.",
)  # fmt: skip
_KEY: Final = "/partners/{partner}/keys/{key}"

ACTS: Final = (
    key_act(
        "add-profile", "Add a partner from its profile", add_profile,
        audit=(
            AuditAction.PARTNER_ADDED, AuditAction.PARTNER_CHANGED, AuditAction.PARTNER_KEY_ADDED,
            AuditAction.PARTNER_KEY_ENDED,
        ),
        command=OwnSurface("partners add-profile"), page="/partners/profile", makes=True,
        told="{number}: {name}.", undo=lambda _: say("Profile read"), title=N_("Partner from a file"),
        button=N_("Read the file"),
    ),
    key_act(
        "add-key", "Add a key of a partner", add_key,
        audit=(AuditAction.PARTNER_KEY_ADDED, AuditAction.PARTNER_KEY_ENDED),
        command=OwnSurface("partners add-key"), page="/partners/{partner}/keys", makes=True,
        arguments=("partner",), undo=lambda _: say("Key added"), title=N_("Add key"),
    ),
    key_act(
        "confirm-key", "Confirm a key of a partner", confirm_key, audit=(AuditAction.PARTNER_KEY_CONFIRMED,),
        command="partners confirm-key", page=f"{_KEY}/confirm", arguments=("partner", "key"),
        undo=lambda _: say("Key confirmed"), title=N_("Confirm key"),
    ),
    key_act(
        "end-key", "End a key of a partner", end_key, audit=(AuditAction.PARTNER_KEY_ENDED,),
        command="partners end-key", page=f"{_KEY}/end", arguments=("partner", "key"),
        undo=lambda _: say("Key ended"), title=N_("End key"),
    ),
)  # fmt: skip
"""What can be done with keys of partners."""
