"""Mails of duty to people of this node, each in its reader's language; the texts stand with those of all mails."""

from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.delivery.texts import TextFolders, texts_for
from tocsin.node.accounts import Person
from tocsin.node.letters import ACCOUNT, queue_letter
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder


def mail_person(
    session: Session,
    node: Node,
    person: int,
    text: str,
    *,
    key: str,
    now: datetime,
    due_at: datetime | None = None,
    about: str = "",
    **values: str,
) -> bool:
    """Mail the text ``text`` (its words ``duty_TEXT_subject`` and ``_body``) to a person; once under a key.

    False where nobody is there to get it, or it was asked for before. ``about``: as of a `Letter`.
    """
    found = session.get(Person, person)
    if found is None or found.removed_at is not None or found.blocked_at is not None:
        return False
    settings = node.settings.node
    folders = TextFolders(node.home / HomeFolder.TEMPLATES, settings.language)
    texts = texts_for(found.language or settings.language, folders)
    body = texts.say(f"duty_{text}_body", 0, site=settings.name, **values)
    return queue_letter(
        session, key=f"duty:{key}:{person}", kind=ACCOUNT, mailbox=found.mailbox, now=now, due_at=due_at, about=about,
        subject=texts.say(f"duty_{text}_subject", 0, site=settings.name, **values), body=f"{body}\n\n{settings.name}\n",
    )  # fmt: skip
