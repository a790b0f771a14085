"""The ledger: dispatches to and from partners, receipts, what was offered and decided, and who was passed what."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger import acts
    from tocsin.exchange.ledger.confirming import check_numbers, unanswered_recalls, unchecked_partners
    from tocsin.exchange.ledger.contents import recalled_uuids, tombstones
    from tocsin.exchange.ledger.items import find_item
    from tocsin.exchange.ledger.keeping import forget_files, kept_files
    from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
    from tocsin.exchange.ledger.passing import newest_recall, recall_sum
    from tocsin.exchange.ledger.read import (
        ItemHolder,
        ReceivedDispatch,
        SentDispatch,
        evidence_bundle,
        holders_of,
        open_items,
        receipt_file,
        received_dispatches,
        sealed_file,
        sent_dispatches,
        stuck_dispatches,
        without_receipt,
    )
    from tocsin.exchange.ledger.recall_journal import is_to_repeat
    from tocsin.exchange.ledger.restoring import repeat_recalls
    from tocsin.exchange.ledger.sending import NewDispatch, SentDocument, preview, reasons_of
    from tocsin.exchange.ledger.states import (
        RECEIPT_DAYS,
        TAKING_WRITES,
        AnswerWay,
        Direction,
        IncomingState,
        OfferState,
    )
else:
    lazy_face(__name__)
