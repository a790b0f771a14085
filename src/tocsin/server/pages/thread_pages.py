"""The correspondence with a party of an incident: its mails, and the form by which one writes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.delivery.mailbox import MailKind
from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents import Incident, IncidentReader, Party, find_incident, observables_of, parties_of
from tocsin.incidents.arrivals import form_word, ticket_of
from tocsin.incidents.threads import (
    IncidentMail,
    IncidentThread,
    PartyPost,
    QuotedTextError,
    ThreadMailState,
    ThreadTurn,
    acts,
    drafts_of,
    filled,
    find_party_thread,
    letters_of_mails,
    mails_of,
    open_post,
    save_draft,
    threads_of,
    writing_now,
)
from tocsin.interface import Number, PageRouter, RequestError, context_for, needs, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal, names_of, names_of_actors, note_read
from tocsin.node.errors import ConflictError
from tocsin.node.letters import LetterState
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED, is_stale
from tocsin.server.pages.incidents import PARTIES
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of
from tocsin.sharing.gate import Tlp

_ACTS: Final = {act.name: act for act in acts.ACTS}
_MOST: Final = 200  # mails on one page
_PLACE: Final = "/incidents/{reference}/parties/{party}"
_BUTTONS: Final = {
    "no-answer": "no-answer", "replace-address": "address", "accept-mail": "accept", "refuse-mail": "refuse",
}  # fmt: skip
"""By act, the end of the address of its button."""

_DONE: Final = {
    "send": N_("Mail sent."),
    "announce": N_("Mails sent."),
    "no-answer": N_("No answer needed."),
    "replace-address": N_("Address replaced. Mails to the former one no longer count as the party's."),
    "accept-mail": N_("Mail accepted. Its sender counts as the party's now."),
    "refuse-mail": N_("Mail refused."),
    "draft": N_("Draft saved."),
}
TURNS: Final = {
    ThreadTurn.OURS: (N_("Ours to answer"), "busy"),
    ThreadTurn.THEIRS: (N_("Waiting for the party"), "quiet"),
    ThreadTurn.QUIET: (N_("No answer needed"), "good"),
}
_STATES: Final = {
    ThreadMailState.AUTOMATIC: (N_("Automatic reply"), "quiet"),
    ThreadMailState.UNCERTAIN: (N_("Sender not known"), "wrong"),
    ThreadMailState.REFUSED: (N_("Not the party's"), "quiet"),
    ThreadMailState.OVER_LIMIT: (N_("Over the limit of a day"), "wrong"),
}
_LETTERS: Final = {
    LetterState.QUEUED: (N_("Leaves within a minute"), "busy"),
    LetterState.RETRY: (N_("Not accepted yet, tried again"), "wrong"),
    LetterState.SENT: (N_("Sent"), "good"),
    LetterState.FAILED: (N_("Not sent"), "wrong"),
    LetterState.WITHHELD: (N_("withheld by the release gate"), "wrong"),
    LetterState.BOUNCED: (N_("Not delivered"), "wrong"),
    LetterState.EXPIRED: (N_("Not sent in time"), "wrong"),
    LetterState.SHADOW: (N_("Written only, as the node sends nothing"), "quiet"),
    LetterState.REDIRECTED: (N_("Redirected to us"), "quiet"),
}

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]
_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


@dataclass
class _MailForm:
    """What stands in the form, and what is wrong with it. ``quotes``: of other threads, to be confirmed."""

    subject: str = ""
    text: str = ""
    tlp: str = ""
    to_person: bool = False
    answered: bool = False
    in_clear: bool = False
    wrongs: dict[str, str] = field(default_factory=dict)
    hint: str = ""
    quotes: list[Any] = field(default_factory=list)
    parties: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _ShownMail:
    """A mail as the page shows it. ``error``: why it did not leave."""

    mail: IncidentMail
    by: str
    state: tuple[str, str] | None
    open: bool
    error: str


def thread_pages(desk: PageContext) -> APIRouter:
    """The page of a party, its forms, and the announcement to several."""
    router = PageRouter()

    @router.get(_PLACE)
    def show(request: Request, visitor: _Reader, reference: str, party: Number, done: str = "") -> Response:
        """The mails of a party in their order; asked for a ``template``, with its text to begin with."""
        return _page(desk, request, visitor, (reference, party), done=_DONE.get(done, ""))

    @router.post(_PLACE + "/send")
    def send(request: Request, visitor: _Worker, reference: str, party: Number, form: Form) -> Response:
        """Write to the party."""
        return _send(desk, request, visitor, (reference, party), form)

    @router.post(_PLACE + "/draft")
    def draft(request: Request, visitor: _Worker, reference: str, party: Number, form: Form) -> Response:
        """Keep what is typed; a script gets told who else is writing."""
        return _draft(desk, request, visitor, (reference, party), form)

    for act, address in _BUTTONS.items():
        router.post(f"{_PLACE}/{address}")(_button(desk, act))

    @router.get("/incidents/{reference}/announce")
    def announcement(request: Request, visitor: _Worker, reference: str, template: str = "") -> Response:
        """The form."""
        return _announcement(desk, request, visitor, reference, template=template)

    @router.post("/incidents/{reference}/announce")
    def announce(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Write to each of the chosen parties."""
        return _announce(desk, request, visitor, reference, form)

    return router


