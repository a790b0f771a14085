"""Each form sent twice, and sent from two tabs: nothing is there twice, and nothing that was typed is lost unsaid.

The routes are those of the application: a form that makes something stands in `MAKES`, each other one in `SETS` by what
makes its second sending the first one. A change of language, an ended session and Back are in `test_forms_kept.py`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml.html import HtmlElement, document_fromstring
from sqlalchemy import func, select

from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.page_examples import OWN
from support.routes import doors
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.node.records import Base
from tocsin.problems import ProblemSearch, problem_text
from tocsin.server.server import make_application

KEPT, TOLD, SAME = "kept", "told", "same"
"""What becomes of the form of a second tab: kept too; not done, and that is said; or it changes nothing."""

_APART = {"audit_entry", "undo", "undo_row", "session"}  # rows that say what was done
_RULE = '[[route]]\nid = "new"\nnetwork = "198.51.100.0/24"\ninform = ["sector"]\nwhy = "They asked."\n'


@dataclass(frozen=True)
class Making:
    """A form that makes something: its page, what a person types there, and ``other`` in a second tab."""

    route: str
    page: str
    typed: Mapping[str, str | list[str]]
    other: Mapping[str, str]
    tab: str
    role: AccountRole = AccountRole.ANALYST


MAKES = (
    Making("/incidents/new", "/incidents/new", {"title": "Phishing"}, {"title": "Phishing, a bank"}, KEPT),
    Making("/incidents/{reference}/note", "INCIDENT", {"text": "Rang"}, {"text": "Rang again"}, KEPT),
    Making("/incidents/{reference}/tasks", "INCIDENT", {"text": "Ask"}, {"text": "Ask again"}, KEPT),
    Making(
        "/incidents/{reference}/observables", "INCIDENT/observables", {"text": "198.51.100.9"},
        {"text": "198.51.100.10"}, KEPT,
    ),
    Making(
        "/incidents/{reference}/parties", "INCIDENT/act?act=parties", {"role": "press", "name": "A newspaper"},
        {"role": "press", "name": "Another"}, KEPT,
    ),
    Making(
        "/incidents/{reference}/milestone", "INCIDENT/act?act=milestone", {"milestone": "contained"},
        {"milestone": "recovered"}, KEPT,
    ),
    Making("/incidents/{reference}/evidence", "INCIDENT/act?act=evidence", {"name": "Disk"}, {"name": "Tape"}, KEPT),
    Making(
        "/incidents/{reference}/evidence/{evidence}/custody", "INCIDENT/act?act=evidence/1/custody",
        {"step": "moved", "place": "Safe 1"}, {"step": "moved", "place": "Safe 2"}, KEPT,
    ),
    Making("/incidents/{reference}/holds", "INCIDENT/act?act=holds", {"ordered_by": "A"}, {"ordered_by": "B"}, KEPT),
    Making(
        "/incidents/{reference}/clocks", "INCIDENT/act?act=clocks", {"rule": "nis2-23-b", "at": "2026-09-01T10:00"},
        {"rule": "nis2-23-c", "at": "2026-09-01T10:00"}, KEPT,
    ),
    Making(
        "/incidents/{reference}/rating", "INCIDENT/rating",
        {"answer-impact": "serious", "answer-victim": "medium", "comment": "Rang"},
        {"answer-impact": "serious", "answer-victim": "large", "comment": "Rang again"}, KEPT,
    ),
    Making(
        "/incidents/{reference}/takedowns", "INCIDENT/act?act=takedowns",
        {"text": "http://kit.example/", "necessity": "It infects", "basis": "Act 7", "how": "a scan"},
        {"text": "http://kit.example/2", "necessity": "It infects", "basis": "Act 7", "how": "a scan"}, KEPT,
    ),
    Making(
        "/incidents/{reference}/takedowns/saw", "INCIDENT/act?act=takedowns/saw&takedowns=1",
        {"seen": "up", "how": "a scan"}, {"seen": "gone", "how": "a browser"}, KEPT,
    ),
    *(
        Making(
            f"/incidents/{{reference}}/takedowns/{word}", f"INCIDENT/act?act=takedowns/{word}&takedowns=1",
            {"reason": "They rang"}, {"reason": "They rang again"}, KEPT,
        )
        for word in ("object", "withdraw")
    ),
    Making(
        "/incidents/{reference}/affected", "INCIDENT/act?act=affected", {"kind": "open-rdp"},
        {"severity": "high"}, KEPT,
    ),
    Making("/partners/new", "/partners/new", {"name": "CERT B"}, {"name": "CERT C"}, KEPT, AccountRole.MANAGER),
    Making(
        "/partners/{partner}/check", "/partners/1/check", {"result": "no-answer"}, {"result": "wrong-signature"},
        KEPT, AccountRole.MANAGER,
    ),
    Making("/assets/new", "/assets/new", {"name": "Water"}, {"name": "Water, north"}, KEPT, AccountRole.MANAGER),
    Making(
        "/assets/sheets", "/assets/sheets", {"asset": ["1"], "holder": "Safe"}, {"asset": "1", "holder": "Drawer"},
        KEPT, AccountRole.MANAGER,
    ),
    Making("/inbox/phone", "/inbox/phone", {"what": "It is slow"}, {"what": "It is off"}, KEPT),
    Making(
        "/portal/report", "/portal/report", {"what": "It is slow", "kind": "other"},
        {"what": "It is off", "kind": "other"}, KEPT, AccountRole.OPERATOR,
    ),
    Making(
        "/portal/notices/new", "/portal/notices/new?law=voluntary&kind=notification", {"field-what": "It is slow"},
        {"field-what": "It is off"}, KEPT, AccountRole.OPERATOR,
    ),
    Making(
        "/notices/new", "/notices/new?law=voluntary&kind=notification",
        {"field-what": "It is slow", "team": "operator", "received_at": "2026-11-15T08:00"},
        {"field-what": "It is off", "team": "operator", "received_at": "2026-11-15T08:00"}, KEPT,
    ),
    Making("/notices/{reference}/answer", "NOTICE", {"text": "Isolate it"}, {"text": "And call us"}, KEPT),
    Making("/comments", "/teams/operator", {"text": "Called them"}, {"text": "They call back"}, KEPT),
    Making("/problems/record", "PROBLEM", {"verdict": "acknowledged", "note": "Called"}, {"verdict": "fixed"}, KEPT),
    Making(
        "/problems/record", "/problems/act?act=record&every=found&up_to=99",
        {"verdict": "acknowledged", "team": "sector"},
        {"verdict": "fixed", "team": "sector", "note": "By mail"}, KEPT,
    ),
    Making(
        "/teams/new", "/teams/new", {"key": "new-isp", "name": "New ISP", "kind": "abuse"},
        {"key": "new-isp", "name": "Another of this key"}, TOLD,
    ),
    Making(
        "/report", "/report", {"what": "It blinks at night", "kind": "deceit"},
        {"what": "It blinks at night", "kind": "deceit"}, TOLD, AccountRole.NOBODY,
    ),
    Making(
        "/reports/public/{reference}/say", "INBOX", {"what": "note", "text": "Known to the bank"},
        {"what": "note", "text": "And to the police"}, TOLD,
    ),
    Making(
        "/admin/people/invite", "/admin/people", {"mailbox": "new@people.example", "role": "analyst"},
        {"mailbox": "new@people.example", "role": "auditor"}, KEPT, AccountRole.ADMINISTRATOR,
    ),
    Making(
        "/account/tokens", "/account/tokens", {"name": "robot", "scope": "lookup"},
        {"name": "robot", "scope": "lookup"}, TOLD, AccountRole.ADMINISTRATOR,
    ),
    Making("/events/views", "/events?feed=scan_rdp", {"name": "Ours"}, {"name": "Ours"}, SAME),
    Making("/rules/edit", "/rules/edit", {"text": _RULE, "why": "Asked", "do": "set"},
           {"text": _RULE + "# more", "why": "Asked", "do": "set"}, TOLD, AccountRole.MANAGER),
    Making("/portal", "/portal?state=all", {"verdict": "false", "every": "found"},
           {"verdict": "not_ours", "every": "found", "note": "sold"}, TOLD, AccountRole.OPERATOR),
    Making(
        "/portal/contacts/claim", "/portal/contacts", {"value": "1.1.1.0/24", "at": "abuse@operator.example"},
        {"value": "1.1.1.0/24", "at": "abuse@operator.example"}, SAME, AccountRole.OPERATOR,
    ),
    Making("/teams/{key}/say", "/teams/sector/change", {"value": "8.8.4.0/24", "reason": "a call"},
           {"value": "8.8.4.0/24", "reason": "another call"}, KEPT),
    Making("/teams/{key}/mutes", "/teams/sector/change",
           {"mute_kind": "type", "mute_value": "scanner", "until": "2031-01-01"},
           {"mute_kind": "type", "mute_value": "scanner", "until": "2032-01-01"}, SAME),
)  # fmt: skip

SETS: Mapping[str, tuple[str, ...]] = {
    "a state is set, the one that it has": (
        "/assets/confirm",
        "/partners/{partner}/attest", "/partners/{partner}/change",
        "/assets/{asset}/acknowledge",
        "/assets/{asset}/change",
        "/assets/changes/{change}",
        "/assets/sheets/{sheet}/approve",
        "/assets/sheets/{sheet}/destroy",
        "/assets/sheets/{sheet}/print",
        "/drafting/{name}/chair",
        "/readiness/{number}/rank",
        "/incidents/access",
        "/incidents/{reference}/assign",
        "/incidents/{reference}/classify",
        "/incidents/{reference}/closing/cause",
        "/incidents/{reference}/closing/figures",
        "/incidents/{reference}/leave",
        "/incidents/{reference}/let-in",
        "/incidents/{reference}/mark",
        "/incidents/{reference}/rate",
        "/incidents/{reference}/rename",
        "/incidents/{reference}/reopen",
        "/incidents/{reference}/restrict",
        "/incidents/{reference}/affected/text",
        "/incidents/{reference}/affected/text/withdraw",
        "/incidents/{reference}/affected/{population}/freeze",
        "/incidents/{reference}/observables/look-up",
        "/incidents/{reference}/observables/review",
        "/incidents/{reference}/observables/{observable}/affected",
        "/incidents/{reference}/observables/{observable}/validity",
        "/incidents/{reference}/take",
        "/incidents/{reference}/take-out",
        "/incidents/{reference}/tasks/{task}/assign",
        "/incidents/{reference}/tasks/{task}/take",
        "/incidents/{reference}/unrestrict",
        "/incidents/{reference}/clocks/{clock}/move",
        "/incidents/{reference}/evidence/{evidence}/keep",
        "/incidents/{reference}/holds/{hold}/lift",
        "/incidents/{reference}/clocks/{clock}/reopen",
        "/clocks/calendar",
        "/incidents/{reference}/wait",
        "/duty/phone", "/duty/rosters/{roster}/edit", "/duty/rules/new", "/duty/changes/{change}/answer",
        "/duty/notes/{note}/read",
        "/incidents/{reference}/parties/{party}/draft",
        "/incidents/{reference}/parties/{party}/no-answer",
        "/reports/public/{reference}/ring-back",
        "/reports/public/{reference}/basis",
        "/account/profile", "/account/sessions", "/account/password", "/admin/feeds/acknowledge",
        "/admin/feeds/cadence",
        "/admin/people/withdraw", "/admin/people/{number}/{act}", "/deliveries/sending", "/events/views/{number}",
        "/never-held/{reference}/receipt", "/portal/contacts/how", "/problems/mute", "/problems/remind",
        "/partners/{partner}/allow-more", "/today/not-notified",
        "/reports/feeds/mapped/{feed}/add", "/reports/feeds/mapped/{feed}/look", "/reports/feeds/mapped/{feed}/pause",
        "/reports/feeds/mapped/{feed}/resume", "/reports/feeds/save", "/reports/feeds/servers", "/reports/feeds/try",
        "/reports/feeds/alarms/{alarm}", "/reports/help-texts", "/reports/public/{reference}/assign",
        "/reports/public/{reference}/leave", "/reports/public/{reference}/state", "/reports/public/{reference}/take",
        "/settings", "/sign-out", "/teams/{key}/confirm", "/teams/{key}/details", "/teams/{key}/keys",
        "/teams/{key}/preferences", "/today/items",
    ),
    "it is there once by what it says": (
        "/incidents/{reference}/clocks/{clock}/recalculate",
        "/assets/import",
        "/agreements/new", "/agreements/import", "/agreements/{agreement}/send", "/agreements/{agreement}/remove-party",
        "/partners/profile", "/partners/import", "/partners/{partner}/keys", "/partners/{partner}/tokens",
        "/partners/{partner}/files/send",
        "/partners/{partner}/send", "/exchange/take", "/exchange/receipt", "/exchange/dispatches/{dispatch}/recall",
        "/exchange/items/{item}/adopt", "/exchange/items/{item}/pass-on", "/exchange/items/{item}/report",
        "/partners/{partner}/number", "/partners/{partner}/offer", "/partners/{partner}/ask", "/exchange/notice",
        "/exchange/messages/{message}/open", "/exchange/items/{item}/ask-source", "/partners/{partner}/consent",
        "/problems/inbox", "/problems/record-notification",
        "/playbooks/add",
        "/problems/incident",
        "/duty/rosters/new", "/duty/rosters/{roster}/override", "/duty/rosters/{roster}/swap",
        "/duty/rosters/{roster}/hand-over", "/duty/rules/{rule}/test",
        "/reports/public/act",
        "/reports/public/{reference}/consent", "/reports/public/{reference}/withdraw-consent",
        "/reports/public/{reference}/order",
        "/readiness/start",
        "/readiness/frameworks",
        "/readiness/indices",
        "/readiness/{number}/questions/{question}/evidence",
        "/readiness/{number}/questions/{question}/use",
        "/readiness/{number}/questions/{question}",
        "/readiness/{number}/questions/{question}/review",
        "/readiness/{number}/questions/{question}/measure",
        "/readiness/{number}/questions/{question}/appeal",
        "/readiness/{number}/plan",
        "/readiness/{number}/targets",
        "/readiness/frameworks/{framework}/{version}/assign",
        "/drafting/import",
        "/drafting/{name}/new",
        "/drafting/{name}/provisions/{provision}/comment",
        "/drafting/{name}/provisions/{provision}/position",
        "/drafting/{name}/provisions/{provision}/propose",
        "/drafting/{name}/provisions/{provision}/wordings",
        "/portal/contacts/deny", "/portal/contacts/mailbox", "/portal/contacts/mute", "/merges/pair", "/reports/new",
        "/reports/public/{reference}/notify", "/today/accept", "/today/unrouted/team", "/today/unrouted/notify",
        "/today/withheld/ask",
    ),
    "it takes something away, which is gone then": (
        "/admin/machines",
        "/playbooks/{playbook}/remove",
        "/assets/{asset}/remove",
        "/partners/{partner}/remove", "/partners/{partner}/tokens/revoke", "/partners/{partner}/unattest",
        "/account/passkeys/remove", "/account/second-factor/off", "/account/tokens/revoke",
        "/reports/feeds/mapped/{feed}/remove",
        "/events/views/{number}/delete",
        "/incidents/{reference}/affected/{population}/detach",
        "/portal/contacts/undo", "/portal/contacts/unmute", "/portal/undo/{answer}", "/purge/{reference}",
        "/reports/public/{reference}/erase", "/undo/{number}", "/a/{token}/undo/{answer}", "/admin/keeping/retention",
    ),
    "what it is about is decided, and a second time refused": (
        "/readiness/frameworks/{framework}/{version}/publish",
        "/readiness/{number}/close",
        "/readiness/{number}/plan/done",
        "/readiness/{number}/questions/{question}/decide",
        "/drafting/{name}/close",
        "/drafting/{name}/restore",
        "/drafting/{name}/undo/{step}",
        "/drafting/{name}/provisions/{provision}/confirm",
        "/incidents/{reference}/clocks/{clock}/met",
        "/incidents/{reference}/evidence/{evidence}/destroy",
        "/incidents/{reference}/clocks/{clock}/not-applicable",
        "/clocks/texts/{law}/adopt",
        "/clocks/texts/{law}/withdraw",
        "/agreements/{agreement}/sign", "/agreements/{agreement}/adopt", "/agreements/{agreement}/refuse",
        "/agreements/{agreement}/leave",
        "/partners/{partner}/keys/{key}/accept", "/partners/{partner}/keys/{key}/confirm",
        "/partners/{partner}/keys/{key}/end",
        "/exchange/items/{item}/decline", "/exchange/items/{item}/answer",
        "/exchange/dispatches/{dispatch}/answer", "/exchange/dispatches/{dispatch}/resend",
        "/exchange/cases/{case}/accept", "/exchange/cases/{case}/refuse", "/exchange/cases/{case}/withdraw",
        "/exchange/messages/{message}/acknowledge", "/exchange/messages/{message}/reply",
        "/exchange/messages/{message}/consent",
        "/duty/call-outs/{call_out}/acknowledge", "/duty/changes/{change}/withdraw", "/duty/rosters/{roster}/retire",
        "/duty/rules/{rule}/end",
        "/incidents/{reference}/close",
        "/incidents/act",
        "/incidents/{reference}/reject",
        "/incidents/{reference}/merge",
        "/incidents/{reference}/unmerge",
        "/incidents/{reference}/tasks/{task}/done",
        "/incidents/{reference}/tasks/{task}/drop",
        "/incidents/{reference}/parties/{party}/accept",
        "/incidents/{reference}/parties/{party}/refuse",
        "/incidents/{reference}/parties/{party}/left",
        "/incidents/{reference}/observables/{observable}/withdraw",
        "/incidents/{reference}/access/{person}/review",
        "/incidents/{reference}/correct",
        "/incidents/{reference}/playbooks",
        "/incidents/{reference}/playbooks/{run}/answer",
        "/incidents/{reference}/playbooks/{run}/stop",
        "/incidents/{reference}/takedowns/answer",
        "/claims/{number}/decide", "/conflicts/decide", "/conflicts/undo", "/deliveries/act", "/merges/undo",
        "/reports/quarantine/replay", "/reports/quarantine/{number}/{place}", "/reports/{number}/leave",
        "/reports/{number}/reread",
        "/teams/{key}/archive", "/teams/{key}/restore", "/today/mails", "/never-held/{reference}/send-again",
        "/notices/{reference}/no-answer",
    ),
    "a word of its own is used up": (
        "/account/confirm", "/account/passkeys", "/account/recovery-codes", "/account/second-factor",
        "/portal/contacts/code", "/sign-in", "/sign-in/code", "/sign-in/passkey", "/welcome/{token}", "/forgotten",
    ),
    "by a test of its own": (
        "/incidents/{reference}/parties/{party}/send",  # test_thread_pages.py
        "/reports/feeds/mapped/{feed}/restore",  # test_feed_pages.py: done twice, it is as before
        "/incidents/{reference}/announce",  # test_thread_pages.py
        "/incidents/{reference}/affected/notify",  # tests/pipeline/test_notify_affected.py
        "/incidents/{reference}/takedowns/ask",  # test_takedown_pages.py, and the four below
        "/incidents/{reference}/takedowns/check",
        "/incidents/{reference}/takedowns/look-up",
        "/incidents/{reference}/takedowns/refuse",
        "/incidents/{reference}/takedowns/remind",
        "/incidents/{reference}/evidence/files",  # test_evidence_pages.py
        "/incidents/{reference}/evidence/report",  # tests/incidents/evidence/test_custody.py
        "/incidents/{reference}/evidence/mail",  # tests/incidents/evidence/test_custody.py
        "/incidents/{reference}/parties/{party}/address",  # test_thread_pages.py: each press is a new address
        "/f/{token}",  # test_closing_pages.py
        "/a/{token}",  # test_answer_pages.py, test_answer_kill.py
        "/report/{reference}",  # test_public_report.py
        "/v/{token}",  # test_verify_pages.py
        "/receipt/{token}",  # tests/exchange/test_mail_ways.py
        "/exchange/inbox",  # tests/exchange/test_ways.py: the same file has the same receipt
        "/call/{token}",  # test_duty_pages.py
        "/duty/calendar",  # test_duty_pages.py: each press draws a new address
        "/teams/{key}/verify",  # test_verify_pages.py
    ),
    "each press is another copy that leaves, and an entry that says so": (
        "/incidents/{reference}/evidence/{evidence}/file", "/incidents/{reference}/evidence/export",
        "/exchange/items/{item}/parts/{part}/file",
        "/incidents/{reference}/report",
    ),
    "nothing is kept": (
        "/partners/{partner}/files",
        "/search", "/search/export", "/report/answer", "/claims/{number}/check", "/admin/keeping/backup",
    ),
}  # fmt: skip
"""The other forms, by why the second of two presses is the first one."""


def page_of(answer: httpx.Response) -> HtmlElement:
    """The page as its elements."""
    page: HtmlElement = document_fromstring(answer.text)
    return page


def said(answer: httpx.Response) -> str:
    """What a page says is wrong."""
    return " ".join(" ".join(one.itertext()) for one in page_of(answer).find_class("wrong"))


def place_of(answer: httpx.Response) -> str:
    """Where a form leads, whichever undo is offered there."""
    return re.split("[?&]undo=", answer.headers.get("location", ""))[0]


@dataclass
class Stage:
    """A node with something of every kind, and a browser of each role."""

    world: World
    browsers: dict[AccountRole, Browser]
    pages: dict[str, str]

    def form(self, of: Making) -> tuple[str, dict[str, Any], bool]:
        """The address and the fields of the form as a browser would send them untouched; whether it takes files."""
        path = self.pages.get(of.page, of.page)
        answer = self.browsers[of.role].get(path)
        shape = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(of.route)))
        for form in page_of(answer).forms:
            action = form.action or path
            if form.method == "POST" and shape.fullmatch(action.partition("?")[0]):
                fields: dict[str, Any] = {}
                for name, value in form.form_values():
                    fields.setdefault(name, []).append(value)
                return action, fields, "multipart" in form.get("enctype", "")
        raise AssertionError((path, answer.status_code))

    def send(self, of: Making, form: tuple[str, dict[str, Any], bool], typed: Mapping[str, Any]) -> httpx.Response:
        """The form with what a person typed."""
        action, fields, with_files = form
        files: Any = [("files", ("", b""))] if with_files else None
        client = self.browsers[of.role].client
        return client.post(action, data=fields | dict(typed), files=files, follow_redirects=False)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.world.node.database.reading() as session:
            tables = [table for table in Base.metadata.sorted_tables if table.name not in _APART]
            return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = copy_world(fresh, tmp_path_factory.mktemp("twice"))
    with world.open, ExitStack() as stack:
        examples = furnish(world)
        application = make_application(world.node, clock=lambda: world.now)
        browsers = {}
        for role in {one.role for one in MAKES}:
            teams = (4,) if role is AccountRole.OPERATOR else ()
            browser = browser_of(application, world.node, role, now=world.now, teams=teams)
            browsers[role] = stack.enter_context(browser)
        found = world.node.problems.find(ProblemSearch(address=OWN), now=world.now)
        inbox = examples["/reports/public/{reference}"].at
        incident = examples["/incidents/{reference}"].at
        taken = [f"/act?act=takedowns/{word}&takedowns=1" for word in ("saw", "object", "withdraw")]
        more: tuple[str, ...] = ("/act?act=clocks", "/rating", "/act?act=takedowns", "/act?act=affected", *taken)
        more += ("/observables", "/act?act=evidence", "/act?act=evidence/1/custody", "/act?act=holds")
        ends = ("", "/act?act=parties", "/act?act=milestone", *more)
        pages = {"PROBLEM": f"/problems/{problem_text(int(found.keys[0]))}", "INBOX": inbox}
        pages["NOTICE"] = examples["/notices/{reference}"].at
        pages |= {f"INCIDENT{end}": f"{incident}{end}" for end in ends}
        yield Stage(world, browsers, pages)


def test_of_each_form_it_is_said_what_two_presses_do(stage: Stage) -> None:
    paths = {door.path for door in doors(make_application(stage.world.node)) if door.method == "POST" and not door.api}
    assert paths == {one.route for one in MAKES} | {route for routes in SETS.values() for route in routes}


@pytest.mark.parametrize("of", MAKES, ids=[f"{one.route} on {one.page}" for one in MAKES])
def test_what_is_sent_twice_is_made_once_and_a_second_tab_is_told(stage: Stage, of: Making) -> None:
    tabs = [stage.form(of), stage.form(of)]
    before = stage.rows()
    first = stage.send(of, tabs[0], of.typed)
    once = stage.rows()
    assert (first.status_code < 400, once != before) == (True, True), said(first)
    again = stage.send(of, tabs[0], of.typed)
    assert stage.rows() == once
    assert place_of(again) == place_of(first) or again.status_code in {409, 422}
    told = stage.send(of, tabs[1], of.other)
    if of.tab == TOLD:
        assert (told.status_code, stage.rows()) in [(409, once), (422, once)]
        text = unescape(told.text)
        assert [typed for typed in of.other.values() if typed not in text] == []
    else:
        assert told.status_code < 400, said(told)
        assert (stage.rows() == once) == (of.tab == SAME)
