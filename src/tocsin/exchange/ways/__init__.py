"""The ways by which dispatches travel by themselves, as the same bytes: the HTTPS inbox and mail."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ways import acts
    from tocsin.exchange.ways.arriving import TooManyDispatchesError, is_for_us, note_arrival, take_file
    from tocsin.exchange.ways.arriving_mails import take_exchange_mail
    from tocsin.exchange.ways.checks import ask_for_checks, give_up_checks
    from tocsin.exchange.ways.evidence import evidence_of
    from tocsin.exchange.ways.first_part import HEAD_BYTES, is_for
    from tocsin.exchange.ways.link_answers import KEPT_CODES, answer_link, linked_mail
    from tocsin.exchange.ways.mailing import mail_dispatch, mail_receipts, settle_mails
    from tocsin.exchange.ways.models import ExchangeArrival, ExchangeTry
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
    from tocsin.exchange.ways.uploads import (
        ANSWER,
        PART_BYTES,
        PARTNER,
        OpenUpload,
        UploadError,
        UploadRange,
        append_part,
        note_address,
        read_range,
        share_of,
    )
else:
    lazy_face(__name__)
