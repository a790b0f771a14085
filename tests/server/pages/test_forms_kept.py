"""Every form of every page by a change of language, an ended session, Back, two presses: what was typed stays.

The forms are those of the routes: one that no page shows stands in `UNSEEN` with its reason, or fails.
"""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

import tocsin.server.pages as pages_of
from support.browser import Page
from support.page_checks import Gallery, Seen
from support.routes import doors
from support.sizes import WHOLE
from support.world import World
from tocsin.interface import capabilities
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

UNSEEN = {
    "/account/confirm": "a password, some minutes after signing in",
    "/account/passkeys/remove": "a button, for who has one",
    "/account/password": "passwords, for who has one",
    "/account/recovery-codes": "a button, for who has a second factor",
    "/account/second-factor/off": "a button, for who has one",
    "/account/sessions": "a button, for who has another browser",
    "/account/tokens/revoke": "a button, for who has one",
    "/admin/keeping/backup": "a button, where there is a folder for backups",
    "/admin/feeds/acknowledge": "a button, for a feed with an alarm",
    "/reports/feeds/alarms/{alarm}": "a button, for a feed with an alarm",
    "/problems/record-notification": "a page of its own, once problems are chosen; tests/problems/test_notification.py",
    "/today/not-notified": "buttons, where a team was never notified; tests/problems/test_notification.py",
    "/admin/machines": "a button, for a machine that is gone; tests/journeys/test_servers.py",
    "/admin/people/withdraw": "a button, where somebody is invited",
    "/assets/sheets/{sheet}/destroy": "a button, for a sheet on paper",
    "/assets/sheets/{sheet}/print": "a button, for whoever asked, once it was approved",
    "/clocks/texts/{law}/adopt": "the text that is shown is adopted; test_clock_pages.py",
    "/conflicts/decide": "there is no conflict; as are those below, by `test_forms_say_where_they_stand`",
    "/conflicts/undo": "nothing is decided",
    "/deliveries/sending": "nothing leaves",
    "/partners/{partner}/consent": "on a page of its own, once a partner is chosen; test_exchange_pages.py",
    "/partners/{partner}/number": "after a restore, until the partner said what it has",
    "/exchange/items/{item}/answer": "in the place of adopt and decline, where an item is recalled",
    "/partners/{partner}/tokens/revoke": "a button, for a partner with a token",
    "/partners/{partner}/send": "a button, below the preview of an incident",
    "/partners/{partner}/files/send": "a button, below the preview of files; test_exchange_pages.py",
    "/partners/{partner}/offer": "a button, below the preview of an incident",
    "/drafting/{name}/close": "a button of the chair",
    "/drafting/{name}/provisions/{provision}/wordings": "for the chair, tested in tests/drafting",
    "/drafting/{name}/restore": "a list of the chair, after a round",
    "/drafting/{name}/undo/{step}": "a button, after a step",
    "/events/views/{number}": "nobody here has a view",
    "/events/views/{number}/delete": "nobody here has a view",
    **{
        f"/incidents/{{reference}}/{end}": "made as the form of a milestone is, which the gallery has"
        for end in (
            "access/{person}/review",
            "assign",
            "classify",
            "clocks",
            "evidence",
            "evidence/mail",
            "evidence/report",
            "evidence/{evidence}/custody",
            "evidence/{evidence}/destroy",
            "evidence/{evidence}/keep",
            "holds",
            "holds/{hold}/lift",
            "clocks/{clock}/met",
            "clocks/{clock}/move",
            "clocks/{clock}/not-applicable",
            "clocks/{clock}/recalculate",
            "clocks/{clock}/reopen",
            "close",
            "correct",
            "leave",
            "let-in",
            "mark",
            "merge",
            "affected",
            "affected/notify",
            "affected/text",
            "affected/text/withdraw",
            "observables/review",
            "observables/{observable}/affected",
            "observables/{observable}/validity",
            "observables/{observable}/withdraw",
            "parties",
            "parties/{party}/left",
            "rate",
            "reject",
            "rename",
            "reopen",
            "restrict",
            "take-out",
            "takedowns/answer",
            "takedowns/check",
            "takedowns/look-up",
            "takedowns/object",
            "takedowns/refuse",
            "takedowns/remind",
            "takedowns/saw",
            "takedowns/withdraw",
            "takedowns",
            "tasks/{task}/assign",
            "tasks/{task}/done",
            "tasks/{task}/drop",
            "tasks/{task}/take",
            "unmerge",
            "unrestrict",
            "wait",
            "playbooks/{run}/stop",
            "closing/cause",
            "closing/figures",
        )
    },
    "/f/{token}": "a link of a mail, tested in test_closing_pages.py",
    "/playbooks/{playbook}/remove": "a button, for one that was added here",
    "/incidents/{reference}/playbooks/{run}/answer": "a button of each answer",
    "/incidents/{reference}/parties/{party}/draft": "the other button of the form that sends",
    "/merges/undo": "a button, after a merge",
    "/portal/contacts/code": "a code from a letter",
    "/portal/contacts/undo": "a button, after a denial",
    "/portal/contacts/unmute": "a button, after a mute",
    "/portal/undo/{answer}": "a button, for a minute after a status was set",
    "/readiness/frameworks/{framework}/{version}/publish": "a button, for a draft that is complete",
    "/readiness/{number}/questions/{question}/appeal": "after a decision",
    "/readiness/{number}/questions/{question}/measure": "a file, for a question that is measured",
    "/readiness/{number}/questions/{question}/use": "a list, where another question has evidence",
    "/receipt/{token}": "a link of a mail, tested in tests/exchange/test_mail_ways.py",
    "/exchange/inbox": "for nodes of partners, which show no form",
    "/report/{reference}": "behind a secret",
    "/teams/{key}/confirm": "a button, for a help line",
    "/teams/{key}/restore": "a button, for an archived team",
    "/today/mails": "a list, where a mail waits",
    "/today/unrouted/team": "a network, where events have no contact",
    "/today/unrouted/notify": "a button, where events have a contact by now",
    "/reports/public/{reference}/leave": "a button of its owner",
    "/reports/public/{reference}/ring-back": "a button, where somebody waits for a call",
    "/reports/public/{reference}/withdraw-consent": "a form, where consent was recorded",
    "/reports/feeds/save": "the other button of the form that tries",
    **{
        f"/reports/feeds/mapped/{{feed}}/{word}": "of a feed that was added; test_feed_pages.py"
        for word in ("add", "look", "pause", "remove", "restore", "resume")
    },
    "/search/export": "a button, below the table of many lines",
    "/sign-in/code": "a code of a device",
    "/undo/{number}": "a button, after an act",
    "/welcome/{token}": "a password and a name, by a link",
}
"""Routes of forms that no page of the gallery shows."""

