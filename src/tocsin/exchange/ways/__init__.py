"""The ways by which dispatches travel by themselves, as the same bytes: the HTTPS inbox and mail."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ways.arriving import FileArrival, TooManyDispatchesError, note_arrival, take_file
    from tocsin.exchange.ways.models import ExchangeArrival, ExchangeEvidence, ExchangeTry
    from tocsin.exchange.ways.outbox import (
        DueDispatch,
        begin_try,
        due_dispatches,
        end_try,
        missing_at,
        note_sending,
        tries_of,
    )
    from tocsin.exchange.ways.states import STUCK_AFTER, EvidenceStrength, ExchangeWay, TryOutcome, failing_since
    from tocsin.exchange.ways.uploads import PART_BYTES, OpenUpload, UploadError, UploadRange, append_part, read_range
else:
    lazy_face(__name__)
