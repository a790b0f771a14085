"""A team is edited: details, networks and contacts, notification settings, keys, mutes, verification, archive.

Each act is the function that the command line calls, with the visitor's name as whose word it is.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from tocsin.directory import (
    AttachmentFormat,
    DigestInterval,
    RuleKind,
    Team,
    TeamKind,
    TeamRecord,
    acts,
    help_line_values,
)
from tocsin.directory.contacts import verify_team
from tocsin.directory.keys import KeySubmission, import_keys
from tocsin.interface import PageRouter, number_in
from tocsin.networks import Networks, country_names, networks_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.acts import perform, perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.teams.access import Editor, fault_of, name_of, one_line, seen_team
from tocsin.server.security import Form, text_of, texts_of

MOST_KEY_BYTES: Final = 1_000_000
"""A file with keys is no longer than this."""

_CHOSEN: Final = 200  # values that a field offers, of each sort
_NUMBERS: Final = 10  # AS whose networks it offers
_CEILINGS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
_KINDS = ("prefix", "asn", "domain", "country", "mailbox")
_ACTS = {act.name: act for act in acts.ACTS}


def change_pages(desk: PageContext) -> APIRouter:
    """The forms by which a team is changed, and what they do."""
    router = PageRouter()

    @router.get("/teams/{key}/change")
    def change(request: Request, visitor: Editor, key: str) -> Response:
        """All forms; a link may fill in what is said."""
        about = seen_team(desk, visitor, key, Permission.DIRECTORY_EDIT)
        given = {name: request.query_params.get(name, "")[:300] for name in ("act", "kind", "value", "ceiling")}
        return _page(desk, request, about, given)

    def noted(
        request: Request, about: TeamRecord, form: FormData, done: str, act: Callable[[], int | None]
    ) -> Response:
        """The team's page with what was done, and the way to undo it; or the forms with what is wrong."""
        undos: list[int | None] = []
        if wrong := fault_of(desk, lambda: undos.append(act())):
            typed = {name: value for name, value in form.items() if isinstance(value, str)}
            return _page(desk, request, about, typed, wrong)
        return desk.go(f"/teams/{about.team.key}?done={done}", undo=undos[0])

    def add(name: str, act: Callable[[PageContext, Principal, Team, FormData], int | None], done: str) -> None:
        @router.post(f"/teams/{{key}}/{name}", name=name, description=act.__doc__)
        def change_team(request: Request, visitor: Editor, key: str, form: Form) -> Response:
            about = seen_team(desk, visitor, key, Permission.DIRECTORY_EDIT)
            return noted(request, about, form, done, lambda: act(desk, visitor, about.team, form))

    add("details", _edit, "said")
    add("archive", _archive, "archived")
    add("restore", _restore, "restored")
    add("say", _speak, "said")
    add("preferences", _prefer, "said")
    add("mutes", _mute, "said")
    add("keys", _bring_key, "key")
    add("confirm", _confirm, "said")

    @router.post("/teams/{key}/verify")
    def verify(request: Request, visitor: Editor, key: str, form: Form) -> Response:
        """Send verification requests to the team's email addresses that are not verified."""
        about = seen_team(desk, visitor, key, Permission.DIRECTORY_EDIT)
        asked: list[int] = []
        own = about.team.key
        act = lambda: asked.append(len(verify_team(desk.node, own, now=desk.now).asks))  # noqa: E731 (one statement)
        response = noted(request, about, form, "asked", act)
        return desk.go(f"/teams/{own}?done=nobody") if asked == [0] else response

    return router