_PUBLIC = {
    "layout.html",
    "feedback.html",
    "verify.html",
    "receipt_link.html",
    "public",
    "sign_in",
}  # there nobody has a session that ends

_FORM = re.compile(r'<form method="post"(?: action="([^"]*)")?')
_ELSEWHERE = {"/settings", "/sign-out"}  # on each page: the switch, and the way out

_LIVE = "[...document.querySelectorAll('main form[method=post]')]"
_TYPE = """(() => {
  const group = [];
  for (const form of FORMS) for (const one of form.elements) {
    if (!one.name || one.closest('.switch') || one.readOnly || one.disabled || 'secret' in one.dataset) continue;
    if (/^(hidden|password|file|submit|button|fieldset)$/.test(one.type)) continue;
    if (one.type === 'radio') {
      if (!group.includes(one.name) && !one.checked) { one.checked = true; group.push(one.name); }
    } else if (one.type === 'checkbox') one.checked = !one.checked;
    else if (one.options) one.selectedIndex = (one.selectedIndex + 1) % one.options.length;
    else if (one.type === 'number') one.value = '0.5';
    else if (one.type === 'date') one.value = '2031-02-03';
    else if (one.type === 'email') one.value = 'who@example.org';
    else one.value = 'typed at length ' + one.name;
  }
})()""".replace("FORMS", _LIVE)
_VALUES = """FORMS.map(form => [...form.elements]
  .filter(one => one.name && !one.closest('.switch'))
  .filter(one => !/^(hidden|password|file|submit|button|fieldset)$/.test(one.type))
  .map(one => [one.name, one.value, one.checked ?? null])).filter(typed => typed.length)""".replace("FORMS", _LIVE)
