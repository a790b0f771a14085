"""Comments: what people of the staff write on a thing, for each other; never shown to operators or the public."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.delivery import find_mail
from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import find_report
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import AccountRole, Permission, Person, Principal
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.pipeline.subjects import is_named, may_read, names_of_subjects, sees_work
from tocsin.pipeline.tables import StaffComment
from tocsin.pipeline.uploads import read_upload

_UNCHECKED: Final[Mapping[str, Callable[[Session, str], str]]] = {
    "letter": lambda session, name: find_mail(session, name).reference,
    "upload": lambda session, name: str(read_upload(session, UUID(name)).uuid),
}
"""The name of a thing in the records, of kinds whose names `names_of_subjects` makes without asking them."""

_SHAPES: Final[Mapping[str, str]] = {
    "event": r"[1-9][0-9]{0,8}-[1-9][0-9]{0,8}", "problem": r"[0-9a-f]{16}", "never-held": r"[1-9][0-9]{0,8}",
    "rules": r"[1-9][0-9]{0,8}", "network": r"[0-9a-f.:/]{2,50}", "item": r"[a-z-]{1,40}(:[\w.@/:+ -]{1,200})?",
    **dict.fromkeys(("collector", "delegations", "directory", "networks"), r"[\w.@-]{1,100}"),
}  # fmt: skip
"""What names of other kinds look like that nothing is asked about."""


@dataclass(frozen=True, slots=True)
class CommentLine:
    """One comment as it is shown; ``by``: the name of who wrote it."""

    number: int
    at: datetime
    by: str
    text: str


class CommentText(BaseModel):
    """A comment on a thing."""

    subject: Annotated[str, Wording(hidden=True)] = Field(
        min_length=1, max_length=400, pattern=r"^[!-~][ -~]*$",
        title=N_("Subject"), description="What it is about, as the audit log names it.",
        examples=["delivery:TOC-2026-0000012"],
    )  # fmt: skip
    text: Annotated[
        str,
        Wording(
            lacking=N_("Write a comment, in at most 5,000 characters."), hint=N_("Only the staff sees it."), lines=True
        ),
    ] = Field(min_length=1, max_length=5_000, title=N_("Comment"), description="The comment.")
    once: str = Field(
        "", max_length=100, title="Idempotency key",
        description="A name for this comment: the same twice is kept once.",
    )  # fmt: skip


class CommentKept(BaseModel):
    """The number of a comment, by which it can be purged, and what it is about."""

    number: int
    subject: str


def read_comments(session: Session, subject: str, visitor: Principal, now: datetime) -> list[CommentLine]:
    """The comments on a thing, the oldest first; none for who may not read such things."""
    reader = IncidentReader(visitor.person, now)
    if not may_comment(visitor, subject, reads=True) or not _is_readable(session, reader, subject):
        return []
    rows = session.scalars(select(StaffComment).where(StaffComment.subject == subject).order_by(StaffComment.id)).all()
    names = names_of_subjects(session, [row.said_by for row in rows], visitor)
    return [
        CommentLine(row.id, row.at, names[row.said_by].text if row.said_by in names else row.said_by, row.text)
        for row in rows
    ]


def may_comment(visitor: Principal, subject: str, *, reads: bool = False) -> bool:
    """Whether somebody may write a comment on a thing, or (``reads``) read those that there are. Pure."""
    wanted = Permission.TODAY_READ if reads else Permission.TODAY_WORK
    return visitor.may(wanted) and sees_work(visitor) and may_read(visitor, subject)


def comment(context: ActContext, request: CommentText) -> CommentKept:
    """Only colleagues who may see the thing read it.

    Raises:
        NotFoundError: nothing is called so, or its kind takes no comments; a mail is named with its kind.

    """
    text, key = (
        IntakeFilter(context.node, "comments", lambda: context.now).kept_text(request.text),
        context.key_of(request),
    )
    with context.database.begin() as session:
        if not _is_there(session, context, request.subject):
            raise NotFoundError(
                say("There is nothing here that is called '%(subject)s'.", subject=request.subject[:60])
            )
        if key and (before := session.scalar(select(StaffComment).where(StaffComment.key == key))) is not None:
            return CommentKept(number=before.id, subject=before.subject)
        row = StaffComment(subject=request.subject, at=context.now, said_by=context.signature, text=text, key=key)
        session.add(row)
        session.flush()
        detail: dict[str, object] = {"number": row.id}
        audit(
            session, AuditAction.COMMENT_ADDED, at=context.now, actor=context.actor, subject=row.subject, detail=detail
        )
        return CommentKept(number=row.id, subject=row.subject)


def purge_comments(session: Session, subjects: Collection[str]) -> None:
    """Delete what was written on these things."""
    session.execute(delete(StaffComment).where(StaffComment.subject.in_(subjects)))


def find_comment(session: Session, number: int) -> StaffComment:
    """The comment of this number.

    Raises:
        NotFoundError: there is none.

    """
    if (found := session.get(StaffComment, number)) is None:
        raise NotFoundError(say("There is no such comment."))
    return found


def purge_comment(session: Session, number: int) -> None:
    """Delete one comment, where it is still there."""
    session.execute(delete(StaffComment).where(StaffComment.id == number))


def _is_there(session: Session, context: ActContext, subject: str) -> bool:
    """Whether there is such a thing, and whoever acts may see it."""
    person = None if context.person is None else session.get_one(Person, context.person)
    visitor = Principal(AccountRole.ADMINISTRATOR if person is None else AccountRole(person.role), context.person)
    named = names_of_subjects(session, [subject], visitor, context.now) if is_named(subject) else {subject: None}
    return (
        may_comment(visitor, subject)
        and subject in named
        and _is_called_so(session, IncidentReader(context.person, context.now), subject)
    )


def _is_readable(session: Session, reader: IncidentReader, subject: str) -> bool:
    """Whether a thing is in a compartment of the reader, or in none."""
    kind, _, name = subject.partition(":")
    try:
        return kind != "inbox" or find_report(session, reader, name).reference == name
    except NotFoundError:
        return False


def _is_called_so(session: Session, reader: IncidentReader, subject: str) -> bool:
    """Whether it is the one name of a thing by which its page shows comments and a purge finds them."""
    kind, colon, name = subject.partition(":")
    if (shape := _SHAPES.get(kind)) is not None:
        return re.fullmatch(shape, name) is not None
    if (read := _UNCHECKED.get(kind)) is None:
        return bool(colon) and _is_readable(session, reader, subject)
    try:
        return read(session, name) == name
    except (NotFoundError, ValueError):
        return False


ACTS: Final = (
    Act(
        "comment", "Comment on a thing", comment, noun="thing", permission=Permission.TODAY_WORK,
        audit=(AuditAction.COMMENT_ADDED,), command="todo comment", route="/comments", page=OwnSurface("/comments"),
        arguments=("subject",), told="Comment {number} on {subject} is kept.", makes=True,
        signed=("--as", "Who writes it."), title=N_("Comment"), button=N_("Add comment"),
    ),
)  # fmt: skip
"""What can be written on things."""
