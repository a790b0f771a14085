"""Telling: what is owed to whom, digests that people understand, and the channels they leave by."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery import acts
    from tocsin.delivery.acts import MailState
    from tocsin.delivery.channels import Channel, MailOutcome, MailReceipt, open_channel, reach_smtp
    from tocsin.delivery.corrections import (
        PLACES,
        DigestCorrection,
        digests_that_left,
        hold_digests,
        read_corrections,
        was_heard,
    )
    from tocsin.delivery.deadlines import (
        MailedRequest,
        deadline,
        last_second,
        mailed_by,
        mailed_dues,
        mailed_requests,
    )
    from tocsin.delivery.deliver import DeliverySummary, deliver
    from tocsin.delivery.digest_notes import DigestNote, ReleasedNote, note_block, released_notes
    from tocsin.delivery.digest_summary import (
        DELIVERY,
        SEVERITIES,
        GoneProblem,
        days_to_fix,
        problem_words,
        severity_rank,
        topic_names,
        topics,
    )
    from tocsin.delivery.example import example_mail
    from tocsin.delivery.halt import halts, kept_from_sending, release_brake, resume, sends_nothing, stop
    from tocsin.delivery.held_mails import drop, find_mail, held_digests, held_letters, release, waiting_teams
    from tocsin.delivery.history import (
        DueNews,
        count_by_state,
        deliveries,
        delivery,
        due_news,
        due_state,
        letters,
        retry,
    )
    from tocsin.delivery.lock import sole_caller, sole_deliverer, sole_exchange, sole_pusher
    from tocsin.delivery.mail_log import TracesOf
    from tocsin.delivery.mime import Attachment, Envelope, Seal, assemble, usable_mailboxes
    from tocsin.delivery.models import FINAL, WAS_SENT, Delivery, DeliveryItem, DeliveryState, Halt, ItemState
    from tocsin.delivery.notices import full_mailboxes, notices, waiting_notices
    from tocsin.delivery.owed import due_at, queue, release_items, sent_to
    from tocsin.delivery.preview import preview
    from tocsin.delivery.purge import digests_with, mail_files, purge_digest, purge_letter, take_events_out
    from tocsin.delivery.queries import (
        STATES_OF_GROUP,
        TOLD,
        DeliveryFilter,
        StateGroup,
        count_digests,
        count_found,
        count_letters,
        find_digests,
        find_letters,
    )
    from tocsin.delivery.release_check import DigestRelease, through_the_gate
    from tocsin.delivery.render import Facts, Mail, Sender
    from tocsin.delivery.sending_policy import leaves, way_of
    from tocsin.delivery.steering import can_hold, can_repeat, hold, send_again
    from tocsin.delivery.taken_over import (
        SentBefore,
        TakenOverMails,
        remember_sent_before,
        sent_before,
        settle_taken_over,
    )
    from tocsin.delivery.xarf_report import XarfSender, xarf_reports
else:
    lazy_face(__name__)
