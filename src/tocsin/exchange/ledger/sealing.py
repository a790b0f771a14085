"""A dispatch is signed, packed and encrypted, and its number is used once: it is written down in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import note_ground
from tocsin.exchange.dispatches import OutgoingLink, OutgoingState, add_sealed, members_of, pack, seal_packed
from tocsin.exchange.ledger.links import OpenPartner, had_from, keep_link, outgoing_link, partner_party
from tocsin.exchange.ledger.models import OutgoingRow
from tocsin.exchange.ledger.number_checks import check_numbers
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.statements import (
    CaseEntry,
    Dispatch,
    DispatchType,
    NodeKey,
    Part,
    Request,
    RequestAnswer,
    Statement,
    WithheldPart,
    hash_of,
    sign_statement,
    utc,
)
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, cut
from tocsin.node.sentences import say
from tocsin.sharing.gate import Marking

if TYPE_CHECKING:
    from pysequoia import Cert

MOST_STATEMENTS: Final = 500
"""No node refuses a dispatch with so many: `ExchangeSettings.statements` is at least as many."""


@dataclass(frozen=True)
class DispatchDraft:
    """What is going to be sent. ``title``, ``incident``, ``reasons`` are for people here.

    They do not leave; but the title does, inside an encrypted mail, unless it is ``untitled``.
    ``reasons``: of what is withheld, rows of class, rule, code and how many things. ``under``: the agreement by which
    it goes.
    """

    type: DispatchType
    title: str
    marking: Marking
    statements: Sequence[Statement] = ()
    parts: Sequence[tuple[Part, bytes]] = ()
    withheld: Sequence[WithheldPart] = ()
    text: str = ""
    incident: str = ""
    reasons: list[Any] = field(default_factory=list)
    under: UUID | None = None
    request: Request | None = None
    answer: RequestAnswer | None = None
    untitled: bool = False


@dataclass(frozen=True)
class PreparedDispatch:
    """A dispatch that is signed, packed and encrypted for a place in its link; it counts once its row is written."""

    link: OutgoingLink
    to: NodeKey
    statement: Statement
    archive: str
    file: str


def sealed_before(session: Session, once: str | None) -> OutgoingRow | None:
    """What the same request sealed when it came before."""
    return session.scalar(select(OutgoingRow).where(OutgoingRow.once == once)) if once else None


def prepare_dispatch(opened: OpenPartner, draft: DispatchDraft) -> PreparedDispatch | None:
    """What `seal_dispatch` does of most work, without a lock: in a transaction that only reads. None: of several.

    Raises:
        ConflictError: it has no node or no valid key, or takes no file of this size.
        StorageError: the disk is full.

    """
    if len(draft.statements) > MOST_STATEMENTS:
        return None
    to, cert = partner_party(opened.session, opened.partner, opened.context.now)
    return _prepared(opened, draft, (to, cert), outgoing_link(opened.session, opened.partner, opened.us.name, to))


def _prepared(
    opened: OpenPartner, draft: DispatchDraft, party: "tuple[NodeKey, Cert]", link: OutgoingLink
) -> PreparedDispatch:
    session, context, us, partner = opened.session, opened.context, opened.us, opened.partner
    to, cert = party
    body = Dispatch(
        id=uuid4(), by=us.name, at=utc(context.now), to=to, number=link.number + 1, before=link.head,
        had=had_from(session, partner), type=draft.type, tlp=draft.marking.tlp, pap=draft.marking.pap,
        statements=tuple(one.hash for one in draft.statements), parts=tuple(part for part, _ in draft.parts),
        withheld=tuple(draft.withheld), text=hash_of(draft.text.encode()) if draft.text else None,
        request=draft.request, answer=draft.answer,
    )  # fmt: skip
    statement = sign_statement(body, us.key.signer)
    members = members_of(statement, draft.statements, (content for _, content in draft.parts), draft.text)
    packed = pack(members)
    file = seal_packed(packed, cert)
    if partner.largest is not None and len(file) > partner.largest:
        raise ConflictError(say("%(name)s takes no file of %(n)s bytes.", name=partner.name, n=f"{len(file):,}"))
    files = context.node.exchange
    return PreparedDispatch(link, to, statement, files.put(packed), files.put(file))


def seal_dispatch(
    opened: OpenPartner, draft: DispatchDraft, once: str | None = None, prepared: PreparedDispatch | None = None
) -> OutgoingRow:
    """The next dispatch to a partner, in the caller's transaction.

    What no node takes in one goes in several: first the older entries of a case, as its partner reads them in order.

    ``prepared``: used where the link has not moved since; else it is made anew under the lock.

    Raises:
        ConflictError, StorageError: as of `prepare_dispatch`; then nothing of it counts. Or this node was restored, and
            nobody has said since what the partner has.

    """
    session, context, partner = opened.session, opened.context, opened.partner
    check_numbers(session, partner)
    if earlier := _earlier_entries(draft):
        part = replace(draft, type=DispatchType.SHARE, statements=earlier, parts=(), withheld=(), text="", reasons=[])
        seal_dispatch(opened, replace(part, request=None, answer=None)).state = _held_state(context)
        sent = {one.hash for one in earlier}
        rest = replace(draft, statements=[one for one in draft.statements if one.hash not in sent])
        return seal_dispatch(opened, rest, once)
    to, cert = partner_party(session, partner, context.now)
    link = outgoing_link(session, partner, opened.us.name, to)
    if prepared is None or (prepared.link, prepared.to) != (link, to):
        prepared = _prepared(opened, draft, (to, cert), link)
    after = add_sealed(link, prepared.statement)
    row = OutgoingRow(
        partner_id=partner.id, number=after.number, hash=prepared.statement.hash, type=draft.type.value,
        title=draft.title, incident=draft.incident, tlp=draft.marking.tlp.value, state=OutgoingState.SEALED.value,
        withheld=draft.reasons, archive=prepared.archive, file=prepared.file, sealed_at=context.now,
        sealed_by=context.actor, once=once,
    )  # fmt: skip
    session.add(row)
    session.flush()
    keep_link(session, partner, Direction.OUT, after.number, after.head)
    if draft.under is not None:
        note_ground(session, Direction.OUT, row.id, draft.under)
    opened.note(AuditAction.DISPATCH_SEALED, number=row.number, type=row.type, sha256=row.hash)
    cut("exchange.sealing")
    return row


def _earlier_entries(draft: DispatchDraft) -> list[Statement]:
    """The oldest entries of cases that go before the rest of a draft; none where all of it is taken in one.

    Raises:
        ConflictError: it has more than is taken in one, and is not made of entries.

    """
    if len(draft.statements) <= MOST_STATEMENTS:
        return []
    entries = [one for one in draft.statements if isinstance(one.body, CaseEntry)]
    if len(draft.statements) - len(entries) >= MOST_STATEMENTS:
        raise ConflictError(
            say("More than %(n)s things would go at once.", n=f"{MOST_STATEMENTS:,}"),
            hint=say("Send them in several messages."),
        )
    return entries[:MOST_STATEMENTS]


def _held_state(context: ActContext) -> OutgoingState:
    return OutgoingState.HELD if context.not_before is not None else OutgoingState.SEALED
