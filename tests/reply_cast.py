"""Replies to digests as mail programs write them."""

import email.policy
from email.message import EmailMessage
from email.utils import make_msgid

from delivery_cast import Read

SETTINGS = '[mailbox]\naddress = "csirt@example.org"\n'


def reply(
    to: Read,
    text: str,
    *,
    sender: str = "abuse@operator.example",
    address: str = "",
    token: bool = True,
    thread: bool = True,
    **head: str,
) -> bytes:
    """A reply to a digest at ``address``, else the digest's own; without its token at our plain address."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = address or (to.headers["Reply-To"] if token else "csirt@example.org")
    mail["Subject"] = head.pop("subject", "Re: your mail")
    mail["Message-ID"] = make_msgid(domain="operator.example")
    if thread:
        mail["In-Reply-To"] = to.message_id
        mail["References"] = to.message_id
    for name, value in head.items():
        mail[name.replace("_", "-")] = value
    quoted = "\n".join(f"> {line}" for line in to.body.splitlines()[:20])
    mail.set_content(f"{text}\n\nOn Tue, 24 Nov 2026 at 06:00, CSIRT <csirt@example.org> wrote:\n{quoted}\n")
    return mail.as_bytes(policy=email.policy.SMTP)
