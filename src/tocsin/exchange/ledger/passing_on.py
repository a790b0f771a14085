"""Items of partners that go on to other partners, as their source signed them; and what became of them, in sum."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import Limits, digits, unpack
from tocsin.exchange.ledger.answer_models import RecallSum
from tocsin.exchange.ledger.consents import source_of_item
from tocsin.exchange.ledger.items import OfferNamed, find_item, signed_item
from tocsin.exchange.ledger.links import OpenPartner, own_party
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, PassedItem, RecallItemRow, RecallRow
from tocsin.exchange.ledger.recalls import made_kind
from tocsin.exchange.ledger.recipients import policy_for, recipient_for
from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch, sealed_before
from tocsin.exchange.ledger.sending import DispatchResult, passing_of, result_of
from tocsin.exchange.ledger.states import OfferState
from tocsin.exchange.partners import Once, Partner, PartnerName, find_partner
from tocsin.exchange.recalls import ReportSum
from tocsin.exchange.statements import (
    DispatchType,
    ItemResult,
    KeptPart,
    Part,
    RecallReport,
    RecallState,
    SharedItem,
    Statement,
    sign_statement,
    utc,
)
from tocsin.incidents import find_incident, is_restricted, known_references
from tocsin.incidents.act_parts import reader_of
from tocsin.interface import ActContext, Wording
from tocsin.node.errors import ConflictError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import (
    DataClass,
    ItemSource,
    Marking,
    ReleaseItem,
    Tlp,
    TransferLevel,
    TransferVerdict,
    decide_transfer,
    read_marking,
)


class PassedOnItem(OfferNamed):
    """An item of a partner, and to which other partner it goes on."""

    partner: Annotated[PartnerName, Wording(choices="partners")] = Field(
        description="Number or name of the other partner."
    )
    once: Once = ""


class SumResult(BaseModel):
    """A report that was sealed for the source of a recall, over all to whom its items went on from here."""

    recall: int
    name: str
    passed_on: int
    done: int
    kept: int
    silent: int


def pass_item_on(context: ActContext, request: PassedOnItem) -> DispatchResult:
    """The bytes that its source signed, with all of its parts; nobody on the way can change them.

    Raises:
        ConflictError: it is recalled, declined or not verified, its marking or a rule keeps it here, or it is of this
            partner.

    """
    once, us = context.key_of(request), own_party(context.node, context.now)
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        if (known := sealed_before(session, once)) is not None:
            return result_of(known, partner)
        row = find_item(session, request.item, lock=True)
        if row.state not in {OfferState.OFFERED, OfferState.ADOPTED} or not row.verified:
            raise ConflictError(say("Only a verified item that is not declined or recalled is passed on."))
        if partner.node == row.node or partner.id == row.partner_id:
            raise ConflictError(say("%(name)s has it already.", name=partner.name))
        _check_release(session, context, row, partner)
        statement, parts = _as_signed(context.node, session, row)
        title = row.title if row.tlp != Tlp.RED else ""
        draft = DispatchDraft(DispatchType.SHARE, title, read_marking(row.tlp, row.pap or None), [statement], parts)
        sealed = seal_dispatch(OpenPartner(session, context, us, partner), draft, once)
        session.add(passing_of(sealed, statement.said(SharedItem)))
        return result_of(sealed, partner)


def report_sum(context: ActContext, request: OfferNamed) -> SumResult:
    """After what was answered here, the answers of all to whom it went on, in sum: names stay here.

    Raises:
        ConflictError: it is not recalled, that is not answered here yet, or it did not go on from here.

    """
    us = own_party(context.node, context.now)
    with context.database.begin() as session:
        row = find_item(session, request.item)
        recall = newest_recall(session, row)
        if recall is None or recall.answered_at is None or recall.partner_id is None:
            raise ConflictError(say("No recall of it is answered here yet."))
        figures = recall_sum(session, recall)
        if not figures.passed_on:
            raise ConflictError(say("It did not go on from here."))
        partner = find_partner(session, str(recall.partner_id), lock=True)
        opened = OpenPartner(session, context, us, partner)
        seal_report(opened, recall, figures)
        opened.note(AuditAction.RECALL_ANSWERED, sha256=recall.hash, **vars(figures))
        return SumResult(recall=recall.id, name=partner.name, **vars(figures))


def newest_recall(session: Session, item: OfferedItem) -> RecallRow | None:
    """The newest recall of an item that a partner brought."""
    asked = RecallItemRow
    of = asked.node == item.node, asked.item == item.item, asked.version >= item.version
    query = select(RecallRow).join(asked, asked.recall_id == RecallRow.id).where(*of, RecallRow.partner_id.is_not(None))
    return session.scalar(query.order_by(RecallRow.id.desc()).limit(1))


def recall_sum(session: Session, recall: RecallRow) -> ReportSum:
    """What all said to whom the items of a recall went on from here, with what was said to them."""
    asked = RecallItemRow
    same = asked.node == PassedItem.node, asked.item == PassedItem.item, asked.version >= PassedItem.version
    rows = session.execute(
        select(PassedItem.partner_id, PassedItem.answer).join(asked, same[0] & same[1] & same[2])
        .where(asked.recall_id == recall.id)
    )  # fmt: skip
    answers = defaultdict[int, set[str]](set)
    for partner, answer in rows:
        answers[partner].add(answer)
    below = session.scalars(select(RecallSum).where(RecallSum.recall_id == recall.id)).all()
    silent = sum("" in said for said in answers.values())
    kept = sum(RecallState.KEPT.value in said for said in answers.values() if "" not in said)
    return ReportSum(
        len(answers) + sum(one.passed_on for one in below),
        len(answers) - silent - kept + sum(one.done for one in below),
        kept + sum(one.kept for one in below),
        silent + sum(one.silent for one in below),
    )


def seal_report(opened: OpenPartner, recall: RecallRow, figures: ReportSum) -> None:
    """The report on a recall, to whom it came from."""
    rows = opened.session.scalars(select(RecallItemRow).where(RecallItemRow.recall_id == recall.id)).all()
    results = tuple(
        ItemResult(
            node=one.node, id=one.item, version=one.version, state=RecallState(one.state), code=one.code or None,
            parts=kept_parts(one.kept),
        )
        for one in rows
    )  # fmt: skip
    kept = [f"- {part.count:,} {part.what}: {part.code}" for result in results for part in result.parts]
    text = "\n".join(["Kept in part; all else of what you recalled is gone here.", "", *kept, ""]) if kept else ""
    now, us = opened.context.now, opened.us
    body = RecallReport(id=uuid4(), by=us.name, at=utc(now), on=recall.hash, results=results, **vars(figures))
    marking = Marking(Tlp.CLEAR)  # it names things by UUIDs alone
    draft = DispatchDraft(DispatchType.REPORT, "", marking, [sign_statement(body, us.key.signer)], text=text)
    seal_dispatch(opened, draft)


def kept_parts(kept: Mapping[str, str]) -> tuple[KeptPart, ...]:
    """What stays of an item, as its source learns it: what sort of thing, why, and how many; no name of ours."""
    counted = Counter((made_kind(name).value, code) for name, code in kept.items())
    return tuple(KeptPart(what=what, code=code, count=count) for (what, code), count in sorted(counted.items()))


def _check_release(session: Session, context: ActContext, row: OfferedItem, partner: Partner) -> None:
    """Nothing, where the gate lets all of an item go on to a partner: a part alone would not be what was signed."""
    source = source_of_item(session, node_uuid(context.database), context.now, row)
    verdict = release_of_item(session, context, row, partner, source)
    if verdict.level is TransferLevel.CONTENT:
        return
    hint = verdict.words
    if verdict.ask:
        hint = say(
            "Ask %(name)s: 'tocsin exchange ask-source %(item)s \"%(to)s\"'.", name=source.name, item=row.id,
            to=partner.name,
        )  # fmt: skip
    raise ConflictError(say("It may not go to %(name)s.", name=partner.name), hint=hint)


def release_of_item(
    session: Session, context: ActContext, row: OfferedItem, partner: Partner, source: ItemSource
) -> TransferVerdict:
    """The strictest that the gate says of an item that would go on to a partner, with what its source let it do.

    Where a person may read the incident that it was adopted into, that may name the partner.
    """
    policy, reader = policy_for(session, context, partner, frozenset()), reader_of(context)
    incident = next(iter(known_references(session, reader, {row.incident})), "")
    recipient = recipient_for(session, context, partner, incident, sealed=True)
    restricted = bool(incident) and is_restricted(find_incident(session, reader, incident))
    marking = read_marking(row.tlp, row.pap or None)
    verdicts = [
        decide_transfer(
            ReleaseItem(marking, DataClass(data), source, restricted=restricted), recipient, policy.purpose,
            policy.local, policy.transfers,
        )
        for data in sorted({part["class"] for part in row.parts} | {DataClass.CASE.value})
    ]  # fmt: skip
    return max(verdicts, key=lambda one: (one.level.rank, one.ask is None))


def _as_signed(node: Node, session: Session, row: OfferedItem) -> tuple[Statement, list[tuple[Part, bytes]]]:
    """The statement of an item, and its parts that came."""
    archive = session.get_one(IncomingRow, row.incoming_id).archive
    if not archive:
        raise ConflictError(say("What this dispatch brought is not kept any more."))
    members = unpack(node.exchange.read(archive), Limits())
    if (statement := signed_item(members, row)) is None:
        raise ConflictError(say("What this dispatch brought is not kept any more."))
    here = [(part, members.get(digits(part.hash))) for part in statement.said(SharedItem).parts]
    return statement, [(part, content) for part, content in here if content is not None]
