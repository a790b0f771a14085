"""Cases that two nodes work on, each by the history that they signed, and what partners ask of each other."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger.cases.consent_questions import ask_source, consent, record_consent
    from tocsin.exchange.ledger.cases.handover import accept, offer, refuse, withdraw
    from tocsin.exchange.ledger.cases.history import case_of_incident, history_for
    from tocsin.exchange.ledger.cases.messages import acknowledge, ask, notice, open_incident, reply
    from tocsin.exchange.ledger.cases.models import CaseEntryRow, ExchangeCase, ExchangeMessage
    from tocsin.exchange.ledger.cases.writing import check_cases, write_cases, write_message
else:
    lazy_face(__name__)