_SWITCH = """(() => {
  const list = document.querySelector('#switch-language');
  list.value = LANGUAGE; document.querySelector('.switch button').click();
})()"""
_TRY = "document.querySelector('button[name=do][value=try]').click()"
_PRESS_TWICE = """(() => {
  const form = FORMS[NUMBER]; form.noValidate = true;
  window.pressed = 0;
  window.addEventListener('submit', event => { if (!event.defaultPrevented) window.pressed++; });
  form.requestSubmit(); form.requestSubmit();
  sessionStorage.setItem('pressed', window.pressed);
})()""".replace("FORMS", _LIVE)


def _route(path: str, routes: dict[str, re.Pattern[str]]) -> str:
    """The route that takes a form; the one that is written out goes before one with a name in it."""
    found = [route for route, shape in routes.items() if shape.fullmatch(path)]
    return min(found, key=lambda route: route.count("{"))


@pytest.fixture(scope="module")
def routes(shown: World) -> dict[str, re.Pattern[str]]:
    """The routes that take forms."""
    paths = {door.path for door in doors(make_application(shown.node)) if door.method == "POST" and not door.api}
    return {path: re.compile(re.sub(r"\\?{[^}]*\\?}", "[^/]+", re.escape(path))) for path in paths - _ELSEWHERE}


@pytest.fixture(scope="module")
def pages(rooms: Gallery, routes: dict[str, re.Pattern[str]]) -> dict[Seen, set[str]]:
    """The pages with forms, each with the routes that no page before it has."""
    found: dict[Seen, set[str]] = {}
    known: set[str] = set()
    with httpx.Client(base_url=rooms.address, trust_env=False, timeout=60) as client:
        for seen in _as_those_who_may_most(rooms):
            text = client.get(seen.path, headers={"Cookie": f"{COOKIE}={rooms.secrets.get(seen.role, '')}"}).text
            actions = {unescape(action or seen.path).partition("?")[0] for action in _FORM.findall(text)}
            new = {_route(action, routes) for action in actions - _ELSEWHERE} - known
            if new:
                found[seen] = new
                known |= new
    return found


def _as_those_who_may_most(rooms: Gallery) -> Iterator[Seen]:
    for seen in rooms.pages:
        if seen.role not in {AccountRole.NOBODY, AccountRole.OPERATOR}:
            yield Seen(seen.path, AccountRole.ADMINISTRATOR, seen.called)
            yield Seen(seen.path, AccountRole.MANAGER, seen.called)
        yield seen


def test_no_form_is_forgotten(pages: dict[Seen, set[str]], routes: dict[str, re.Pattern[str]]) -> None:
    shown = set().union(*pages.values())
    assert routes.keys() - shown == UNSEEN.keys()


def test_forms_say_where_they_stand() -> None:
    """And so lead back there; also those that no page of the gallery shows."""
    folders = [Path(pages_of.__file__ or "").parent / "templates", *(one.templates for one in capabilities())]
    silent = [
        f"{path.name}: {form[:80]}"
        for folder in folders
        for path in folder.rglob("*.html")
        if path.relative_to(folder).parts[0] not in _PUBLIC
        for form in path.read_text("utf-8").split('<form method="post"')[1:]
        if "csrf_field()" not in form.partition("</form>")[0]
    ]
    assert silent == []


def test_what_is_typed_stays(rooms: Gallery, pages: dict[Seen, set[str]]) -> None:
    wrong = []
    losses = (_lost_with_the_language, _lost_on_the_way_back, _lost_with_the_session)
    for role in dict.fromkeys(seen.role for seen in pages):
        with rooms.eyes(role) as page:
            for at, seen in enumerate(seen for seen in pages if seen.role is role):
                for lost in losses if WHOLE else (losses[at % 3],):
                    page.open(rooms.address + seen.path)
                    page.read("sessionStorage.clear()")
                    page.read(_TYPE)
                    typed = page.read(_VALUES)
                    if any(typed):
                        wrong += [f"{seen.path} as {role}: {what}" for what in lost(rooms, page, seen, typed)]
    assert wrong == []


