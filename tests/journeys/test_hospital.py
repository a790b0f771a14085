"""Ransomware at a hospital, from the telephone call to the closed incident, as those who take part live through it.

The analyst works by keys alone, the one on duty on a phone; all others as they like. The tests follow each other on
one node: each goes on where the one before it ended.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support.browser import Page, browser
from support.console_users import person, session_of
from support.delivery_examples import Read, read_mail
from support.duty_example import add_roster, add_rule, do_duty
from support.form_filling import Hand
from support.imap_server import ImapServer, imap_server
from support.incident_mails import answer_to
from support.keys import await_focus, choose, follow, go, hop, pick, reach, retype, strike, type_time, until
from support.mail_server import PostOffice, post_office
from support.page_checks import misfits, violations
from support.world import World, make_world, served
from tocsin.directory import read_team
from tocsin.incidents import mail_context
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.call_outs import look_for_call_outs
from tocsin.pipeline.notify import tell
from tocsin.problems.replies import read_mailbox
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

NAME = "Ransomware, Lagoon Hospital"
HOSPITAL, MINISTRY, PAPER = "it@hospital.example", "security@ministry.example", "desk@paper.example"
_TEAM = f"""\
[[team]]
key = "hospital"
name = "Lagoon Hospital"
kind = "organisation"
mailboxes = ["{HOSPITAL}"]
"""
_CALL = "Files on all wards are encrypted since four. The note names 198.51.100.7 and pay.lagoon-leaks.example."


@dataclass
class Site:
    """A node that is served, its post, and the sessions of its people."""

    address: str
    world: World
    office: PostOffice
    imap: ImapServer
    people: dict[str, int]
    reference: str = ""
    read: int = field(default=0)
    """How many of the mails that left were looked at."""

    @property
    def path(self) -> str:
        """The page of the incident."""
        return f"/incidents/{self.reference}"

    def mails(self) -> dict[str, Read]:
        """What leaves two minutes later, the newest by its mailbox."""
        self.world.now += timedelta(minutes=2)
        tell(self.world.node, now=self.world.now)
        found, self.read = self.office.arrived[self.read :], len(self.office.arrived)
        return {mail.to: mail for mail in (read_mail(content) for _, content in found)}

    def receive(self, mail: bytes) -> None:
        """A mail comes to the mailbox, which is read."""
        self.imap.put(mail)
        read_mailbox(mail_context(self.world.node, self.world.node.store), now=lambda: self.world.now)

    def sit(self, page: Page, name: str, path: str) -> Hand:
        """A person opens a page."""
        secret = session_of(self.world.node, self.people[name], now=self.world.now)
        page.command("Network.enable")
        page.command("Network.clearBrowserCookies")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=self.address)
        page.open(self.address + path)
        return Hand(page, self.address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hospital")
    password = folder / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    with post_office() as office, imap_server() as imap:
        world = make_world(
            folder,
            "[tell]\nhold_first_mail = false\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
            f'[mailbox]\naddress = "csirt@example.org"\nhost = "127.0.0.1"\nport = {imap.port}\nsecurity = "none"\n'
            f'user = "csirt"\npassword_file = "{password}"\n',
        )
        (folder / "hospital.toml").write_text(_TEAM)
        world.tocsin.run("directory", "import", folder / "hospital.toml")
        people = _people(world)
        add_roster(world, "duty@people.example")
        add_rule(world)
        do_duty(world, "adoptClockText", people["lead"], law="nis2", checked_by="Legal office")
        application = make_application(world.node, clock=lambda: world.now)
        with world.node.database.kept_open(), served(application) as port:  # as `tocsin serve` does
            yield Site(f"http://127.0.0.1:{port}", world, office, imap, people)


def _people(world: World) -> dict[str, int]:
    """Their accounts, by what they are here."""
    roles = {
        "analyst": AccountRole.ANALYST, "duty": AccountRole.ANALYST, "arabic": AccountRole.ANALYST,
        "lead": AccountRole.MANAGER, "hospital": AccountRole.OPERATOR, "operator": AccountRole.OPERATOR,
    }  # fmt: skip
    teams = {name: (read_team(world.node.database, name)[0].id,) for name in ("hospital", "operator")}
    return {
        name: person(world.node, role, now=world.now, teams=teams.get(name, ()), mailbox=f"{name}@people.example")
        for name, role in roles.items()
    }


@pytest.fixture(scope="module")
def keys(site: Site) -> Iterator[Page]:
    """The tab of the analyst, who touches no mouse."""
    with browser() as page:
        site.sit(page, "analyst", "/today")
        yield page


@pytest.fixture(scope="module")
def other() -> Iterator[Page]:
    """The tab of all others."""
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def phone() -> Iterator[Page]:
    """A tab as narrow as a telephone."""
    with browser(width=390, height=844) as page:
        yield page


def text(page: Page) -> str:
    return str(page.read("document.querySelector('main').innerText"))


def path(page: Page) -> str:
    return str(page.read("location.pathname"))


def write(page: Page, name: str, words: str) -> None:
    """Go on to a field by Tab and type."""
    reach(page, f"[name={name}]")
    retype(page, words)


def take(page: Page, name: str, value: str) -> None:
    """Go on to a list by Tab and choose."""
    reach(page, f"[name={name}]")
    choose(page, value)


def press(page: Page, selector: str = "main form button:not(.second)") -> None:
    """Go on to a button by Tab and press it."""
    reach(page, selector)
    go(page, key="Enter")


def test_a_telephone_call_becomes_an_incident(site: Site, keys: Page) -> None:
    go(keys, letters="p")
    await_focus(keys, "[name=sender]")
    keys.write("Dr Ada Lagoon")
    write(keys, "phone", "+230 555 0100")
    take(keys, "language", "en")
    write(keys, "what", _CALL)
    write(keys, "mailbox", HOSPITAL)
    press(keys)
    assert "Dr Ada Lagoon" in text(keys)
    go(keys, letters="n")
    await_focus(keys, "#incident-title")
    retype(keys, NAME)
    go(keys, key="Enter")
    site.reference = path(keys).rpartition("/")[2]
    assert "Assigned to you." in text(keys)


def test_it_gets_its_type_observables_and_parties(keys: Page) -> None:
    follow(keys, "Set type")
    await_focus(keys, "[name=rsit_type]")
    choose(keys, "infected-system")
    press(keys)
    reference = str(keys.read("document.querySelector('#reports ~ ul .ref').innerText"))
    follow(keys, f"Add its observables: {reference}")
    press(keys)
    assert "198[.]51[.]100[.]7" in text(keys)
    for role, team, name, mailbox in (
        ("victim", "hospital", "", ""),
        ("operator", "operator", "", ""),
        ("authority", "", "Ministry of Health", MINISTRY),
        ("press", "", "The Lagoon Paper", PAPER),
    ):
        follow(keys, "Timeline")
        follow(keys, "Add party")
        await_focus(keys, "[name=role]")
        choose(keys, role)
        write(keys, "team", team)
        if name:
            write(keys, "name", name)
            write(keys, "mailbox", mailbox)
        go(keys, key="Enter")
        assert (name or "Party added") in text(keys)


def test_a_severity_by_scheme_calls_the_one_on_duty_who_acknowledges_on_a_phone(
    site: Site, keys: Page, phone: Page
) -> None:
    follow(keys, "Severity")
    hop(keys, "[name=answer-impact]")
    choose(keys, "serious")
    take(keys, "answer-victim", "essential-services")
    press(keys, "form[action$='/rating'] button")
    assert "Critical" in text(keys)
    look_for_call_outs(site.world.node, site.world.now)
    called = site.mails()["duty@people.example"]
    assert site.reference in called.body
    assert "Lagoon" not in called.body + called.subject
    (link,) = re.findall(r"https://csirt\.example(/call/\S+)", called.body)
    phone.open(site.address + link)
    assert "Not acknowledged yet" in text(phone)
    hand = Hand(phone, site.address)
    hand.press("Acknowledge")
    assert "Acknowledged. Nobody else is called." in hand.text
    site.sit(phone, "duty", site.path)
    assert not phone.read("document.documentElement.scrollWidth > innerWidth")
    hand.fill("Note", "Rang the hospital: wards work on paper.")
    hand.press("Save note")
    assert "wards work on paper" in hand.text
    assert not phone.read("document.documentElement.scrollWidth > innerWidth")


def test_the_playbook_becomes_tasks_that_are_done(site: Site, keys: Page) -> None:
    follow(keys, "Playbooks")
    assert "Suggested" in text(keys)
    hop(keys, "form.act button:not(.second)")
    go(keys, key="Enter")
    for task in ("Name a lead and a deputy", "Call the affected organisation on a known number"):
        follow(keys, f"Done: {task}")
        await_focus(keys, "[name=result]")
        keys.write("As written")
        go(keys, key="Enter")
        assert path(keys).startswith(site.path)
        follow(keys, "Playbooks")
    assert text(keys).count("As written") == 2
    assert "1 step open" in text(keys)


def test_a_clock_starts_with_what_is_known(keys: Page) -> None:
    follow(keys, "Record milestone")
    await_focus(keys, "[name=milestone]")
    choose(keys, "detected")
    write(keys, "known_from", "The hospital rang")
    go(keys, key="Enter")
    follow(keys, "Deadlines")
    for rule in ("Early warning", "Incident notification"):
        hop(keys, f"main a[aria-label='Start: {rule}']")
        go(keys, key="Enter")
        await_focus(keys, "[name=rule]")
        hop(keys, "[name=milestone]")
        choose(keys, "detected")
        press(keys)
    assert "Early warning" in text(keys)
    assert "24 h 0 min left" in text(keys)


def _notice(site: Site, page: Page, kind: str, *, after: str = "", **texts: str) -> str:
    """The hospital files a notice in its portal; the reference."""
    hand = site.sit(page, "hospital", f"/portal/notices/new?law=nis2&kind={kind}&after={after}")
    page.read("document.querySelector('[name=field-aware_at]')?.setAttribute('value', '2026-11-16T05:30')")
    for name, words in texts.items():
        page.read(f"document.getElementsByName('field-{name}')[0].value = {words!r}")
    hand.press("File the notice")
    assert "Received on" in hand.text
    return hand.path.rpartition("/")[2]


def _take_in(site: Site, page: Page, notice: str) -> None:
    """The analyst finds a notice in the list and adds it to the incident."""
    go(page, letters="gi")
    strike(page, "j")
    until(page, f"document.activeElement.textContent === {notice!r}")
    go(page, key="Enter")
    go(page, letters="i")
    await_focus(page, "[name=incident]")
    retype(page, site.reference)
    go(page, key="Enter")


def test_the_hospital_warns_early_and_gets_an_answer(site: Site, keys: Page, other: Page) -> None:
    answers = {"what": "Ransomware on all wards", "malicious": "yes", "cross_border": "unknown"}
    notice = _notice(site, other, "early_warning", **answers)
    assert notice in site.mails()["hospital@people.example"].body
    _take_in(site, keys, notice)
    go(keys, letters="gi")
    follow(keys, "Notices")
    hop(keys, "main tbody a")
    go(keys, key="Enter")
    strike(keys, "r")
    keys.write("Isolate the machines, and leave them switched on.")
    press(keys, "form[action$='/answer'] button")
    assert "leave them switched on" in site.mails()["hospital@people.example"].body
    hand = site.sit(other, "hospital", f"/portal/notices/{notice}")
    assert "leave them switched on" in hand.text


def _write_to(page: Page, name: str, subject: str, words: str, marking: str = "") -> None:
    """The analyst writes to a party, from a page of the incident."""
    follow(page, "Timeline")
    follow(page, f"Write to {name}")
    hop(page, "[name=subject]")
    retype(page, subject)
    write(page, "text", words)
    if marking:
        take(page, "tlp", marking)
    press(page, "form[action$='/send'] button:not(.second)")


def test_the_hospital_is_written_to_and_answers_by_mail(site: Site, keys: Page) -> None:
    follow(keys, "Ransomware, Lagoon Hospital")
    _write_to(keys, "Lagoon Hospital", "The ransom note", "Please send us the note and one encrypted file.")
    assert "Please send us the note" in text(keys)
    sent = site.mails()[HOSPITAL]
    site.receive(answer_to(sent, "The note is called README.", sender=HOSPITAL))
    keys.command("Page.reload")
    until(keys, "document.querySelector('main').innerText.includes('The note is called README.')")


def go_to(page: Page, title: str) -> None:
    """From the list of incidents to the one of this name."""
    strike(page, "j")
    until(page, f"document.activeElement.textContent.includes({title!r})")
    go(page, key="Enter")


def test_the_operator_fixes_what_let_them_in(site: Site, keys: Page, other: Page) -> None:
    site.world.hear("192.0.2.1")
    site.mails()
    follow(keys, f"Incident {site.reference}")
    follow(keys, "Affected systems")
    follow(keys, "Attach by a filter")
    await_focus(keys, "[name=kind]")
    write(keys, "address", "192.0.2.1")
    go(keys, key="Enter")
    assert "1 affected system" in text(keys)
    hand = site.sit(other, "operator", "/portal")
    hand.read("document.querySelector('[name=problem]').checked = true")
    hand.tick("Fixed")
    hand.press("Set the status")
    assert "Fixed. We stop reminding you." in hand.text
    go(keys, letters="gc")
    go_to(keys, NAME)
    follow(keys, "Affected systems")
    assert re.search(r"Called fixed by the team\s+1", text(keys))


def test_the_ministry_is_written_to_once_the_hospital_consented(site: Site, keys: Page) -> None:
    words = "A hospital is hit; its wards work on paper."
    _write_to(keys, "Ministry of Health", "For your information", words, "GREEN")
    refused = text(keys)
    assert "voluntar" in refused
    assert words in keys.read("document.querySelector('[name=text]').value")
    assert MINISTRY not in site.mails()
    follow(keys, f"Incident {site.reference}")
    follow(keys, "Notices")
    hop(keys, "main a[href$='/basis']")
    go(keys, key="Enter")
    hop(keys, "#consent-given_by")
    keys.write("Dr Ada Lagoon")
    write(keys, "means", "By telephone, to the analyst")
    reach(keys, "[name=given_at]")
    type_time(keys, "2026-11-16T06:05")
    press(keys, "form[action$='/consent'] button")
    assert "Dr Ada Lagoon" in text(keys)
    go(keys, letters="gc")
    go_to(keys, NAME)
    _write_to(keys, "Ministry of Health", "For your information", words, "GREEN")
    assert words in site.mails()[MINISTRY].body


def test_the_press_gets_what_everybody_may_read(site: Site, keys: Page) -> None:
    words = "We help a hospital. We say more when it is over."
    follow(keys, f"Incident {site.reference}")
    _write_to(keys, "The Lagoon Paper", "Your question", words)
    assert PAPER not in site.mails()
    take(keys, "tlp", "CLEAR")
    press(keys, "form[action$='/send'] button:not(.second)")
    assert words in site.mails()[PAPER].body


def test_evidence_is_kept_handed_over_and_exported(site: Site, keys: Page, tmp_path: Path) -> None:
    note = tmp_path / "README.txt"
    note.write_text("Pay, or all is published.")
    follow(keys, f"Incident {site.reference}")
    follow(keys, "Evidence")
    hop(keys, "#files")
    chosen = keys.command("Runtime.evaluate", expression="document.activeElement")["result"]["objectId"]
    keys.command("DOM.setFileInputFiles", files=[str(note)], objectId=chosen)  # the window of files is the system's
    write(keys, "received_from", "Dr Ada Lagoon")
    go(keys, key="Enter")
    assert "README.txt" in text(keys)
    follow(keys, "Record custody: README.txt")
    await_focus(keys, "[name=step]")
    choose(keys, "copied")
    write(keys, "person", "Forensics team")
    go(keys, key="Enter")
    keys.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    pick(keys, "Download all")
    Hand(keys, site.address).until(lambda: list(tmp_path.glob("*.zip")))
    (found,) = tmp_path.glob("*.zip")
    subprocess.run(["unzip", "-q", "-P", "infected", found, "-d", tmp_path / "out"], check=True)
    (sums,) = (tmp_path / "out").rglob("SHA256SUMS")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums.name], cwd=sums.parent, check=True)
    assert "Forensics team" in (sums.parent / "custody.txt").read_text()


def test_the_notification_and_the_final_report_follow(site: Site, keys: Page, other: Page) -> None:
    hand = site.sit(other, "hospital", "/portal/notices")
    early = other.read("document.querySelector('main tbody .ref').textContent")
    texts = {
        "what": "Ransomware on all wards", "malicious": "yes", "cross_border": "no", "assessment": "All wards",
    }  # fmt: skip
    second = _notice(site, other, "notification", after=early, **texts)
    final = {"what": "Ransomware", "assessment": "All wards", "cause": "A stolen password", "measures": "Two factors"}
    last = _notice(site, other, "final_report", after=second, **final)
    for notice in (last, second):
        go(keys, letters="gi")
        follow(keys, "Notices")
        hop(keys, f"main tbody a[href$='{notice}']")
        go(keys, key="Enter")
        follow(keys, f"Add to {site.reference}")
    go(keys, letters="gc")
    go_to(keys, NAME)
    follow(keys, "Deadlines")
    shown = text(keys)
    assert shown.count("Met") >= 3
    hand.go("/portal/notices")
    assert "Final report" in hand.text


def test_the_lead_closes_it_with_cause_and_lesson_and_the_hospital_says_how_it_went(site: Site, other: Page) -> None:
    hand = site.sit(other, "lead", site.path)
    hand.press("Assign to me")
    hand.press("Close")
    hand.fill("Reason", "The wards work again")
    hand.choose("Root cause", "Stolen")
    hand.fill("Lessons", "Two factors for remote access")
    assert "What becomes of what still runs?" in hand.text
    hand.read("document.querySelectorAll('#still-open input[value=leave]').forEach(one => { one.checked = true })")
    hand.press("Close")
    assert "Closed" in hand.text
    hand.go("/incidents/lessons")
    assert "Two factors for remote access" in hand.text
    hand.until(lambda: "1 incident opened" in hand.text, again="/incidents/figures")
    hand.go(f"{site.path}/closing")
    hand.go(str(hand.read("document.querySelector('[aria-label=\"Ask how it went: Lagoon Hospital\"]').href")))
    hand.press("Send")
    (link,) = re.findall(r"https://csirt\.example(/f/\S+)", site.mails()[HOSPITAL].body)
    said = httpx.post(
        site.address + link, data={"rating": "yes", "text": "Ring us sooner"}, trust_env=False, timeout=120
    )
    assert said.status_code == 200
    hand.go(f"{site.path}/closing")
    assert "Ring us sooner" in hand.text


def test_another_one_is_worked_from_call_to_end_in_arabic(site: Site, keys: Page) -> None:
    site.sit(keys, "arabic", "/today")
    keys.command("Network.setCookie", name="language", value="ar", url=site.address)
    go(keys, letters="gi")
    assert keys.read("document.dir") == "rtl"
    go(keys, letters="p")
    await_focus(keys, "[name=sender]")
    keys.write("د. ليلى")
    write(keys, "what", "شفّر برنامج فدية ملفات العيادة 198.51.100.9")
    press(keys)
    go(keys, letters="n")
    await_focus(keys, "#incident-title")
    retype(keys, "برنامج فدية في العيادة")
    go(keys, key="Enter")
    strike(keys, "c")
    keys.write("اتصلنا بالعيادة")
    press(keys, "form[action$='/note'] button")
    assert "اتصلنا بالعيادة" in text(keys)
    go(keys, letters="e")
    await_focus(keys, "[name=reason]")
    keys.write("عادت العيادة إلى العمل")
    write(keys, "lessons", "نسخ احتياطية منفصلة")
    press(keys)
    assert keys.read("document.querySelector('main form[action$=\"/reopen\"]') !== null")
    follow(keys, str(keys.read("document.querySelector('nav.tabs a[href$=\"/closing\"]').textContent")))
    assert "نسخ احتياطية منفصلة" in text(keys)
    assert not keys.read("document.documentElement.scrollWidth > innerWidth")


def test_no_tab_of_it_violates_wcag(site: Site, other: Page) -> None:
    site.sit(other, "lead", site.path)
    unfold = "document.querySelectorAll('main details').forEach(one => one.open = true)"
    places = other.read("[...document.querySelectorAll('nav.tabs a')].map(one => one.pathname)")
    forms = [f"{site.path}/act?act={name}" for name in ("affected", "affected/notify", "close")]
    wrong = {}
    for place in dict.fromkeys((*places, *forms)):
        other.open(site.address + place)
        other.read(unfold)
        wrong[place] = [*json.loads(violations(other)), *misfits(other, 320)]
    assert {place: found for place, found in wrong.items() if found} == {}