def _button(desk: PageContext, act: str) -> Callable[..., Response]:
    """What a button does that needs no text."""

    def press(request: Request, _visitor: _Worker, reference: str, party: Number, form: Form) -> Response:
        visitor = visitor_of(request)
        path = f"{_path(reference, party)}?done={act}"
        try:
            return perform_and_go(desk, visitor, _ACTS[act], form, path, reference=reference, party=party)
        except (ConflictError, RequestError) as error:
            wrong = {"text": desk.words(request).translate_error(error)}
            return _page(desk, request, visitor, (reference, party), typed=_MailForm(wrongs=wrong))

    return press


def _path(reference: str, party: int) -> str:
    return f"/incidents/{reference}/parties/{party}"


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    of: tuple[str, int],
    *,
    done: str = "",
    typed: _MailForm | None = None,
) -> Response:
    reader = IncidentReader(visitor.person, desk.now)
    post = open_post(context_for(desk.node, visitor, _ACTS["send"], desk.now))
    with desk.node.database.reading() as session:
        found = find_party_thread(session, reader, *of)
        mails = mails_of(session, reader, [found.thread] if found.thread else [], limit=_MOST)
        shown = _shown(session, mails)
        drafts = drafts_of(session, reader, found.party)
        names = names_of(session, (one.person for one in drafts))
        saved = next((one for one in drafts if one.person == visitor.person), None)
        observables = observables_of(session, reader, [found.incident])
        chosen = post.templates(found.party.language).get(request.query_params.get("template", ""))
        if typed is None and chosen is not None:
            values = post.values(found.incident, found.party, observables)
            typed = _MailForm(filled(chosen.subject, values), filled(chosen.text, values))
        typed = typed or (_MailForm(saved.subject, saved.text) if saved else _MailForm(_subject(mails)))
        team = post.team_of(found.party)
    note_read(desk.node.database, visitor, f"incident:{found.incident.reference}", now=desk.now)
    context: dict[str, Any] = {
        "incident": found.incident, "party": found.party, "thread": found.thread, "mails": shown, "most": _MOST,
        "team": team,
        "turns": TURNS, "roles": PARTIES, "typed": typed, "done": done, "made": form_word(desk.tokens, desk.now),
        "seen": max((one.id for one in mails), default=0), "path": _path(found.incident.reference, found.party.id),
        "mailbox": post.mailbox_of(found.party), "address": _address(post, found.thread),
        "verdict": post.verdict(found.party, found.incident.tlp, to_person=True),
        "templates": post.templates(found.party.language), "labels": list(Tlp),
        "writing": [(names.get(one.person, ""), one) for one in writing_now(drafts, visitor.person, desk.now)],
    }  # fmt: skip
    return desk.page(request, "threads/thread.html", status=422 if typed.wrongs or typed.quotes else 200, **context)


def _address(post: PartyPost, thread: IncidentThread | None) -> str:
    return post.address_of(thread.reference) if thread else ""


def _subject(mails: list[IncidentMail]) -> str:
    """The subject of an answer to the last mail; empty where there is none."""
    answered = (ThreadMailState.PLACED, ThreadMailState.SENT)
    subject = next((one.subject for one in reversed(mails) if one.state in answered), "")
    return subject if not subject or subject.lower().startswith("re:") else f"Re: {subject}"


def _shown(session: Session, mails: list[IncidentMail]) -> list[_ShownMail]:
    letters, names = letters_of_mails(session, mails), names_of_actors(session, {one.by for one in mails if one.by})
    made = []
    for one in mails:
        letter = letters.get(one.letter)
        state = _LETTERS.get(LetterState(letter.state)) if letter else _STATES.get(ThreadMailState(one.state))
        if one.kind == MailKind.BOUNCE:
            state = (N_("Delivery report"), "quiet")
        folded = one.state in {ThreadMailState.AUTOMATIC, ThreadMailState.REFUSED}
        error = letter.error if letter and letter.state in {LetterState.FAILED, LetterState.WITHHELD} else ""
        made.append(_ShownMail(one, names.get(one.by, one.by) if one.ours else one.address, state, not folded, error))
    return made


def _send(desk: PageContext, request: Request, visitor: Principal, of: tuple[str, int], form: FormData) -> Response:
    typed, ticket = _typed(form), ticket_of(text_of(form, "made"), desk.tokens, desk.now)
    if _is_stale(desk, visitor, of, form, ticket.act if ticket else ""):
        typed.wrongs = {"text": desk.words(request).say(CHANGED)}
        return _page(desk, request, visitor, of, typed=typed)
    once = ticket.act if ticket else ""
    reference, party = of
    try:
        path = f"{_path(reference, party)}?done=send"
        return perform_and_go(desk, visitor, _ACTS["send"], form, path, reference=reference, party=party, once=once)
    except (RequestError, QuotedTextError, ConflictError) as error:
        _note_wrongs(desk, request, typed, error)
        return _page(desk, request, visitor, of, typed=typed)


