"""The console as its people use it: a real browser, a real server process, a real mail server, from the first start on.

The tests follow each other on one node: each goes on where the one before it ended.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from support.browser import browser
from support.form_filling import Hand
from support.mail_server import post_office
from support.ports import free_port
from support.served_node import House, row, welcome_in

_TOCSIN = str(Path(sys.executable).parent / "tocsin")
_INVITED = {
    "analyst": "An analyst", "manager": "A manager", "auditor": "An auditor", "operator": "An operator",
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An empty home folder with a mail server in its settings, served by a process of its own."""
    folder = tmp_path_factory.mktemp("console")
    home = folder / "home"
    home.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with post_office() as office, browser() as page, (folder / "terminal").open("w") as terminal:
        (home / "tocsin.toml").write_text(
            f'[node]\nname = "CSIRT Example"\ncontact = "csirt@csirt.example"\n'
            f'emergency_number = "112"\n[server]\nport = {port}\nurl = "{url}"\n'
            "[tell]\nundo_seconds = 1\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
        )
        process = subprocess.Popen([_TOCSIN, "--home", home, "serve"], stderr=terminal, env=dict(os.environ))
        try:
            while "Serving" not in (folder / "terminal").read_text():
                assert process.poll() is None
                time.sleep(0.1)
            yield House(home, url, office, Hand(page, url))
        finally:
            process.terminate()
            assert process.wait(timeout=60) in (0, -15)


def test_the_first_start_leads_to_an_administrator_and_a_team(house: House) -> None:
    hand = house.hand
    terminal = house.home.parent / "terminal"
    hand.until(lambda: "/welcome/" in terminal.read_text())
    house.begin_with(welcome_in(terminal.read_text()), "An administrator", "administrator@people.example")
    house.set_up_device("administrator")
    hand.go("/teams/new")
    hand.fill("Name", "Example Operator")
    hand.fill("Key", "operator")
    hand.fill("Email addresses", "abuse@operator.example")
    hand.press("Create team")
    hand.go("/teams/operator/change")
    hand.choose("Kind", "network")
    hand.fill("Value", "192.0.2.0/24")
    hand.fill("Reason", "The operator wrote so.")
    hand.press("Save entry")
    assert "192.0.2.0/24" in hand.text
    hand.go("/teams/operator/change")
    hand.choose("Frequency", "at once")
    hand.press("Save settings")
    hand.go("/teams/operator")
    assert "192.0.2.0/24" in hand.text


def test_everybody_comes_in_by_a_mail(house: House) -> None:
    hand = house.hand
    for role in _INVITED:
        hand.go("/admin/people")
        hand.fill("Email address", f"{role}@people.example")
        hand.choose("Role", role.capitalize())
        hand.fill("Keys of teams, separated by commas", "operator" if role == "operator" else "")
        hand.press("Invite")
    hand.put_away("administrator")
    for role, name in _INVITED.items():
        letter = house.letter_to(f"{role}@people.example", "/welcome/")
        house.begin_with(welcome_in(letter), name)
        if role == "manager":
            house.set_up_device(role)
        hand.go("/account")
        assert name in hand.text
        hand.put_away(role)


def test_a_report_comes_in_by_a_form_and_a_row_is_mended(house: House) -> None:
    seen = datetime.now(UTC) - timedelta(hours=2)
    broken = f'"{seen:%Y-%m-%d %H:%M:%S}","medium","no address","tcp",3389,,"rdp",,,,'
    file = house.report(row("192.0.2.1", seen), row("192.0.2.2", seen), broken)
    with house.as_("analyst") as hand:
        house.send_in(file)
        assert "2 events stored" in hand.text
        hand.go("/reports/quarantine")
        assert "1 unreadable row" in hand.text
        hand.press(broken)
        hand.fill("Text of the row", row("192.0.2.3", seen))
        hand.press("Reprocess")
        hand.go("/reports/quarantine")
        assert "No unreadable rows" in hand.text


