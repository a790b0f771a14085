"""The people of the node: invited, given a role, blocked, let in again, removed."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.directory import Team, teams_by_id
from tocsin.interface import NotHereError, Number, PageRouter, needs, number_in
from tocsin.node.accounts import (
    AccountRole,
    Permission,
    Person,
    Principal,
    block,
    find_person,
    invite,
    list_people,
    note_read,
    open_invitations,
    remove,
    reset_factor,
    reset_link,
    set_role,
    site_config_of,
    unblock,
    withdraw_invitation,
)
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.account import ask_again, is_fresh
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import Form, text_of, texts_of

ROLES: Final = {
    AccountRole.ADMINISTRATOR: N_("Administrator: sets up the node and its people"),
    AccountRole.MANAGER: N_("Manager: decides rules and conflicts"),
    AccountRole.ANALYST: N_("Analyst: works with reports, events and teams, and releases what is held"),
    AccountRole.AUDITOR: N_("Auditor: reads everything, changes nothing"),
    AccountRole.OPERATOR: N_("Operator: sees the networks of the own organisations"),
    AccountRole.ASSESSOR: N_("Assessor: works on readiness assessments"),
    AccountRole.DELEGATE: N_("Delegate: negotiates texts"),
    AccountRole.PROTECTION_OFFICER: N_("Protection officer: works with the hotline on content that must never be held"),
}
ROLE_NAMES: Final = {
    AccountRole.ADMINISTRATOR: N_("administrator"),
    AccountRole.MANAGER: N_("manager"),
    AccountRole.ANALYST: N_("analyst"),
    AccountRole.AUDITOR: N_("auditor"),
    AccountRole.OPERATOR: N_("operator"),
    AccountRole.ASSESSOR: N_("assessor"),
    AccountRole.DELEGATE: N_("delegate"),
    AccountRole.PROTECTION_OFFICER: N_("protection officer"),
}
_DONE: Final = {
    "invite": N_("Invitation created."),
    "withdraw": N_("Invitation withdrawn. Its link creates no account any more."),
    "role": N_("Role and teams saved. The person signs in again."),
    "block": N_("Account blocked."),
    "unblock": N_("Account unblocked."),
    "factor": N_("Second factor removed. A new one is set up at the next sign-in."),
    "reset": N_("A mail with a link to set a new password is on its way."),
    "remove": N_("Account removed. Its name and email address are deleted."),
}
_ASKED: Final = ("block", "remove")  # what is asked again before it is done
_NOT_THE_NAME: Final = N_("This is not the name of the account.")
_Reader = Annotated[Principal, needs(Permission.ADMIN_READ)]
_Writer = Annotated[Principal, needs(Permission.ADMIN_WRITE)]
_Do = Callable[[Session, Person, "_PersonAct"], object]


class _PersonAct:
    """What an act on a person is made with."""

    def __init__(self, desk: PageContext, request: Request, visitor: Principal, form: Form) -> None:
        self.desk, self.form = desk, form
        self.by: dict[str, Any] = {"actor": visitor.actor, "now": desk.now}
        self.house = site_config_of(desk.node.settings, desk.tokens, desk.words(request).say)

    def teams(self) -> list[int]:
        """The numbers of the teams that were named by key.

        Raises:
            UsageError: there is no such team.

        """
        by_key = {team.key: team.id for team in teams_by_id(self.desk.node.database).values()}
        named = [key.strip().lower() for text in texts_of(self.form, "teams") for key in text.split(",") if key.strip()]
        if unknown := [key for key in named if key not in by_key]:
            raise UsageError(
                say("No team '%(unknown)s' is in the directory.", unknown=unknown[0]),
                hint=say("The page Teams lists their keys."),
            )
        return [by_key[key] for key in named]

    def role(self) -> AccountRole:
        """The role that was chosen.

        Raises:
            UsageError: it is none.

        """
        role = text_of(self.form, "role")
        if role not in ROLES:
            raise UsageError(say("Choose a role."))
        return AccountRole(role)


def people_pages(desk: PageContext) -> APIRouter:
    """The routes of people."""
    router = PageRouter(prefix="/admin/people")

    @router.get("")
    def people(request: Request, visitor: _Reader, done: str = "") -> Response:
        """Everybody with an account, and who is invited."""
        return _page(desk, request, visitor, done=done)

    _add_invitations(router, desk)
    _add_person(router, desk)

    @router.post("/{number}/{act}")
    def change(request: Request, visitor: _Writer, form: Form, number: Number, act: str) -> Response:
        """Change one account."""
        if act not in _ACTS:
            raise NotHereError
        if not is_fresh(desk, visitor):
            return ask_again(f"/admin/people/{number}/{act}" if act in _ASKED else f"/admin/people/{number}")
        if act in _ASKED and text_of(form, "sure") != "yes":
            return _question(desk, request, number, act)
        if act == "remove" and not _is_named(desk, number, text_of(form, "name")):
            return _question(desk, request, number, act, wrong=_NOT_THE_NAME)
        try:
            with desk.node.database.begin() as session:
                _ACTS[act](session, find_person(session, number), _PersonAct(desk, request, visitor, form))
        except (UsageError, ConflictError) as error:
            return _person_page(desk, request, visitor, number, wrong=error)
        return desk.go(f"/admin/people?done={act}" if act == "remove" else f"/admin/people/{number}?done={act}")

    return router


def _add_person(router: APIRouter, desk: PageContext) -> None:
    """The page of one person, and what is asked before the account is blocked or removed."""

    @router.get("/{number:int}")
    def one(request: Request, visitor: _Reader, number: Number, done: str = "") -> Response:
        """One person, and what can be changed of the account."""
        return _person_page(desk, request, visitor, number, done=done)

    @router.get("/{number}/block")
    def ask_block(request: Request, _visitor: _Writer, number: Number) -> Response:
        """What is asked before a person is kept out."""
        return _question(desk, request, number, "block")

    @router.get("/{number}/remove")
    def ask_remove(request: Request, _visitor: _Writer, number: Number) -> Response:
        """What is asked before an account is removed."""
        return _question(desk, request, number, "remove")


def _add_invitations(router: APIRouter, desk: PageContext) -> None:
    """Invitations, made and withdrawn."""

    @router.post("/invite")
    def invite_somebody(request: Request, visitor: _Writer, form: Form) -> Response:
        """Invite somebody by mail; the link is shown once, for who passes it on in another way."""
        if not is_fresh(desk, visitor):
            return ask_again("/admin/people")
        given = _PersonAct(desk, request, visitor, form)
        try:
            role, teams = given.role(), given.teams()
            with desk.node.database.begin() as session:
                link = invite(session, given.house, text_of(form, "mailbox"), role, teams=teams, **given.by)
        except (UsageError, InputError, ConflictError) as error:
            return _page(desk, request, visitor, wrong=error, typed=form)
        return _page(desk, request, visitor, done="invite", link=link)

    @router.post("/withdraw")
    def withdraw(request: Request, visitor: _Writer, form: Form) -> Response:
        """Withdraw an invitation that nobody followed yet."""
        if not is_fresh(desk, visitor):
            return ask_again("/admin/people")
        number = number_in(text_of(form, "invitation"))
        if number is None:
            raise NotHereError
        try:
            with desk.node.database.begin() as session:
                withdraw_invitation(session, number, actor=visitor.actor, now=desk.now)
        except ConflictError as error:
            return _page(desk, request, visitor, wrong=error)
        return desk.go("/admin/people?done=withdraw")


_ACTS: Final[dict[str, _Do]] = {
    "role": lambda session, person, given: set_role(session, person, given.role(), given.teams(), **given.by),
    "block": lambda session, person, given: block(session, person, **given.by),
    "unblock": lambda session, person, given: unblock(session, person, **given.by),
    "factor": lambda session, person, given: reset_factor(session, given.house, person, **given.by),
    "reset": lambda session, person, given: reset_link(session, given.house, person, **given.by),
    "remove": lambda session, person, given: remove(session, person, **given.by),
}


def _is_named(desk: PageContext, number: int, name: str) -> bool:
    with desk.node.database.reading() as session:
        return name.split() == find_person(session, number).name.split()


def _question(desk: PageContext, request: Request, number: int, act: str, *, wrong: str = "") -> Response:
    with desk.node.database.reading() as session:
        name = find_person(session, number).name
    status = 422 if wrong else 200
    return desk.page(request, "admin/person_act.html", status=status, name=name, act=act, number=number, wrong=wrong)


def _person_page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    number: int,
    *,
    done: str = "",
    wrong: TocsinError | None = None,
) -> Response:
    note_read(desk.node.database, visitor, "people", now=desk.now)
    with desk.node.database.reading() as session:
        found = next((one for one in list_people(session) if one.number == number), None)
    if found is None:
        raise NotHereError
    known = teams_by_id(desk.node.database)
    words = desk.words(request)
    return desk.page(
        request,
        "admin/person.html",
        status=422 if wrong else 200,
        one=found,
        base=f"/admin/people/{number}",
        own_keys=", ".join(known[team].key for team in found.teams if team in known),
        done=_DONE.get(done, ""),
        wrongs=[("role", words.translate_error(wrong))] if wrong else [],
        **_choices(words, known),
    )


def _choices(words: PageTexts, known: Mapping[int, Team]) -> dict[str, Any]:
    """What lists and forms of accounts name: roles, and teams by number."""
    roles = [(role.value, words.say(said)) for role, said in ROLES.items()]
    return {"role_names": ROLE_NAMES, "roles": roles, "known_teams": known}


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    *,
    done: str = "",
    link: str = "",
    wrong: TocsinError | None = None,
    typed: Form | None = None,
) -> Response:
    note_read(desk.node.database, visitor, "people", now=desk.now)
    with desk.node.database.reading() as session:
        everybody, invited = list_people(session), open_invitations(session, now=desk.now)
    words = desk.words(request)
    return desk.page(
        request,
        "admin/people.html",
        status=422 if wrong else 200,
        everybody=everybody,
        invited=invited,
        done=_DONE.get(done, ""),
        link=link,
        mailed=bool(desk.node.settings.server.url),
        wrongs=[("mailbox", words.translate_error(wrong))] if wrong else [],
        typed={name: text_of(typed, name) if typed else "" for name in ("mailbox", "role", "teams")},
        **_choices(words, teams_by_id(desk.node.database)),
    )
