"""The text of the rules to edit: checked by line, tried against last week's events, put in force as a version."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.directory import team_keys
from tocsin.interface import NotHereError, PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, UsageError
from tocsin.pipeline.rules_dry_run import Trial, try_rules
from tocsin.server.pages.context import PageContext, keep_for_back
from tocsin.sharing.rules import (
    DEFAULT,
    RuleFault,
    RulesDocument,
    RulesFaultError,
    RulesVersion,
    conditions,
    difference,
    effect,
    read_document,
    rules_version,
    set_rules,
    version_in_force,
)

_Writer = Annotated[Principal, needs(Permission.RULES_WRITE)]


class RulesForm(BaseModel):
    """The form: ``do`` is ``check``, ``try`` or ``set``."""

    text: str = Field(max_length=250_000)
    based_on: int
    do: str = "check"
    why: str = Field("", max_length=500)


@dataclass(frozen=True)
class RulesDraft:
    """The text that somebody works on, and what was found of it. ``based_on``: the version that it changes."""

    text: str
    based_on: int
    why: str = ""
    wrong: str = ""
    faults: list[tuple[RuleFault, str]] = field(default_factory=list)
    document: RulesDocument | None = None
    trial: Trial | None = None
    changed: list[str] = field(default_factory=list)
    meanwhile: list[str] = field(default_factory=list)


def edit_pages(desk: PageContext) -> APIRouter:
    """The page to edit."""
    router = PageRouter()

    @router.get("/rules/edit")
    def edit(request: Request, _visitor: _Writer, back_to: str = "") -> Response:
        """The text in force, or that of an earlier version, to be changed."""
        with desk.node.database.reading() as session:
            current = version_in_force(session)
            number = current.id if current else 0
            former = number_in(back_to)
            if back_to and former is None:
                raise NotHereError
            text = rules_version(session, former).text if former is not None else current.text if current else DEFAULT
        return _page(desk, request, RulesDraft(text, number))

    @router.post("/rules/edit")
    def work(
        request: Request,
        visitor: _Writer,
        typed: Annotated[RulesForm, Form()],
    ) -> Response:
        """Check the text, try it, or put it in force."""
        draft = _checked(
            desk, RulesDraft(typed.text.replace("\r\n", "\n"), typed.based_on, " ".join(typed.why.split()))
        )
        if draft.document is None:
            return _page(desk, request, draft, status=422)
        if typed.do == "try":
            return _page(desk, request, replace(draft, trial=try_rules(desk.node, draft.document, now=desk.now)))
        if typed.do != "set":
            return _page(desk, request, draft)
        try:
            _put_in_force(desk, draft, visitor.actor)
        except UsageError:
            return _page(desk, request, replace(draft, wrong="why"), status=422)
        except ConflictError as error:
            return _page(desk, request, _met_another(desk, draft, str(error)), status=409)
        return desk.go("/rules")

    return router


def _put_in_force(desk: PageContext, draft: RulesDraft, actor: str) -> None:
    with desk.node.database.begin() as session:
        keys = set(team_keys(session).values())
        set_rules(session, draft.text, based_on=draft.based_on, teams=keys, why=draft.why, actor=actor, now=desk.now)


def _checked(desk: PageContext, draft: RulesDraft) -> RulesDraft:
    """The draft with all that is wrong with it, or with what it means and changes."""
    with desk.node.database.reading() as session:
        keys = set(team_keys(session).values())
        current = version_in_force(session)
    try:
        document = read_document(draft.text, keys)
    except RulesFaultError as error:
        lines = draft.text.splitlines()
        shown = [(fault, lines[fault.line - 1] if 0 < fault.line <= len(lines) else "") for fault in error.faults]
        return replace(draft, faults=shown)
    changed = difference(current.text if current else DEFAULT, draft.text.rstrip() + "\n")
    return replace(draft, document=document, changed=changed)


def _met_another(desk: PageContext, draft: RulesDraft, words: str) -> RulesDraft:
    """The draft beside what another person put in force meanwhile; from now on it is based on that."""
    with desk.node.database.reading() as session:
        base, current = session.get(RulesVersion, draft.based_on), version_in_force(session)
    if current is None or current.id == draft.based_on:
        return replace(draft, wrong=words)
    meanwhile = difference(base.text if base else DEFAULT, current.text)
    return replace(draft, wrong=words, based_on=current.id, meanwhile=meanwhile)


def _page(desk: PageContext, request: Request, draft: RulesDraft, *, status: int = 200) -> Response:
    response = desk.page(request, "rules/edit.html", status=status, draft=draft, effect=effect, conditions=conditions)
    if request.method == "POST":
        keep_for_back(response)  # also what was tried
    return response
