"""The lists behind figures of today that no other place has."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.mailbox import MailState
from tocsin.directory import team_names
from tocsin.directory.keys import expiring_keys, team_keys
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.problems import count_unanswered, unanswered
from tocsin.problems.replies import list_received
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.today.figures import KEY_DAYS

_ROWS: Final = 200

_Reader = Annotated[Principal, needs(Permission.TODAY_READ)]


def stuck_pages(desk: PageContext) -> APIRouter:
    """One list for each."""
    router = PageRouter()
    node = desk.node

    @router.get("/today/unanswered")
    def silent(request: Request, _visitor: _Reader) -> Response:
        """Problems that go on and that nobody has answered, silent for longest first."""
        found = unanswered(node, node.store, node.tracker, now=desk.now, limit=_ROWS)
        total = count_unanswered(node, node.tracker, now=desk.now)[0] if len(found) == _ROWS else len(found)
        with node.database.reading() as session:
            names = team_names(session, {team for one in found for team in one.teams})
        days = node.settings.tell.escalate_after_days
        return desk.page(request, "today/unanswered.html", found=found, total=total, names=names, days=days)

    @router.get("/today/mails")
    def mails(request: Request, _visitor: _Reader) -> Response:
        """Mails that came in and wait for a person, newest first."""
        with node.database.reading() as session:
            found = list_received(session, state=MailState.WAITING.value, limit=_ROWS)
            names = team_names(session, {one.team_id for one in found if one.team_id is not None})
        return desk.page(request, "today/mails.html", found=found, names=names)

    @router.get("/today/keys")
    def keys(request: Request, _visitor: _Reader) -> Response:
        """Keys of teams that end soon, the soonest first."""
        found = expiring_keys(team_keys(node.database), desk.now, KEY_DAYS)
        with node.database.reading() as session:
            names = team_names(session, {key.team_id for key, _ in found})
        return desk.page(request, "today/keys.html", found=found, names=names, days=KEY_DAYS)

    return router
