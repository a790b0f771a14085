"""What people typed and who they are at this machine, kept beside the audit log, which names it by reference.

An entry is sealed and stays for ever; what stands here can be erased, and the log still verifies.
"""

import getpass
import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Final

from sqlalchemy import Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records.engine import Base
from tocsin.node.records.numbering import counted

_REFERENCE: Final = re.compile(r"(login|words):([0-9]{1,18})")
_OURS: Final = re.compile(r"[a-z]+:[0-9]+")  # ``person:3``: a reference already


class AsideKind(StrEnum):
    """What is kept; also the noun of its reference, such as ``words:12``."""

    LOGIN = "login"  # the name of a user of this machine, or one that somebody gave with --by
    WORDS = "words"  # a reason that somebody typed


class AuditAside(Base):
    """One text that entries name. ``text``: empty once it was erased."""

    __tablename__ = "audit_aside"
    __table_args__ = counted("aside")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, index=True)


def words_by_reference(session: Session, text: str) -> str:
    """The reference of what somebody typed; an empty text stays one."""
    return _keep(session, AsideKind.WORDS, text) if text else ""


def name_by_reference(session: Session, name: str) -> str:
    """The reference of who acts, the same each time; of an account, its number as ever."""
    if _OURS.fullmatch(name):
        return name
    same = select(AuditAside.id).where(AuditAside.kind == AsideKind.LOGIN.value, AuditAside.text == name)
    with session.no_autoflush:
        known = session.scalar(same.order_by(AuditAside.id).limit(1))
    return _keep(session, AsideKind.LOGIN, name) if known is None else f"{AsideKind.LOGIN}:{known}"


def actor_by_reference(session: Session, actor: str) -> str:
    """A part of Tocsin by its name, an account by its number, and the user of this machine by reference."""
    return name_by_reference(session, actor) if actor and actor == _login() else actor


def read_asides(session: Session, values: Iterable[object]) -> dict[str, str]:
    """The texts that these values name, by reference; without those that were erased."""
    named = [found for value in values if isinstance(value, str) and (found := _REFERENCE.fullmatch(value))]
    numbers = {int(found[2]) for found in named}
    texts = {
        f"{row.kind}:{row.id}": row.text
        for row in session.scalars(select(AuditAside).where(AuditAside.id.in_(numbers), AuditAside.text != ""))
    }
    return {found[0]: texts[found[0]] for found in named if found[0] in texts}


def erase_aside(session: Session, reference: str) -> bool:
    """Erase a text; whether there was one. The entries that name it stay as they are."""
    found = _REFERENCE.fullmatch(reference)
    row = session.get(AuditAside, int(found[2])) if found else None
    if found is None or row is None or row.kind != found[1] or not row.text:
        return False
    row.text = ""
    return True


def _keep(session: Session, kind: AsideKind, text: str) -> str:
    with session.no_autoflush:
        made = session.scalar(insert(AuditAside).values(kind=kind.value, text=text).returning(AuditAside.id))
    return f"{kind}:{made}"


@cache
def _login() -> str:
    """The user of this machine; empty where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
