"""What is sealed for partners goes out: posted to their inboxes, or mailed; a receipt in the answer is taken at once.

Noted before it leaves, so a kill loses nothing; what was posted twice gets the same receipt twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from tocsin.delivery import kept_from_sending, sole_exchange
from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import OutgoingRow, PartnerFile, is_held, outgoing_bytes, take_receipt
from tocsin.exchange.partners import partner_names
from tocsin.exchange.statements import RefusalError
from tocsin.exchange.ways import (
    STUCK_AFTER,
    DueDispatch,
    ExchangeWay,
    TryOutcome,
    ask_for_checks,
    begin_try,
    due_dispatches,
    end_try,
    failing_since,
    give_up_checks,
    mail_dispatch,
    mail_receipts,
    missing_at,
    note_sending,
    settle_mails,
)
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError, NotFoundError, RemoteError, SettingError
from tocsin.node.node import Node
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.node.trace import log_line, unfilled
from tocsin.pipeline.inbox_post import PostAnswer, post_file

if TYPE_CHECKING:
    from tocsin.node.standby import Standby

_REFUSED: Final = {
    403: say("The inbox did not take it: it does not know our key, or the file is not for it."),
    404: say("There is no inbox at this address."),
    413: say("The inbox takes no file of this size."),
    429: say("The inbox takes no more for now."),
    503: say("The inbox takes no more for now."),
    507: say("The inbox has no room at the moment; it is sent again later."),
}


@dataclass(frozen=True)
class CarriedDispatch:
    """A dispatch that was tried in a round, by which way, and how it is now."""

    dispatch: int
    partner: str
    number: int
    way: ExchangeWay
    state: str
    reason: str = ""
    failed: bool = False


@dataclass
class DeliveryRound:
    """What a round did; ``problem``: why it did nothing, or empty."""

    carried: list[CarriedDispatch] = field(default_factory=list)
    problem: str = ""


def deliver_dispatches(
    node: Node, *, now: datetime, stop: Callable[[], bool] = lambda: False, at_once: bool = False
) -> DeliveryRound:
    """Try all that is due. ``at_once``: also what waits to be tried again.

    Raises:
        ConflictError: another process does it at this moment, or may by now.
        StorageError: the records or the disk fail.

    """
    with sole_exchange(node.database) as check_sole:
        if problem := kept_from_sending(node):
            return DeliveryRound(problem=problem)
        mails = node.settings.mail.channel == "smtp"
        ask_for_checks(ActContext(node, now, "exchange"), mails=mails)
        courier = _Courier(node, now, stop, at_once, mails, check_sole)
        courier.settle()
        with node.database.reading() as session:
            found = list(due_dispatches(session, now, mails=mails))
        partners = [list(takewhile(lambda one: not is_held(node, one.row, now), of)) for of in found]
        for of_partner in partners:
            courier.hold(of_partner)
            courier.post(of_partner)
            courier.mail(of_partner)
        return courier.done


@dataclass(frozen=True)
class _Courier:
    """What brings dispatches to inboxes in one round."""

    node: Node
    now: datetime
    stop: Callable[[], bool]
    at_once: bool
    mails: bool
    check_sole: Callable[[], None]
    done: DeliveryRound = field(default_factory=DeliveryRound)

    @cached_property
    def standby(self) -> "Standby | None":
        return self.node.standby

    def settle(self) -> None:
        """Note what became of mails, and answer those that brought something."""
        with self.node.database.begin() as session:
            for row in settle_mails(session):
                self._note(row, partner_names(session, [row.partner_id])[row.partner_id], ExchangeWay.MAIL)
            give_up_checks(session, self.now)
            if self.mails:
                mail_receipts(session, self.node, self.now)
            cut("exchange.settling")

    def hold(self, of_partner: Sequence[DueDispatch]) -> None:
        """Note what may not leave, and why: it goes once another key is confirmed."""
        for one in of_partner:
            if one.held and one.held != one.row.reason:
                with self.node.database.begin() as session:
                    note_sending(session, one.row.id, OutgoingState.STUCK, one.held)
                    row = session.get_one(OutgoingRow, one.row.id)
                    self._note(row, one.partner.name, ExchangeWay.HTTPS if one.partner.inbox else ExchangeWay.MAIL)

    def mail(self, of_partner: Sequence[DueDispatch]) -> None:
        """Ask for the mails that are due to a partner; they leave with the others of this node."""
        for one in of_partner:
            due = one.next is not None and one.next.way is ExchangeWay.MAIL and one.is_due(self.now)
            again = self.at_once and one.next is None and not one.held and one.row.state == OutgoingState.STUCK
            if not due and not (again and self.mails and one.partner.mailbox):
                continue
            with self.node.database.begin() as session:
                mail_dispatch(session, self.node, one.row, one.partner, self.now)
                row = session.get_one(OutgoingRow, one.row.id)
                self._note(row, one.partner.name, ExchangeWay.MAIL)
                cut("exchange.mailing")

    def _note(self, row: OutgoingRow, partner: str, way: ExchangeWay, reason: str = "") -> None:
        failed = bool(reason) or row.state == OutgoingState.STUCK
        number, said = abs(row.number), reason or row.reason
        log_line(
            "dispatch", partner=row.partner_id, number=number, way=way.value, state=row.state,
            refused="failed" if failed else "", why=unfilled(said),
        )  # fmt: skip
        self.done.carried.append(CarriedDispatch(row.id, partner, number, way, row.state, said, failed))

    def post(self, of_partner: Sequence[DueDispatch]) -> None:
        """Post what is due to a partner, by number: none before an earlier one arrived."""
        for one in of_partner:
            if one.next is None or one.next.way is not ExchangeWay.HTTPS:
                continue
            if self.stop() or not (self.at_once or one.is_due(self.now)) or not self._post(one):
                return
            with self.node.database.reading() as session:
                missing = missing_at(session, one.row)  # also where the partner was restored from a backup
            if not all(self._post(DueDispatch(row, one.partner, (), None)) for row in missing if not self.stop()):
                return

    def _post(self, due: DueDispatch) -> bool:
        """Whether a receipt came with the answer."""
        node, row, url = self.node, due.row, due.partner.inbox
        if self.standby is not None and not self.standby.covers(f"dispatch:{row.id}"):
            return False
        if kept_from_sending(node):
            return False
        self.check_sole()
        with node.database.begin() as session:
            number = begin_try(session, row, ExchangeWay.HTTPS, url, self.now).id
        cut("exchange.trying")
        try:
            with node.database.reading() as session:
                content = outgoing_bytes(node, session, row, due.partner)
            answer = post_file(url, content, node.settings.exchange, self.stop)
            cut("exchange.posted")
            reason = self._read(answer)
        except (RemoteError, SettingError, NotFoundError, ConflictError) as error:
            reason = str(error)
        with node.database.begin() as session:
            end_try(session, number, TryOutcome.FAILED if reason else TryOutcome.ANSWERED, reason)
            if reason:
                since = failing_since(due.tries)
                stuck = since is not None and self.now - since >= STUCK_AFTER
                note_sending(session, row.id, OutgoingState.STUCK if stuck else OutgoingState.TRYING, reason)
            after = session.get_one(OutgoingRow, row.id, populate_existing=True)
            self._note(after, due.partner.name, ExchangeWay.HTTPS, reason)
            cut("exchange.tried")
        return not reason

    def _read(self, answer: PostAnswer) -> str:
        """Why an answer is no receipt; or nothing, and the receipt was taken."""
        if not answer.is_taken:
            said = say("The inbox answers with status %(status)s.", status=answer.status)
            return _REFUSED.get(answer.status, said)
        if not answer.body:
            return say("It was taken, and came without a receipt: our key is not valid there any more.")
        try:
            take_receipt(ActContext(self.node, self.now, "exchange"), PartnerFile(content=answer.body))
        except RefusalError as error:
            return say("The answer of the inbox is no receipt: %(why)s", why=error)
        return ""