def _confirm(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Mark the team's numbers and pages as verified by phone."""
    perform(desk, visitor, _ACTS["confirm"], form, team=team.key)


def _page(desk: PageContext, request: Request, about: TeamRecord, typed: dict[str, Any], wrong: str = "") -> Response:
    tomorrow = (desk.now + timedelta(days=1)).date().isoformat()
    shown: dict[str, Any] = {"team": about.team, "archived": about.archived, "wrong": wrong, "whole": True}
    shown |= {"typed": defaultdict(str, typed), "tomorrow": tomorrow, "values": _values(desk, about)}
    shown |= {"intervals": list(DigestInterval), "formats": list(AttachmentFormat), "team_kinds": list(TeamKind)}
    shown |= {"countries": list(country_names()), "timezones": sorted(available_timezones())}
    shown["lines"] = help_line_values(desk.node.database, about.team.key)
    return desk.page(
        request, "teams/change.html", status=422 if wrong else 200, ceilings=_CEILINGS, kinds=_KINDS, **shown
    )


def _values(desk: PageContext, about: TeamRecord) -> list[tuple[str, str]]:
    """What can be chosen instead of typed: what is said to be the team's, then what its AS announce; each with why."""
    said = [*about.rules, *about.rules_overruled]
    numbers = dict.fromkeys(int(rule.value) for rule in said if rule.kind is RuleKind.ASN)
    found = {f"AS{rule.value}" if rule.kind is RuleKind.ASN else rule.value: rule.source for rule in said[:_CHOSEN]}
    found |= {box.address: box.source for box in about.mailboxes}
    tables = Networks.open(desk.node.home)
    for asn in list(numbers)[:_NUMBERS]:
        for network in networks_of(tables, asn)[:_CHOSEN]:
            found.setdefault(str(network), f"AS{asn}")
    return list(found.items())[: 2 * _CHOSEN]


def _edit(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Save what differs from what the page showed, so that another person's change beside it stays."""
    fields = {name: "team_kind" if name == "kind" else name for name in acts.DETAILS}
    typed = {name: one_line(text_of(form, field)) for name, field in fields.items() if field in form}
    wanted = {name: text for name, text in typed.items() if text != text_of(form, f"was_{fields[name]}", text + " ")}
    perform(desk, visitor, _ACTS["edit"], FormData(), team=team.key, **wanted)


def _archive(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Archive the team: no event is routed to it any more."""
    perform(
        desk, visitor, _ACTS["archive"], FormData(), team=team.key, reason=one_line(text_of(form, "archive_reason"))
    )


def _restore(desk: PageContext, visitor: Principal, team: Team, _form: FormData) -> None:
    """Take the team out of the archive."""
    perform(desk, visitor, _ACTS["restore"], FormData(), team=team.key)


def _speak(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Assign something to the team, or say that it is not theirs, or withdraw that."""
    act, sure = text_of(form, "act"), text_of(form, "confidence").strip()
    if act not in {"assert", "deny", "withdraw"}:
        raise UsageError(say("Choose an action."))
    if sure and ((confidence := number_in(sure)) is None or confidence > 100):
        raise UsageError(say("Confidence is a number from 0 to 100."))
    if act != "withdraw" and not text_of(form, "reason").strip():
        raise UsageError(say("Give a reason: contact lookups show it."))
    # Whoever takes something back takes back what everybody said: the page shows one list.
    perform(desk, visitor, _ACTS[act], form, team=team.key)


def _prefer(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Save the notification settings: only what differs."""
    wanted = {
        "interval": (text_of(form, "interval"), team.interval.value),
        "formats": (" ".join(texts_of(form, "formats")), " ".join(team.formats)),
        "ceiling": (text_of(form, "ceiling"), team.ceiling),
        "language": (text_of(form, "language").strip(), team.language),
        "encrypt": ("true" if text_of(form, "encrypt") else "false", "true" if team.encrypt else "false"),
    }
    for field, (said, before) in wanted.items():
        if said != before:
            if not said:
                raise UsageError(say("Choose at least one attachment format, and a language."))
            perform(desk, visitor, _ACTS["set"], FormData(), team=team.key, field=field, values=(said,))


def _mute(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> int | None:
    """Mute something until a day, or end a mute; by which number it can be undone."""
    given = {name: text_of(form, f"mute_{name}").strip() for name in ("kind", "value")}
    act = _ACTS["unmute" if text_of(form, "end") else "mute"]
    if act.name == "mute":
        given["reason"] = one_line(text_of(form, "mute_reason"))
    return perform_with_undo(desk, visitor, act, form, team=team.key, **given)[1]


def _bring_key(desk: PageContext, visitor: Principal, team: Team, form: FormData) -> None:
    """Record a key from a file or from pasted text."""
    file = form.get("file")
    content, name = text_of(form, "pasted").encode(), "pasted"
    if isinstance(file, UploadFile) and file.size:
        content, name = file.file.read(MOST_KEY_BYTES + 1), (file.filename or "a file")[:200]
    if len(content) > MOST_KEY_BYTES:
        raise UsageError(say("The file is too large for a key: at most 1 MB."))
    if not content.strip():
        raise UsageError(say("Choose a file with a key, or paste one."))
    said_by = f"{name_of(visitor)}: {text_of(form, 'checked').strip()}".rstrip(": ")[:500]
    saying = KeySubmission(
        visitor.actor, name, said_by, bool(text_of(form, "any_mailbox")), bool(text_of(form, "prefer"))
    )
    import_keys(desk.node.database, team.key, content, saying, desk.now)