def test_back_shows_what_was_wrong_with_a_form_again(rooms: Gallery) -> None:
    with rooms.eyes(AccountRole.ADMINISTRATOR) as page:
        for path, ask in (("/teams/new", "form.noValidate = true; form.requestSubmit()"), ("/rules/edit", _TRY)):
            page.open(rooms.address + path)
            page.read(_TYPE)
            page.lead(f"const form = {_LIVE}[0]; {ask}")
            shown = page.read(_VALUES)
            page.open(rooms.address + "/help")
            page.lead("history.back()")
            assert page.read("document.querySelector('h1').innerText"), path
            assert page.read(_VALUES) == shown, path


def test_what_one_person_typed_is_not_shown_to_the_next(rooms: Gallery) -> None:
    with rooms.eyes(AccountRole.ANALYST) as page:
        page.open(rooms.address + "/teams/new")
        empty = page.read(_VALUES)
        page.read(_TYPE)
        page.command("Network.setCookie", name=COOKIE, value="ended", url=rooms.address)
        page.lead(_PRESS_TWICE.replace("NUMBER", "0"))
        page.command("Network.setCookie", name=COOKIE, value=rooms.secrets[AccountRole.MANAGER], url=rooms.address)
        page.open(rooms.address + "/teams/new")
        assert page.read(_VALUES) == empty


def test_without_scripts_what_was_typed_is_shown_before_it_is_lost(rooms: Gallery) -> None:
    with rooms.eyes(AccountRole.ANALYST, scripts=False) as page:
        page.open(rooms.address + "/teams/new")
        page.read(_TYPE)
        page.command("Network.setCookie", name=COOKIE, value="ended", url=rooms.address)
        page.lead(f"const form = {_LIVE}[0]; form.noValidate = true; form.submit()")
        assert "typed at length organisation" in page.read("document.querySelector('.wrong').textContent")
        assert page.read("document.querySelector('main input[name=next]').value") == "/teams/new"


def _lost_with_the_language(_rooms: Gallery, page: Page, _seen: Seen, typed: list[object]) -> Iterator[str]:
    for language in ("fr", "en"):
        page.lead(_SWITCH.replace("LANGUAGE", json.dumps(language)))
        if page.read("document.documentElement.lang") != language:
            yield f"the language is not {language}"
        if page.read(_VALUES) != typed:
            yield f"typed text after a change to {language}: {page.read(_VALUES)} for {typed}"


def _lost_on_the_way_back(rooms: Gallery, page: Page, _seen: Seen, typed: list[object]) -> Iterator[str]:
    page.open(rooms.address + "/help")
    page.lead("history.back()")
    if page.read(_VALUES) != typed:
        yield f"typed text after Back: {page.read(_VALUES)} for {typed}"


def _lost_with_the_session(rooms: Gallery, page: Page, seen: Seen, typed: list[object]) -> Iterator[str]:
    if seen.role is AccountRole.NOBODY:
        return
    forms = page.read(f"{_LIVE}.length")
    for number in range(forms) if WHOLE else [sum(map(ord, seen.path)) % forms]:
        yield from _lost_by(rooms, page, seen, number, typed)


def _lost_by(rooms: Gallery, page: Page, seen: Seen, number: int, typed: list[object]) -> Iterator[str]:
    if page.read(f"'passkey' in {_LIVE}[{number}].dataset"):  # what it sends comes from a device
        return
    page.command("Network.setCookie", name=COOKIE, value="ended", url=rooms.address)
    page.lead(_PRESS_TWICE.replace("NUMBER", str(number)))
    page.command("Network.setCookie", name=COOKIE, value=rooms.secrets[seen.role], url=rooms.address)
    if page.read("location.pathname") != "/sign-in" and "/sign-in" not in page.read("document.body.innerHTML"):
        yield f"form {number} does not ask to sign in but leads to {page.read('location.href')}"
        return
    if (pressed := page.read("sessionStorage.getItem('pressed')")) != "1":
        yield f"form {number} is sent {pressed} times"
    page.open(rooms.address + page.read("document.querySelector('main input[name=next]').value"))
    if page.read(_VALUES) != typed:
        yield f"typed text of form {number} after signing in again: {page.read(_VALUES)} for {typed}"
