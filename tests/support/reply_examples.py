"""Replies to digests as mail programs write them, and what follows from them."""

import email.policy
import json
from email.message import EmailMessage
from email.utils import make_msgid

from sqlalchemy import select

from support.delivery_examples import Read
from support.world import World
from tocsin.delivery import Delivery
from tocsin.directory.contacts import Terms, contact_states
from tocsin.problems.answers import Answer
from tocsin.problems.replies import FilingResult, MailContext, file_mail, open_context

OPERATOR, SECTOR = "abuse@operator.example", "cert@banks.example"
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


def answers(desk: MailContext) -> list[Answer]:
    with desk.node.database.begin() as session:
        return list(session.scalars(select(Answer).order_by(Answer.id)))


def delivery_of(desk: MailContext, digest: Read) -> Delivery:
    with desk.node.database.begin() as session:
        return session.scalars(select(Delivery).where(Delivery.message_id == digest.message_id)).one()


def with_mailboxes(world: World, *mailboxes: str) -> MailContext:
    """The desk once the operator also has these mailboxes."""
    path = world.folder / "more.toml"
    path.write_text(f'[[team]]\nkey = "operator"\nname = "Example Operator"\nmailboxes = {json.dumps(mailboxes)}\n')
    world.tocsin.run("directory", "import", path)
    return open_context(world.node, world.node.store)


def file(world: World, desk: MailContext, raw: bytes, unread: int = 0) -> FilingResult:
    return file_mail(desk, raw, now=world.now, unread=unread)


def stands(world: World, desk: MailContext, team: str = "operator") -> tuple[str, str]:
    """How the team's mailbox stands, and why."""
    with desk.node.database.begin() as session:
        found = contact_states(session, world.now, Terms())
    (contact,) = [one for one in found if one.team == team]
    return contact.stand.state.value, contact.stand.reason
