"""What can be done with agreements: what a person here adopts binds the node, and never a file of a partner."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.exchange.agreements import (
    AgreementState,
    StoredAgreement,
    add_signatures,
    find_agreement,
    keep_edition,
    read_agreement_file,
)
from tocsin.exchange.ledger.leaving_agreements import (
    AgreementNamed,
    AgreementResult,
    leave,
    note,
    put_in_force,
    recall_from_former,
    remove_party,
    result_of,
    tell,
)
from tocsin.exchange.ledger.links import own_party
from tocsin.exchange.partners import NO_ROUTE, Once, find_partner, pinned_keys
from tocsin.exchange.statements import (
    AGREEMENT_TYPES,
    AgreementType,
    RefusalCode,
    RefusalError,
    SharingAgreement,
    sign_bytes,
    sign_statement,
    utc,
)
from tocsin.incidents.act_parts import LINE, kept
from tocsin.interface import N_, Act, ActContext, Moment, NoUndo, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.sharing.rules import read_document


def _lines(value: Any) -> Any:
    """Each line of a text, or of several."""
    texts = (value,) if isinstance(value, str) else value
    return tuple(filter(None, (line.strip() for text in texts for line in text.splitlines())))


_Names = Annotated[tuple[str, ...], BeforeValidator(_lines), Wording(lines=True)]
_Number = Annotated[int | None, BeforeValidator(lambda value: value or None), Wording(hidden=True)]


class NewAgreement(BaseModel):
    """An agreement, or a further edition of one."""

    title: Annotated[str, Wording(lacking=N_("Write a title."))] = Field(
        min_length=1, max_length=300, pattern=LINE, title=N_("Title"), description="What it is called."
    )
    type: Annotated[AgreementType, Wording(choices=AGREEMENT_TYPES)] = Field(
        title=N_("Type"), description="What it is: treaty, law, mou, code or norm."
    )
    parties: Annotated[
        _Names,
        Wording(hint=N_("Partners by name, or UUIDs of nodes, one on each line. This node is always a party.")),
    ] = Field(
        (), max_length=500, title=N_("Parties"), description="Partners by number or name, or UUIDs of nodes; not us."
    )
    others: Annotated[_Names, Wording(hint=N_("One on each line."))] = Field(
        (), max_length=500, title=N_("Parties without a node"),
        description="Parties that have no node, as people call them.",
    )  # fmt: skip
    text: Annotated[
        str,
        Wording(lines=True, hint=N_("As people sign it. A text that was negotiated under Drafting can be pasted.")),
    ] = Field("", max_length=100_000, title=N_("Text"), description="As people sign it.")
    rules: Annotated[
        str,
        Wording(
            lines=True,
            hint=N_(
                "What it withholds, written as on the page “Rules”. Empty: nothing beside the rules of each party. "
                "They can only withhold more."
            ),
        ),
    ] = Field("", max_length=100_000, title=N_("Rules"), description="The same as a document of 'tocsin rules'.")
    until: Annotated[Moment | None, BeforeValidator(lambda value: value or None)] = Field(
        None, title=N_("Ends (UTC)"), description="When it ends (UTC)."
    )
    follows: _Number = Field(
        None, title=N_("Agreement"), description="The number of the edition that this one comes after."
    )
    once: Once = ""


class AgreementFile(BaseModel):
    """A file of an agreement, or a signature alone."""

    model_config = ConfigDict(ser_json_bytes="base64")

    content: Annotated[bytes, Wording(lacking=N_("Choose a file."), file=4_000_001)] = Field(
        min_length=1, title=N_("File"), description="Its bytes."
    )


class RefusedAgreement(AgreementNamed):
    """An edition, and why it is not adopted here."""

    reason: Annotated[str, Wording(lacking=N_("Say why."))] = Field(
        min_length=1, max_length=500, pattern=LINE, title=N_("Reason"), description="Why, for the people here."
    )


def draft(context: ActContext, request: NewAgreement) -> AgreementResult:
    """Written and signed by this node as its author. It binds nobody before it is adopted.

    Raises:
        RulesFaultError: its rules cannot be read.
        ConflictError: a partner that is named has no node, or this node is no party of the edition before.

    """
    once, us = context.key_of(request), own_party(context.node, context.now)
    if request.rules:
        read_document(request.rules)
    with context.undoable() as session:
        if once and (known := session.scalar(select(StoredAgreement).where(StoredAgreement.once == once))) is not None:
            return result_of(session, context, known)
        agreement, edition = _place(session, us.name.node, request.follows)
        nodes = dict.fromkeys([us.name.node, *(_node(session, one) for one in request.parties)])
        body = SharingAgreement(
            id=uuid4(), by=us.name, at=utc(context.now), expires=utc(request.until) if request.until else None,
            agreement=agreement, edition=edition, type=request.type, title=kept(context, request.title),
            parties=tuple(nodes), others=tuple(kept(context, one) for one in request.others),
            text=kept(context, request.text), rules=kept(context, request.rules),
        )  # fmt: skip
        statement = sign_statement(body, us.key.signer)
        row = keep_edition(session, context, statement.content, once=once)
        _own_signature(session, context, row, statement.signature)
        note(session, context, AuditAction.AGREEMENT_ADDED, row)
        return result_of(session, context, row)


def import_(context: ActContext, request: AgreementFile) -> AgreementResult:
    """An agreement of a partner, or more signatures over one that is here. Those that no known key made are left.

    Raises:
        RefusalError: it is no such file, or a signature over nothing that is here.

    """
    content, signatures = read_agreement_file(request.content)
    text = content.decode("utf-8", "replace") if content else ""
    if text and IntakeFilter(context.node, "exchange").kept_text(text) != text:
        raise RefusalError(RefusalCode.NOT_TAKEN, say("A part of it must not be kept here."))
    with context.undoable() as session:
        keys = pinned_keys(session)
        rows = (
            session.scalars(select(StoredAgreement).order_by(StoredAgreement.id.desc())).all()
            if content is None
            else [keep_edition(session, context, content)]
        )
        for row in rows:
            new = add_signatures(session, context, row, signatures, keys)
            if new or content is not None:
                note(session, context, AuditAction.AGREEMENT_ADDED, row, signed=[str(one) for one in new])
                return result_of(session, context, row)
    hint = say("A key that was confirmed here signs exactly the bytes of the agreement.")
    raise RefusalError(RefusalCode.BAD_SIGNATURE, say("It is a new signature over no agreement here."), hint=hint)


def sign(context: ActContext, request: AgreementNamed) -> AgreementResult:
    """This node signs the same bytes as the other parties. It is bound only once it adopts them, too.

    Raises:
        ConflictError: this node is no party, or has decided on it.

    """
    us = own_party(context.node, context.now)
    with context.undoable() as session:
        row = find_agreement(session, request.agreement, lock=True)
        _check_state(session, context, row, AgreementState.TO_SIGN)
        _own_signature(session, context, row, sign_bytes(row.content.encode(), us.key.signer))
        note(session, context, AuditAction.AGREEMENT_SIGNED, row)
        return result_of(session, context, row)


def send(context: ActContext, request: AgreementNamed) -> AgreementResult:
    """A dispatch with the agreement and all signatures to each of its parties that has not got these yet."""
    done = tell(context, request.agreement)
    with context.database.reading() as session:
        return result_of(session, context, find_agreement(session, request.agreement), *done)


def adopt(context: ActContext, request: AgreementNamed) -> AgreementResult:
    """It binds this node from now on, in the place of the edition before. Who is left out in it gets a recall.

    Raises:
        ConflictError: this node has not signed it, or has decided on it.
        RulesFaultError: its rules cannot be read.

    """
    own_party(context.node, context.now)
    with context.database.begin() as session:
        row = find_agreement(session, request.agreement, lock=True)
        if row.adopted_at is None or row.ended_at is not None:
            _check_state(session, context, row, AgreementState.TO_ADOPT)
            rules = SharingAgreement.model_validate_json(row.content).rules
            if rules:
                read_document(rules)
            put_in_force(session, context, row)
        agreement = row.agreement
    done = recall_from_former(context, agreement)
    with context.database.reading() as session:
        return result_of(session, context, find_agreement(session, request.agreement), *done)


def refuse(context: ActContext, request: RefusedAgreement) -> AgreementResult:
    """This node is not bound by it. Whom it leaves out of an edition in force counts as a party again.

    Raises:
        ConflictError: somebody here has decided on it.

    """
    reason = kept(context, request.reason)
    with context.undoable() as session:
        row = find_agreement(session, request.agreement, lock=True)
        _check_state(session, context, row, AgreementState.TO_SIGN, AgreementState.TO_ADOPT)
        row.refused_at, row.refused_by, row.reason = context.now, context.actor, reason
        note(session, context, AuditAction.AGREEMENT_REFUSED, row)
        return result_of(session, context, row)


def _own_signature(session: Session, context: ActContext, row: StoredAgreement, signature: bytes) -> None:
    us = own_party(context.node, context.now)
    add_signatures(session, context, row, [signature], us.keys)


def _check_state(session: Session, context: ActContext, row: StoredAgreement, *wanted: AgreementState) -> None:
    if (state := result_of(session, context, row).state) in wanted:
        return
    if state is AgreementState.TO_SIGN:
        raise ConflictError(say("This node has not signed it yet."), hint=say("Sign it first."))
    raise ConflictError(say("This agreement is not open for that."))


def _place(session: Session, us: UUID, follows: int | None) -> tuple[UUID, int]:
    """Which agreement, and which edition of it, is written."""
    if follows is None:
        return uuid4(), 1
    before = find_agreement(session, follows)
    if us not in SharingAgreement.model_validate_json(before.content).parties:
        raise ConflictError(say("Only a party writes a further edition."))
    newest = session.scalar(
        select(func.max(StoredAgreement.edition)).where(StoredAgreement.agreement == before.agreement)
    )
    return before.agreement, (newest or before.edition) + 1


def _node(session: Session, named: str) -> UUID:
    """The node of a party: a partner's, or a UUID as it is."""
    try:
        return UUID(named)
    except ValueError:
        partner = find_partner(session, named)
    if partner.node is None:
        raise UsageError(
            say("%(name)s has no node of its own.", name=partner.name), hint=say("Name it among those without a node.")
        )
    return partner.node


