"""The lists behind figures of today that no other place has."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.mailbox import MailKind, MailState, ReceivedMail, read_mail
from tocsin.directory import team_names
from tocsin.directory.keys import expiring_keys, team_keys
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import hidden_mails
from tocsin.interface import NotHereError, PageRouter, needs, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.node.errors import NotFoundError, TocsinError
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KEY_DAYS
from tocsin.problems import count_unanswered, problem_text, unanswered
from tocsin.problems.answers import VERDICTS, AnswerVerdict
from tocsin.problems.replies import list_received, open_context, reclassify
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.today.work_pages import attempt, work_of
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ROWS: Final = 200

_KINDS: Final = {
    MailKind.ANSWER: N_("Answer of the team"),
    MailKind.AUTOMATIC: N_("Automatic reply"),
    MailKind.BOUNCE: N_("Bounce"),
    MailKind.UNKNOWN: N_("Something else, done"),
}
_VERDICTS: Final = {of: VERDICTS[of] for of in AnswerVerdict}  # in the order in which they are declared
_Worker = Annotated[Principal, needs(Permission.TODAY_WORK)]
_Reader = Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)]


def stuck_pages(desk: PageContext) -> APIRouter:
    """One list for each."""
    router = PageRouter()
    node = desk.node

    @router.get("/today/unanswered")
    def silent(request: Request, _visitor: _Reader) -> Response:
        """Problems that go on and that nobody has answered, silent for longest first."""
        days = node.settings.tell.escalate_after_days
        found = unanswered(node.problems, days=days, now=desk.now, limit=_ROWS)
        total = count_unanswered(node.problems, days=days, now=desk.now)[0]
        with node.database.reading() as session:
            names = team_names(session, {team for one in found for team in one.teams})
        return desk.page(
            request,
            "today/unanswered.html",
            found=found,
            total=total,
            names=names,
            days=days,
            text_of=problem_text,
            **work_of(desk, ItemKind.NO_RESPONSE),
        )

    @router.get("/today/mails")
    def mails(request: Request, visitor: _Reader) -> Response:
        """Mails that came in and wait for a person, newest first; one of them with its text."""
        number = number_in(request.query_params.get("show", ""))
        return show_mails(request, shown=number if visitor.may(Permission.DELIVERIES_READ) else None)

    @router.post("/today/mails")
    def classify(request: Request, visitor: _Worker, form: Form) -> Response:
        """Say what a mail is."""
        number, kind, verdict = (text_of(form, name) for name in ("number", "kind", "verdict"))
        if not number.isdecimal() or len(number) > 9 or kind not in _KINDS:
            raise NotHereError
        context = open_context(node, node.store)
        with node.database.reading() as session:
            but = hidden_mails(session, IncidentReader(visitor.person, desk.now))
        said = AnswerVerdict(verdict) if verdict in set(AnswerVerdict) and kind == MailKind.ANSWER else None
        by: Any = {"actor": visitor.actor, "now": desk.now, "reference": text_of(form, "reference").strip(), "but": but}
        if wrong := attempt(lambda: reclassify(context, int(number), MailKind(kind), verdict=said, **by)):
            return show_mails(request, wrong, int(number))
        return desk.go("/today/mails")

    def show_mails(request: Request, wrong: TocsinError | None = None, shown: int | None = None) -> Response:
        with node.database.reading() as session:
            found = list_received(session, state=MailState.WAITING.value, limit=_ROWS)
            names = team_names(session, {one.team_id for one in found if one.team_id is not None})
        text = next((_text_of(desk, visitor_of(request), one) for one in found if one.id == shown), None)
        return desk.page(
            request, "today/mails.html", found=found, names=names, kinds=_KINDS, verdicts=_VERDICTS, wrong=wrong,
            shown=shown, text=text, status=422 if wrong else 200, **work_of(desk, ItemKind.MAILS)
        )  # fmt: skip

    @router.get("/today/keys")
    def keys(request: Request, _visitor: _Reader) -> Response:
        """Keys of teams that end soon, the soonest first."""
        found = expiring_keys(team_keys(node.database), desk.now, KEY_DAYS)
        with node.database.reading() as session:
            names = team_names(session, {key.team_id for key, _ in found})
        return desk.page(
            request, "today/keys.html", found=found, names=names, days=KEY_DAYS, **work_of(desk, ItemKind.KEYS)
        )

    return router


def _text_of(desk: PageContext, visitor: Principal, row: ReceivedMail) -> str:
    """What was written in a mail; empty where its file is not kept any more."""
    note_read(desk.node.database, visitor, f"mail:{row.id}", now=desk.now)
    try:
        return read_mail(desk.node.mailroom.read(row.sha256)).text
    except NotFoundError:
        return ""
