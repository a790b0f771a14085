"""The mailroom: mails that came in, read without trust, sorted, and kept."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery.mailbox.account import Account, IncomingMail, Mailbox, account_of, open_mailbox
    from tocsin.delivery.mailbox.bounces import Bounce, addresses_named, original_ids
    from tocsin.delivery.mailbox.boxes import is_mail, mail_spans
    from tocsin.delivery.mailbox.encrypted import (
        MOST_LAYERS,
        MailSignature,
        SealedPart,
        SealForm,
        SignatureForm,
        has_seals,
        sealed_part,
        signatures_in,
        with_opened,
    )
    from tocsin.delivery.mailbox.kinds import MailClassification, MailKind, sort_mail
    from tocsin.delivery.mailbox.models import ENDED, STILL_NEEDED, MailBounce, MailState, ReceivedMail, waiting_count
    from tocsin.delivery.mailbox.on_server import MailOnServer, ServerOutcome, hash_of_id, remove_from_server
    from tocsin.delivery.mailbox.parse import (
        LIMITS,
        MailLimits,
        MailPart,
        ReadMail,
        mail_date,
        message_ids,
        read_headers,
        read_mail,
    )
    from tocsin.delivery.mailbox.quoting import split_quoted, without_signature
    from tocsin.delivery.mailbox.reports import MailReport, abuse_reports, mails_of, reports_in
    from tocsin.delivery.mailbox.store import content_key, copies_of, delete_received, purge_received
    from tocsin.delivery.mailbox.text import header_text, html_text, text_of
    from tocsin.delivery.mailbox.verdicts import ReplyVerdict, confirmation_in, verdicts_in
else:
    lazy_face(__name__)
