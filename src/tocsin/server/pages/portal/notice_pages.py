"""The notices of the own team: filed, corrected, followed by the next; with the receipt and our answer."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData

from tocsin.directory import Team, team_numbers
from tocsin.incidents.arrivals import DOORS, EntryKind, ReportDoor, read_report
from tocsin.incidents.notices import (
    KINDS,
    FiledNotice,
    NoticeFiling,
    NoticeOffice,
    chain_of,
    check_chain,
    file_notice,
    find_law,
    next_of,
    notices_of_team,
    own_notice,
)
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Person, Principal
from tocsin.node.errors import ConflictError, TocsinError, UsageError
from tocsin.server.pages.notices import (
    SHAPES,
    STATES,
    filed_fields,
    form_of,
    law_and_kind,
    notice_name,
    offered,
    read_form,
)
from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.security import Form, text_of

PLACE = "/portal/notices"

_Reader = Annotated[Principal, needs(Permission.PORTAL_READ)]
_Writer = Annotated[Principal, needs(Permission.PORTAL_WRITE)]


class _NewQuery(BaseModel):
    """Which notice is filed. ``after``, ``corrects``: of which it is a later one, or a correction."""

    law: str = ""
    kind: str = ""
    after: str = ""
    corrects: str = ""


def notice_pages(portal: PortalContext) -> APIRouter:
    """The routes."""
    router, desk = PageRouter(), portal.desk

    @router.get(PLACE)
    def listed(request: Request, visitor: _Reader) -> Response:
        """What the own team filed, the newest first."""
        if not portal.teams(request, visitor):
            return desk.page(request, "portal/no_team.html")
        return _list(portal, request, visitor)

    @router.get(f"{PLACE}/new")
    def new(request: Request, visitor: _Writer, asked: Annotated[_NewQuery, Query()]) -> Response:
        """The form of a notice; without an act and a kind, which there are."""
        team = portal.team(request, visitor)
        if not (asked.law and asked.kind):
            path = f"{PLACE}/new?team={team.key}&"
            return desk.page(request, "notices/new.html", offered=offered(desk.words(request)), path=path, team=team)
        typed = _own(portal, team, asked.corrects).notice.fields if asked.corrects else {}
        return _form(portal, request, team, (asked.law, asked.kind), given=asked.model_dump(), typed=typed)

    @router.post(f"{PLACE}/new")
    def send(request: Request, visitor: _Writer, form: Form) -> Response:
        """File it."""
        return _send(portal, request, visitor, form)

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: _Reader, reference: str, done: str = "") -> Response:
        """One notice with its receipt, our answers, and what is due next."""
        return _page(portal, request, portal.team(request, visitor), reference, done=done == "filed")

    return router


def _numbers(portal: PortalContext, team: Team) -> frozenset[int]:
    return frozenset(team_numbers(portal.desk.node.database, team.key))


def _own(portal: PortalContext, team: Team, reference: str) -> FiledNotice:
    with portal.desk.node.database.reading() as session:
        return own_notice(session, _numbers(portal, team), reference)


def _list(portal: PortalContext, request: Request, visitor: Principal) -> Response:
    team, words = portal.team(request, visitor), portal.desk.words(request)
    with portal.desk.node.database.reading() as session:
        found = notices_of_team(session, _numbers(portal, team))
        chains: dict[str, list[FiledNotice]] = {}
        for one in found:
            chains.setdefault(one.notice.chain, []).append(one)
        following = {name: next_of(session, chain) for name, chain in chains.items()}
    rows = [(one, notice_name(find_law(one.notice.law), one.notice.kind, words)) for one in found]
    return portal.desk.page(
        request, "portal/notices.html", team=team, teams=portal.teams(request, visitor), rows=rows, chains=chains,
        following=following, states=STATES, shapes=SHAPES, kinds=KINDS, path=PLACE,
    )  # fmt: skip


def _send(portal: PortalContext, request: Request, visitor: Principal, form: FormData) -> Response:
    desk, team = portal.desk, portal.team(request, visitor)
    sent = read_form(desk, form, "portal notice")
    law, kind = sent.law, sent.kind
    given = {name: text_of(form, name)[:40] for name in ("after", "corrects")}
    if sent.wrongs or sent.ticket is None:
        return _form(portal, request, team, (law.id, kind), given=given, **sent.again)
    numbers, node = _numbers(portal, team), desk.node
    kept = [(file, node.inbox.put(file.content)) for file in sent.files]
    try:
        with node.database.begin() as session:
            found = {name: own_notice(session, numbers, of).notice if of else None for name, of in given.items()}
            for one in found.values():
                check_chain(one, numbers, law.id)
            account = None if visitor.person is None else session.get(Person, visitor.person)
            filing = NoticeFiling(
                law, kind, team, sent.values, ReportDoor.PORTAL, desk.now,
                mailbox=account.mailbox if account else next(iter(team.mailboxes), ""),
                sender=f"{visitor.name or visitor.actor}, {team.name}", language=desk.words(request).language,
                files=kept, **found,
            )  # fmt: skip
            file_notice(session, NoticeOffice(node, desk.say, visitor.actor, desk.now), filing, sent.ticket)
    except (ConflictError, UsageError) as error:
        return _form(portal, request, team, (law.id, kind), given=given, error=error, **sent.again)
    return desk.go(f"{PLACE}/{sent.ticket.reference}?team={team.key}&done=filed")


def _form(
    portal: PortalContext,
    request: Request,
    team: Team,
    of: tuple[str, str],
    *,
    given: Mapping[str, str],
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str] | None = None,
    made: str = "",
    error: TocsinError | None = None,
) -> Response:
    form = form_of(portal.desk, request, *law_and_kind(*of), typed=typed, wrongs=wrongs or {}, made=made)
    status = 409 if error else 422 if wrongs else 200
    return portal.desk.page(request, "notices/form.html", status=status, team=team, given=given, error=error, **form)


def _page(portal: PortalContext, request: Request, team: Team, reference: str, *, done: bool) -> Response:
    desk, words = portal.desk, portal.desk.words(request)
    with desk.node.database.reading() as session:
        found = own_notice(session, _numbers(portal, team), reference)
        chain = chain_of(session, None, found.notice)
        following = next_of(session, chain)
        read = read_report(session, found.report, None)
    law = find_law(found.notice.law)
    return desk.page(
        request, "portal/notice.html", found=found, notice=found.notice, report=found.report, team=team, chain=chain,
        following=following, fields=filed_fields(law, found.notice, words), files=read.files, law=law,
        name=notice_name(law, found.notice.kind, words),
        answers=[one for one in read.entries if one.kind == EntryKind.ANSWER], states=STATES, shapes=SHAPES,
        kinds=KINDS, doors=DOORS, done=done, path=f"{PLACE}/{found.report.reference}",
    )  # fmt: skip
