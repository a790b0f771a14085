"""One digest or letter: the very mail and its files, why this team, and what happened with it."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import TOLD, Delivery, DeliveryItem, DeliveryState, find_mail
from tocsin.directory import team_names
from tocsin.interface import NotHereError, Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import TocsinError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry, resolve_references
from tocsin.pipeline.why_told import why_told
from tocsin.problems.answers import VERDICTS, Answer, without_withdrawn
from tocsin.problems.replies import mails_about
from tocsin.server.pages.audit import SAYINGS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.deliveries.mail_copies import Copy, MailFile, copies, kept_mails, rows_of
from tocsin.server.pages.deliveries.states import STATES, acts_of

_REPORTS = 5  # that a digest leads to, the newest
_Reader = Annotated[Principal, needs(Permission.DELIVERIES_READ)]


@dataclass(frozen=True)
class MailInView:
    """A digest or letter that the visitor may see, and who it is for. ``inside``: the visitor sees everything."""

    one: Delivery | Letter
    team: str
    key: str
    inside: bool

    @property
    def is_digest(self) -> bool:
        """Whether it is a digest."""
        return isinstance(self.one, Delivery)


def find(desk: PageContext, visitor: Principal, reference: str) -> MailInView:
    """What a reference names, where the visitor may see it.

    Raises:
        NotFoundError: there is none.
        NotHereError: it is another team's, or has not left.

    """
    reach = visitor.reach(Permission.DELIVERIES_READ)
    with desk.node.database.reading() as session:
        one = find_mail(session, reference)
        team = one.team_id if isinstance(one, Delivery) else 0
        if not reach.covers([team]) or not (reach.everything or one.state in TOLD):
            raise NotHereError
        key, name = team_names(session, {team}).get(team, ("", ""))
    return MailInView(one, name or getattr(one, "mailbox", ""), key, reach.everything)


def mail_pages(desk: PageContext) -> APIRouter:
    """The pages of one digest or letter."""
    router = PageRouter()

    @router.get("/deliveries/{reference}")
    def show(request: Request, reference: str, visitor: _Reader, mail: str = "") -> Response:
        """All of it; a mail that was not kept is made again when asked for."""
        found = find(desk, visitor, reference)
        mails, trouble = _mails(desk, found, again=mail == "again" or found.one.state == DeliveryState.HELD)
        with desk.node.database.reading() as session:
            context = _happened(session, found)
        return desk.page(
            request,
            "deliveries/show.html",
            found=found,
            mails=mails,
            trouble=trouble,
            again=mail == "again",
            states=STATES,
            acts=acts_of(found.one) if visitor.may(Permission.DELIVERIES_STEER) else [],
            verdicts=VERDICTS,
            sayings=SAYINGS,
            **context,
        )

    @router.get("/deliveries/{reference}/why")
    def why(
        request: Request,
        reference: str,
        visitor: Annotated[Principal, needs(Permission.DELIVERIES_READ, everything=True)],
    ) -> Response:
        """Why this team was told."""
        found = find(desk, visitor, reference)
        if not isinstance(found.one, Delivery):
            raise NotHereError
        reasons = why_told(desk.node, found.one)
        return desk.page(request, "deliveries/why.html", found=found, reasons=reasons)

    @router.get("/deliveries/{reference}/mails/{part}")
    def raw(reference: str, part: Number, visitor: _Reader) -> Response:
        """One mail as a file."""
        found = find(desk, visitor, reference)
        mail = _part(desk, found, part)
        return _download(f"{found.one.reference}-{part}.eml", "message/rfc822", mail.content)

    @router.get("/deliveries/{reference}/mails/{part}/files/{number}")
    def file(reference: str, part: Number, number: Number, visitor: _Reader) -> Response:
        """One file of a mail."""
        chosen = _file(desk, find(desk, visitor, reference), part, number)
        return _download(chosen.name, chosen.kind, chosen.content)

    @router.get("/deliveries/{reference}/mails/{part}/files/{number}/table")
    def table(request: Request, reference: str, part: Number, number: Number, visitor: _Reader) -> Response:
        """The first rows of a file of a mail."""
        found = find(desk, visitor, reference)
        chosen = _file(desk, found, part, number)
        columns, rows, more = rows_of(chosen)
        return desk.page(
            request,
            "deliveries/table.html",
            found=found,
            file=chosen,
            part=part,
            number=number,
            columns=columns,
            rows=rows,
            more=more,
        )

    return router


def _mails(desk: PageContext, found: MailInView, *, again: bool) -> tuple[list[Copy], str]:
    """The kept mails, those made again where asked for, and why there are none."""
    if not again and not kept_mails(desk.node, found.one):
        return [], ""
    try:
        return copies(desk.node, found.one), ""
    except TocsinError as error:
        return [], str(error)


def _part(desk: PageContext, found: MailInView, part: int) -> Copy:
    mails = copies(desk.node, found.one)
    if not 1 <= part <= len(mails):
        raise NotHereError
    return mails[part - 1]


def _file(desk: PageContext, found: MailInView, part: int, number: int) -> MailFile:
    read = _part(desk, found, part).read
    if read is None or not 1 <= number <= len(read.files):
        raise NotHereError
    return read.files[number - 1]


def _download(name: str, kind: str, content: bytes) -> Response:
    # RFC 6266: the plain name, and the same in UTF-8; never shown within the page.
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name if sign.isascii())
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=kind, headers={"Content-Disposition": disposition})


def _happened(session: Session, found: MailInView) -> dict[str, Any]:
    """What came back of a digest: answers to all who may see it, the rest to those inside."""
    nothing: dict[str, Any] = {
        "answers": [],
        "entries": [],
        "names": {},
        "not_reached": {},
        "tickets": [],
        "repeats": [],
        "ingests": [],
    }
    one = found.one
    if not isinstance(one, Delivery):
        return nothing | _entries(session, f"letter:{one.reference}", found)
    entries = session.scalars(select(Answer).where(Answer.delivery_id == one.id).order_by(Answer.id))
    answers = [answer for answer, _ in without_withdrawn((entry, []) for entry in entries)]
    kin = (Delivery.repeats == one.id) if one.repeats is None else (Delivery.id == one.repeats)
    repeats = session.scalars(select(Delivery.reference).where(kin).order_by(Delivery.id)).all()
    known = nothing | {"answers": answers, "repeats": repeats}
    if not found.inside:
        return known
    came = mails_about(session, one)
    ingests = select(DeliveryItem.ingest).where(DeliveryItem.delivery_id == (one.repeats or one.id))
    return (
        known
        | _entries(session, f"delivery:{one.reference}", found)
        | {
            "not_reached": came["not_reached"],
            "tickets": came["tickets"],
            "ingests": session.scalars(ingests.order_by(DeliveryItem.ingest.desc()).limit(_REPORTS)).all(),
        }
    )


def _entries(session: Session, subject: str, found: MailInView) -> dict[str, Any]:
    """What the log has of a mail, and who did it by name."""
    since = found.one.created_at
    query = select(AuditEntry).where(AuditEntry.subject == subject, AuditEntry.at >= since).order_by(AuditEntry.id)
    entries = list(session.scalars(query)) if found.inside else []
    names = names_of_actors(session, (entry.actor for entry in entries)) | resolve_references(session, entries)
    return {"entries": entries, "names": names}
