"""Dispatches: numbered messages between two nodes, each one encrypted file, with receipts."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.dispatches.links import (
        OPEN_STATES,
        DispatchOutcome,
        DispatchVerdict,
        IncomingLink,
        OutgoingDispatch,
        OutgoingLink,
        OutgoingState,
        add_sealed,
        decide,
        genesis,
        may_become,
        note_receipt,
        refuse_contents,
        resume,
    )
    from tocsin.exchange.dispatches.packing import (
        DISPATCH,
        RECEIPT,
        SIGNATURE,
        TEXT,
        Limits,
        digits,
        file_name,
        members_of,
        open_file,
        pack,
        seal,
        seal_packed,
        unpack,
        unpack_file,
    )
    from tocsin.exchange.dispatches.reading import (
        DispatchContents,
        names_in,
        read_contents,
        read_foreign_head,
        read_head,
        read_named,
        statements_in,
    )
    from tocsin.exchange.dispatches.taking import (
        DispatchRecipient,
        IncomingDispatch,
        make_receipt,
        open_receipt,
        seal_receipt,
        take,
        take_members,
    )
else:
    lazy_face(__name__)