_act = partial(
    Act, noun="agreement", permission=Permission.PARTNERS_WRITE, arguments=("agreement",),
    route=NO_ROUTE, told="{agreement}: {title}, edition {edition}: {state}.",
)  # fmt: skip
_SENT: Final = NoUndo("Partners have signed dispatches of it.")

ACTS: Final = (
    _act(
        "draft", "Draft an agreement", draft, audit=(AuditAction.AGREEMENT_ADDED,), arguments=("title",),
        command=OwnSurface("exchange agreements draft"), page="/agreements/new", makes=True,
        undo=lambda _: say("Agreement added"), title=N_("Draft an agreement"), button=N_("Save and sign"),
        notice=N_("This node signs it as its author. It binds nobody before it is adopted."),
    ),
    _act(
        "import", "Import an agreement or a signature", import_, audit=(AuditAction.AGREEMENT_ADDED,),
        command=OwnSurface("exchange agreements import"), page="/agreements/import", arguments=(),
        makes=True, undo=lambda _: say("Agreement added"),
        title=N_("File of a partner"), button=N_("Read the file"),
        notice=N_("An agreement, or a signature over one that is here. It binds nobody before it is adopted."),
    ),
    _act(
        "sign", "Sign an agreement", sign, audit=(AuditAction.AGREEMENT_SIGNED,),
        command="exchange agreements sign", page="/agreements/{agreement}/sign",
        undo=lambda _: say("Agreement signed"),
        title=N_("Sign this edition"),
        notice=N_(
            "Read it first. A signature says that this node agrees; it binds this node once it is adopted here."
        ),
    ),
    _act(
        "send", "Send an agreement to its parties", send, audit=(AuditAction.DISPATCH_SEALED,),
        command=OwnSurface("exchange agreements send"),
        page="/agreements/{agreement}/send",
        undo=_SENT,
        title=N_("Send to the parties"),
    ),
    _act(
        "adopt", "Adopt an agreement", adopt,
        audit=(AuditAction.AGREEMENT_ADOPTED, AuditAction.RECALL_MADE, AuditAction.DISPATCH_SEALED),
        command=OwnSurface("exchange agreements adopt"),
        page="/agreements/{agreement}/adopt",
        undo=_SENT,
        title=N_("Adopt this edition"),
    ),
    _act(
        "refuse", "Refuse an agreement", refuse, audit=(AuditAction.AGREEMENT_REFUSED,),
        command="exchange agreements refuse", page="/agreements/{agreement}/refuse",
        undo=lambda _: say("Agreement refused"),
        title=N_("Refuse this edition"),
    ),
    _act(
        "remove", "Remove a party from an agreement", remove_party, noun="party",
        audit=(AuditAction.AGREEMENT_ADOPTED, AuditAction.RECALL_MADE, AuditAction.DISPATCH_SEALED),
        command=OwnSurface("exchange agreements remove-party"),
        page="/agreements/{agreement}/remove-party",
        arguments=("agreement", "party"), undo=_SENT,
        title=N_("Remove a party"), button=N_("Remove this party"),
        notice=N_(
            "The party gets nothing more under this agreement, and a recall of what it was sent. All parties get the "
            "new edition. It cannot be undone."
        ),
    ),
    _act(
        "leave", "Leave an agreement", leave,
        audit=(AuditAction.AGREEMENT_LEFT, AuditAction.DISPATCH_SEALED),
        command=OwnSurface("exchange agreements leave"),
        page="/agreements/{agreement}/leave",
        undo=_SENT,
        title=N_("Leave"), button=N_("Leave this agreement"),
    ),
)  # fmt: skip
"""What can be done with agreements."""
