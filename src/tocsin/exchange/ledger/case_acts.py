"""What can be done with cases that are worked on together, with requests and notices: by a person, not by the API."""

from functools import partial
from typing import Final

from tocsin.exchange.ledger.acts import NO_ROUTE, PREVIEWED
from tocsin.exchange.ledger.cases import (
    accept,
    acknowledge,
    ask,
    ask_source,
    consent,
    notice,
    offer,
    open_incident,
    record_consent,
    refuse,
    reply,
    withdraw,
)
from tocsin.exchange.partners import BESIDE
from tocsin.incidents.act_parts import SIGNED
from tocsin.interface import N_, Act, NoUndo, OwnSurface
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_act = partial(Act, permission=Permission.INCIDENTS_WRITE, signed=SIGNED, route=NO_ROUTE)
_SIGNED: Final = NoUndo("It is signed, and the partner has it; the other side answers it.")
_TOLD: Final = "Case {case} with {name}: {state}. Dispatch {dispatch}."
_ANSWERED: Final = "Message {message} of {name}: {state}."

ACTS: Final = (
    _act(
        "offer", "Offer a case to a partner", offer, noun="case",
        audit=(AuditAction.DISPATCH_SEALED, AuditAction.INCIDENT_ENTRY), command="exchange offer",
        page=OwnSurface("/partners/{partner}/offer", PREVIEWED),
        arguments=("partner",), told=_TOLD, makes=True, undo=_SIGNED,
    ),
    _act(
        "accept", "Accept a case of a partner", accept, noun="case",
        audit=(AuditAction.CASE_DECIDED, AuditAction.DISPATCH_SEALED, AuditAction.INCIDENT_ENTRY),
        command="exchange accept", page="/exchange/cases/{case}/accept", arguments=("case",),
        title=N_("Accept the case"),
        told=_TOLD, makes=True, undo=_SIGNED,
    ),
    _act(
        "refuse", "Refuse a case of a partner", refuse, noun="case",
        audit=(AuditAction.CASE_DECIDED, AuditAction.DISPATCH_SEALED), command="exchange refuse",
        page="/exchange/cases/{case}/refuse", arguments=("case",), told=_TOLD, undo=_SIGNED,
        title=N_("Refuse the case"),
    ),
    _act(
        "withdraw", "Withdraw the offer of a case", withdraw, noun="case",
        audit=(AuditAction.CASE_DECIDED, AuditAction.DISPATCH_SEALED), command="exchange withdraw",
        page="/exchange/cases/{case}/withdraw", arguments=("case",), told=_TOLD, undo=_SIGNED,
        title=N_("Withdraw the offer"),
        notice=N_(
            "The case stays yours until the partner's acceptance is here. If the partner has accepted already, it is "
            "the partner's."
        ),
    ),
    _act(
        "ask", "Ask a partner for assistance", ask, noun="request",
        audit=(AuditAction.MESSAGE_SENT, AuditAction.DISPATCH_SEALED), command="exchange ask",
        page=OwnSurface("/partners/{partner}/ask", "It offers the open incidents where a reference is typed."),
        arguments=("partner",), makes=True,
        told="Request {message} to {name}. Dispatch {dispatch}.", undo=_SIGNED,
    ),
    _act(
        "note", "Send a notice to partners", notice, noun="notice",
        audit=(AuditAction.MESSAGE_SENT, AuditAction.DISPATCH_SEALED), command="exchange note",
        page=OwnSurface("/exchange/notice", "It says of each partner whether the notice went, and why not."),
        makes=True, told="{name}: notice {message}, dispatch {dispatch}. {left}",
        undo=_SIGNED,
    ),
    _act(
        "acknowledge", "Acknowledge a request or notice of a partner", acknowledge, noun="partner message",
        audit=(AuditAction.MESSAGE_DECIDED,), command="exchange acknowledge",
        page="/exchange/messages/{message}/acknowledge", arguments=("message",), told=_ANSWERED,
        title=N_("Acknowledge"),
        undo=NoUndo("The answer that says so has gone to whoever asked."),
    ),
    _act(
        "reply", "Answer a request of a partner", reply, noun="request",
        audit=(AuditAction.MESSAGE_DECIDED, AuditAction.DISPATCH_SEALED), command="exchange reply",
        page=OwnSurface("/exchange/messages/{message}/reply", BESIDE),
        arguments=("message",), told=_ANSWERED, undo=_SIGNED,
    ),
    _act(
        "ask-source", "Ask a source whether an item may go on", ask_source, noun="request",
        audit=(AuditAction.MESSAGE_SENT, AuditAction.DISPATCH_SEALED), command="exchange ask-source",
        page="/exchange/items/{item}/ask-source", arguments=("item", "partner"), makes=True,
        title=N_("Ask the source"),
        notice=N_(
            "A signed question goes to the node that it is from. Nothing goes on before its answer is here."
        ),
        told="Request {message} to {name}. Dispatch {dispatch}.", undo=_SIGNED,
    ),
    _act(
        "consent", "Consent to passing an item on", consent, noun="request",
        audit=(AuditAction.MESSAGE_DECIDED, AuditAction.DISPATCH_SEALED), command="exchange consent",
        page="/exchange/messages/{message}/consent", arguments=("message",), told=_ANSWERED,
        title=N_("Consent"),
        notice=N_(
            "It may go on to nobody else. What is refused later is withdrawn: it stops what has not gone yet. A recall "
            "takes back what has."
        ),
        undo=NoUndo("It is signed, and the partner has it; the answer 'refused' withdraws it."),
    ),
    _act(
        "record-consent", "Record what a source says of passing on", record_consent, noun="partner",
        audit=(AuditAction.CONSENT_NOTED,), command="exchange record-consent",
        page=OwnSurface("/partners/{partner}/consent", "Its page asks first to whom an item may go on."),
        arguments=("partner",),
        told="{source}, to {name}: {answer}.", undo=lambda _: say("Consent of a source recorded"),
    ),
    _act(
        "open", "Open an incident for a request of a partner", open_incident, noun="request",
        audit=(AuditAction.MESSAGE_DECIDED, AuditAction.INCIDENT_ENTRY), command="exchange open",
        page="/exchange/messages/{message}/open", arguments=("message",), makes=True,
        title=N_("Open an incident"),
        notice=N_("With these words and this marking. The partner takes part in it."),
        told="Request {message} of {name}: {incident}.", undo=NoUndo("It opens an incident, which is closed there."),
    ),
)  # fmt: skip
"""What can be done with cases, requests and notices."""
