"""The ledger: dispatches to and from partners, receipts, what was offered and decided, and who was passed what."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger import acts
    from tocsin.exchange.ledger.contents import tombstones
    from tocsin.exchange.ledger.items import find_item
    from tocsin.exchange.ledger.misp_records import MISP_TYPE, RECORDS, MispRecord, RecordKind
    from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
    from tocsin.exchange.ledger.passing import (
        ItemRecipient,
        PassingWay,
        newest_version,
        note_passing,
        note_reading,
        passed_items,
        withdraw_passings,
    )
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
