"""The ledger: dispatches to and from partners, receipts, what was offered and decided, and who was passed what."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger import acts, agreement_acts
    from tocsin.exchange.ledger.claims import offered_claims, sent_claims
    from tocsin.exchange.ledger.contents import tombstones
    from tocsin.exchange.ledger.grounds import NONE, GroundShare, exchange_grounds, share_by_type
    from tocsin.exchange.ledger.items import find_item
    from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
    from tocsin.exchange.ledger.read import (
        ReceivedDispatch,
        SentDispatch,
        evidence_bundle,
        kept_files,
        open_items,
        outgoing_bytes,
        receipt_file,
        received_dispatches,
        sealed_file,
        sent_dispatches,
        stuck_dispatches,
        without_receipt,
    )
    from tocsin.exchange.ledger.sending import NewDispatch, SentDocument, ground_of_package, preview, reasons_of
    from tocsin.exchange.ledger.states import RECEIPT_DAYS, TAKING_WRITES, Direction, IncomingState, OfferState
else:
    lazy_face(__name__)