def _is_stale(desk: PageContext, visitor: Principal, of: tuple[str, int], form: FormData, act: str) -> bool:
    """Whether a mail came or went since the form was made, other than by the form itself."""
    reader = IncidentReader(visitor.person, desk.now)
    with desk.node.database.reading() as session:
        found = find_party_thread(session, reader, *of)
        mails = mails_of(session, reader, [found.thread] if found.thread else [])
    if act and any(one.once and f"/{act}/" in one.once for one in mails):
        return False
    return is_stale(text_of(form, "seen"), max((one.id for one in mails), default=0))


def _typed(form: FormData) -> _MailForm:
    text = text_of(form, "text").replace("\r\n", "\n")
    subject, tlp = " ".join(text_of(form, "subject").split()), text_of(form, "tlp")
    chosen = frozenset(number_in(str(one)) or 0 for one in form.getlist("parties"))
    to_person, answered = bool(text_of(form, "to_person")), bool(text_of(form, "answered"))
    in_clear = bool(text_of(form, "in_clear"))
    return _MailForm(subject, text, tlp, to_person, answered, in_clear, parties=chosen)


def _note_wrongs(
    desk: PageContext, request: Request, typed: _MailForm, error: RequestError | QuotedTextError | ConflictError
) -> None:
    words = desk.words(request)
    if isinstance(error, QuotedTextError):
        typed.quotes = list(error.quotes)
    elif isinstance(error, RequestError):
        typed.wrongs = {name: words.translate(words.say(said)) for name, said in error.wrongs}
        typed.hint = words.translate(error.hint) if error.hint else ""
    else:
        typed.wrongs = {"text": words.translate_error(error)}


def _draft(desk: PageContext, request: Request, visitor: Principal, of: tuple[str, int], form: FormData) -> Response:
    typed, reader = _typed(form), IncidentReader(visitor.person, desk.now)
    kept = IntakeFilter(desk.node, "threads", lambda: desk.now).kept_text
    with desk.node.database.begin() as session:
        found = find_party_thread(session, reader, *of)
        subject, text = kept(typed.subject[:200]), kept(typed.text[:50_000])
        if visitor.person is not None:
            save_draft(session, found.party, visitor.person, subject=subject, text=text, now=desk.now)
        others = writing_now(drafts_of(session, reader, found.party), visitor.person, desk.now)
        names = names_of(session, (one.person for one in others))
    if request.headers.get("accept") != "application/json":
        return desk.go(f"{_path(*of)}?done=draft")
    words = desk.words(request)
    said = [words.say(N_("%(name)s is writing to this party."), name=names.get(one.person, "")) for one in others]
    return JSONResponse({"writing": said})


def _announcement(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    template: str = "",
    typed: _MailForm | None = None,
) -> Response:
    reader = IncidentReader(visitor.person, desk.now)
    post = open_post(context_for(desk.node, visitor, _ACTS["announce"], desk.now))
    with desk.node.database.reading() as session:
        incident: Incident = find_incident(session, reader, reference)
        parties = [one for one in parties_of(session, reader, [incident]) if one.left_at is None]
        threads = threads_of(session, reader, parties)
    language = desk.node.settings.node.language
    if typed is None:
        chosen = post.templates(language).get(template)
        typed = _MailForm(chosen.subject, chosen.text) if chosen else _MailForm()
        typed.subject, typed.text = (
            filled(one, {"reference": incident.reference}) for one in (typed.subject, typed.text)
        )
    context: dict[str, Any] = {
        "incident": incident, "parties": [(one, post.mailbox_of(one), _turn(threads, one)) for one in parties],
        "typed": typed, "templates": post.templates(language), "labels": list(Tlp), "roles": PARTIES,
        "made": form_word(desk.tokens, desk.now), "path": f"/incidents/{incident.reference}/announce",
    }  # fmt: skip
    return desk.page(request, "threads/announce.html", status=422 if typed.wrongs or typed.quotes else 200, **context)


def _turn(threads: dict[int, IncidentThread], party: Party) -> tuple[str, str] | None:
    return TURNS[ThreadTurn(threads[party.id].turn)] if party.id in threads else None


def _announce(desk: PageContext, request: Request, visitor: Principal, reference: str, form: FormData) -> Response:
    typed, ticket = _typed(form), ticket_of(text_of(form, "made"), desk.tokens, desk.now)
    once, path = ticket.act if ticket else "", f"/incidents/{reference}?done=announce"
    try:
        return perform_and_go(desk, visitor, _ACTS["announce"], form, path, reference=reference, once=once)
    except (RequestError, QuotedTextError, ConflictError) as error:
        _note_wrongs(desk, request, typed, error)
        return _announcement(desk, request, visitor, reference, typed=typed)