def test_the_manager_lets_the_first_mail_go(house: House) -> None:
    with house.as_("manager") as hand:
        hand.until(lambda: "held for review" in hand.text, again="/deliveries")
        assert not [boxes for boxes, _ in house.office.arrived if "abuse@operator.example" in boxes]
        hand.press(re.search(r"TOC-\d+-\d+", hand.text)[0])  # type: ignore[index]
        assert "192.0.2.1" in hand.value("main pre")
        hand.press("Release")
        assert "1 mail released" in hand.text
    assert "192.0.2.1" in house.letter_to("abuse@operator.example", "192.0.2.1")


def test_the_operator_answers_corrects_a_contact_and_lets_a_program_in(house: House) -> None:
    with house.as_("operator") as hand:
        hand.go("/portal")
        assert "Open problems:" in hand.text
        hand.tick("192.0.2.1")
        hand.tick("Fixed")
        hand.press("Set the status")
        assert "1 problem at 1 address: Fixed." in hand.text
        hand.go("/portal/contacts")
        hand.fill("Another email address", "noc@operator.example")
        hand.press("Add")
        assert "noc@operator.example" in hand.text
        hand.go("/account/tokens")
        hand.fill("Name", "our tickets")
        hand.tick("events.read")
        hand.press("Create the token")
        token = hand.value("input.secret")
        hand.go("/teams")
        assert "192.0.2" not in hand.text  # nothing of it is for operators
    answer = httpx.get(
        f"{house.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=120
    )
    assert answer.status_code == 200
    assert answer.json()["role"] == "operator"
    mail = house.letter_to("abuse@operator.example", "192.0.2.1")
    with house.as_("analyst") as hand:
        hand.go("/deliveries")
        hand.press(re.search(r"TOC-\d+-\d+", mail)[0])  # type: ignore[index]
        assert "for 1 problem" in hand.text.partition("Answers")[2], hand.text


def test_a_problem_that_is_seen_again_is_not_fixed(house: House) -> None:
    later = datetime.now(UTC)
    with house.as_("analyst") as hand:
        house.send_in(house.report(row("192.0.2.1", later)))
        assert "1 event stored" in hand.text
    with house.as_("operator") as hand:
        hand.go("/portal?state=all")
        assert "Seen again after “Fixed”" in hand.text


def test_the_auditor_reads_all_and_changes_nothing(house: House) -> None:
    with house.as_("auditor") as hand:
        hand.go("/audit")
        assert "person.invited" in hand.text
        hand.go("/deliveries")
        assert "TOC-" in hand.text
        hand.go("/teams/new")
        assert "Create team" not in hand.text
        hand.go("/audit?actor=" + _number(house, "auditor"))
        assert "audit" in hand.text
    assert house.tocsin.json("audit", "list", "--actor", _number(house, "auditor"))  # that he read is on record
    house.tocsin.run("audit", "seal")
    house.tocsin.run("audit", "verify")


def _number(house: House, role: str) -> str:
    [one] = [one for one in house.tocsin.json("people", "list") if one["role"] == role]
    return f"person:{one['number']}"


def test_the_public_finds_help_and_reports_without_scripts_and_without_a_name(house: House) -> None:
    with browser(scripts=False) as page:
        public = Hand(page, house.url)
        public.go("/find")
        public.tick("An address or a network")
        public.press("Continue")
        public.fill("Address, network or AS", "198.51.100.9")
        public.press("Show who helps")
        assert "Report it here" in public.text
        public.go("/help")
        public.press("A fake page or message")
        public.press("Report it")
        public.fill("What happened?", "A page asks for the password of my bank.")
        public.press("Send the report")
        assert public.title == "Report sent"
        reference, secret = re.findall(r"^([0-9A-Z]{4}(?:-[0-9A-Z]{4})+)$", public.text, re.MULTILINE)
        with house.as_("analyst") as hand:
            hand.go("/reports/public")
            hand.press(reference)
            hand.fill("Text", "We asked the host to take it down.")
            hand.press("Send answer")
        public.go("/report/answer")
        public.fill("Reference", reference)
        public.fill("Secret", secret)
        public.press("Show the report")
        assert "We asked the host to take it down." in public.text
