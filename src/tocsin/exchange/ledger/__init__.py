"""The ledger: dispatches to and from partners, receipts, what was offered and decided, and who was passed what."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger import acts, case_acts
    from tocsin.exchange.ledger.case_models import CaseEntryRow, ExchangeCase, ExchangeMessage
    from tocsin.exchange.ledger.case_read import (
        IncidentPartner,
        ListedCase,
        ListedMessage,
        case_entries,
        incident_partners,
        list_cases,
        list_messages,
        offered_cases,
    )
    from tocsin.exchange.ledger.case_states import CaseState, MessageKind, MessageState
    from tocsin.exchange.ledger.contents import tombstones
    from tocsin.exchange.ledger.handover import close_handed_over, find_case
    from tocsin.exchange.ledger.items import earlier_incident, find_item
    from tocsin.exchange.ledger.messages import find_message, open_messages
    from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
    from tocsin.exchange.ledger.read import (
        ReceivedDispatch,
        SentDispatch,
        evidence_bundle,
        kept_files,
        open_items,
        receipt_file,
        received_dispatches,
        sealed_file,
        sent_dispatches,
        stuck_dispatches,
        without_receipt,
    )
    from tocsin.exchange.ledger.sending import NewDispatch, SentDocument, preview, reasons_of
    from tocsin.exchange.ledger.states import RECEIPT_DAYS, TAKING_WRITES, Direction, IncomingState, OfferState
else:
    lazy_face(__name__)
