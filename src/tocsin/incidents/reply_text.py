"""What the writer of a mail wrote, from the mail or from its bare text."""

import re
from typing import Final

from tocsin.delivery.mailbox import html_text, is_mail, read_mail, split_quoted, text_of, without_signature

_HTML = re.compile(r"\s*<(!doctype|html|head|meta|body|div|p|span|font|table|blockquote|br)\b", re.IGNORECASE)
_BYTES: Final = 200_000  # of a bare text, as of that of a mail


def reply_text(raw: bytes) -> str:
    """The writer's own words without what is quoted; raises nothing for any bytes.

    Of a mail they are its text as the mailroom has it, with the signature, which says whom to ring. Of a bare text,
    which was copied from somewhere, the signature goes too.
    """
    if is_mail(raw):
        return read_mail(raw).text
    text = text_of(raw[:_BYTES], "")
    said, _ = split_quoted(html_text(text) if _HTML.match(text) else text)
    return without_signature(said)
