"""How reports that are mails are looked through; it needs no node, so that confined processes have it."""

from collections.abc import Callable

from tocsin.delivery.mailbox import is_mail
from tocsin.events.redaction import Redaction


class MailFilter:
    """How a `Redaction` of reports sees mails (`tocsin.events.redaction.MailRedaction`)."""

    def knows(self, head: bytes) -> bool:
        """Whether a report that begins so is a mail."""
        return is_mail(head, 2)

    def kept(self, data: bytes, redaction: Callable[[], Redaction]) -> tuple[bytes, list[Redaction]]:
        """The mail, or where something of it may not be kept a ZIP file of the reports in it as they may."""
        from tocsin.delivery.never_held.mail_redaction import packed_reports  # few reports are mails

        return packed_reports(data, redaction)
