"""What can be done with dispatches and what they brought. A person does it: nothing here has a route of the API."""

from functools import partial
from typing import Final

from tocsin.exchange.ledger.items import adopt, decline
from tocsin.exchange.ledger.number_checks import record_number
from tocsin.exchange.ledger.passing_on import pass_item_on, report_sum
from tocsin.exchange.ledger.recalls import recall
from tocsin.exchange.ledger.sending import send
from tocsin.exchange.ledger.spoken_answers import record_answer
from tocsin.exchange.ledger.taking import take, take_receipt
from tocsin.exchange.partners import BESIDE
from tocsin.incidents.act_parts import SIGNED
from tocsin.interface import N_, Absence, Act, NoUndo, OwnSurface
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say, say_count

NO_ROUTE: Final = Absence("A person decides what goes to a partner, and what becomes of what it sends.")
PREVIEWED: Final = "It shows what would go, and what not and why, before anything goes."
"""Why what goes to a partner has a page by hand."""
_act = partial(Act, permission=Permission.INCIDENTS_WRITE, route=NO_ROUTE)
_KEPT: Final = NoUndo("A dispatch is numbered and signed; what it brought can be recalled.")

ACTS: Final = (
    _act(
        "send", "Send an incident or files to a partner", send, noun="dispatch",
        audit=(AuditAction.DISPATCH_SEALED, AuditAction.INCIDENT_ENTRY), command=OwnSurface("exchange send"),
        page=OwnSurface("/partners/{partner}/send", PREVIEWED), arguments=("partner",),
        told="Dispatch {number} to {name}: {state}.", makes=True,
        undo=lambda n: say_count("%(n)s dispatch sealed", "%(n)s dispatches sealed", n),
    ),
    _act(
        "take", "Take a file of a partner", take, noun="dispatch", audit=(AuditAction.DISPATCH_TAKEN,),
        command=OwnSurface("exchange take"), page=OwnSurface("/exchange/take", BESIDE), makes=True,
        told="Dispatch {number} of {name}: {verdict}.", undo=NoUndo("The partner is told that it has arrived."),
    ),
    _act(
        "take-receipt", "Read a receipt of a partner", take_receipt, noun="dispatch",
        audit=(AuditAction.DISPATCH_RECEIPTED,), command=OwnSurface("exchange receipt"),
        page=OwnSurface("/exchange/receipt", BESIDE), told="Dispatch {number} to {name}: {state}.",
        undo=NoUndo("A receipt says what has happened at the partner."),
    ),
    _act(
        "adopt", "Adopt an item of a partner", adopt, noun="offered item",
        audit=(AuditAction.OFFER_DECIDED, AuditAction.INCIDENT_ENTRY), command="exchange adopt",
        page="/exchange/items/{item}/adopt", arguments=("item",), signed=SIGNED,
        title=N_("Adopt"), button=N_("Adopt this item"),
        notice=N_("Observables are added to an incident, and files become evidence there. It cannot be undone."),
        told="{title}: {state}, {incident}.", undo=NoUndo("It opens or fills an incident, which is closed there."),
    ),
    _act(
        "decline", "Decline an item of a partner", decline, noun="offered item", audit=(AuditAction.OFFER_DECIDED,),
        command="exchange decline", page="/exchange/items/{item}/decline", arguments=("item",),
        title=N_("Decline"), button=N_("Decline this item"),
        notice=N_("It stays in the list, and nothing is made of it. The partner is not informed."),
        told="{title}: {state}.", undo=lambda n: say_count("%(n)s item declined", "%(n)s items declined", n),
    ),
    _act(
        "pass-on", "Pass an item of a partner on", pass_item_on, noun="dispatch", audit=(AuditAction.DISPATCH_SEALED,),
        command="exchange pass-on",
        page="/exchange/items/{item}/pass-on",
        title=N_("Pass on to another partner"), button=N_("Pass on"),
        notice=N_("It goes as its source signed it. What the source recalls is recalled there, too."),
        arguments=("item", "partner"),
        told="Dispatch {number} to {name}: {state}.", makes=True, undo=_KEPT,
    ),
    _act(
        "report", "Report to the source of a recall", report_sum, noun="recall",
        audit=(AuditAction.RECALL_ANSWERED, AuditAction.DISPATCH_SEALED), command="exchange report",
        page="/exchange/items/{item}/report", arguments=("item",), title=N_("Report to the source"),
        told="Reported to {name}: passed on to {passed_on}, {done} done, {kept} kept, {silent} without an answer.",
        undo=NoUndo("A report is signed and numbered; a newer one replaces it."),
    ),
    _act(
        "recall", "Recall what was sent to partners", recall, noun="passed items",
        audit=(AuditAction.RECALL_MADE, AuditAction.DISPATCH_SEALED), command="exchange recall",
        page="/exchange/dispatches/{dispatch}/recall", signed=SIGNED, makes=True,
        title=N_("Recall"), button=N_("Recall these items"),
        notice=N_("Every partner who was sent these items gets the recall. It cannot be undone."),
        told="Recall {recall}: {sent} dispatches sealed.", undo=NoUndo("Partners delete what is recalled."),
    ),
    _act(
        "record-answer", "Record what a partner says of a recall", record_answer, noun="passed items",
        audit=(AuditAction.RECALL_CONFIRMED,), command="exchange record-answer", signed=SIGNED,
        page="/exchange/dispatches/{dispatch}/answer", arguments=("dispatch",),
        title=N_("Answer of the partner"), button=N_("Save answer"),
        notice=N_(
            "The answer comes as a dispatch. Where it does not, or the partner has mail only, ask a person there and "
            "record what they say."
        ),
        told="{name}: answer recorded for {items} items.", undo=lambda _: say("Answer of a partner recorded"),
    ),
    _act(
        "record-number", "Record which number a partner has", record_number, noun="partner",
        audit=(AuditAction.NUMBER_CONFIRMED,), command="exchange record-number",
        page=OwnSurface("/partners/{partner}/number", BESIDE), arguments=("partner",),
        told="{name} has number {number}.", undo=NoUndo("What is sealed next has the number after it."),
    ),
)  # fmt: skip
"""What can be done with dispatches, and with what they brought."""
