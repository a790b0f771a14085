"""A fortnight at a CSIRT, as people of every role live through it in a real browser; the node's clock goes faster.

The tests follow each other on one node: each goes on where the one before it ended.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from support.browser import browser
from support.form_filling import Hand
from support.mail_server import post_office
from support.ports import free_port
from support.served_node import House, row, welcome_in
from support.team_examples import OTHERS, delegated
from support.world import served
from tocsin.operations.worker import Worker
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

_WORK = ["Today", "Problems", "Inbox", "Incidents", "Teams", "Notifications", "Partners", "Reports", "Rules"]
_OWN = ["To fix", "Events", "Notices", "Contacts and networks", "Notifications"]
_PLACES = {
    "manager": [*_WORK, "Administration"],
    "analyst": [*_WORK, "Purge", "Figures"],
    "auditor": [*_WORK, "Administration"],
    "operator": _OWN,
    "neighbour": _OWN,
    "assessor": ["Assessments", "Frameworks", "Indices"],
    "delegate": ["Texts"],
}
_RULES = """\
[[route]]
id = "cables"
network = "192.0.2.0/24"
inform = ["isp-two"]
why = "They run the cables."

[[route]]
id = "on-trial"
network = "198.51.100.0/24"
tell_nobody = true
"""
_TEXT = """\
A text

1.\tPillars
a) Share warnings with everybody.

b) Keep logs for a year.
"""
_NOT_HERE = "Page not found"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An empty node, served with the work behind it by a clock that tests set; it begins twelve days ago."""
    folder = tmp_path_factory.mktemp("fortnight")
    home = folder / "home"
    home.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with post_office() as office, browser(width=1280) as page:
        (home / "tocsin.toml").write_text(
            '[node]\nname = "CSIRT Example"\ncountry = "MU"\ncontact = "csirt@csirt.example"\n'
            'emergency_number = "112"\n'
            f'[server]\nport = {port}\nurl = "{url}"\n[storage]\nbackups = "{folder / "backups"}"\n'
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
        )
        made = House(home, url, office, Hand(page, url), ahead=timedelta(days=-12))
        working = Worker(open_node(home), made.now).working()
        with working, served(make_application(open_node(home), clock=made.now), port=port):
            yield made


def _team(hand: Hand, key: str, name: str, network: str) -> None:
    """Enter a team that answers for a network and is told at once."""
    hand.go("/teams/new")
    hand.fill("Name", name)
    hand.fill("Key", key)
    hand.fill("Email addresses", f"abuse@{key}.example")
    hand.press("Create team")
    assert hand.title == name
    assert "Contact unverified" in hand.text
    hand.press("Edit")
    hand.choose("Kind", "network")
    hand.fill("Value", network)
    hand.fill("Reason", "They wrote so.")
    hand.press("Save entry")
    hand.press("Edit")
    hand.choose("Frequency", "at once")
    hand.press("Save settings")


def test_an_administrator_sets_the_node_up(house: House) -> None:
    hand = house.hand
    link = house.tocsin.run("people", "first").strip()
    house.begin_with(link, "An administrator", "administrator@people.example")
    house.set_up_device("administrator")
    assert "No report yet" in hand.text
    hand.go(link)
    assert "Create the account" not in hand.text  # it worked once
    _team(hand, "operator", "Example Operator", "192.0.2.0/24")
    _team(hand, "neighbour", "Neighbour Networks", "198.51.100.0/24")
    hand.go("/admin/people")
    for person in _PLACES:
        role = "operator" if person == "neighbour" else person
        hand.fill("Email address", f"{person}@people.example")
        hand.choose("Role", role.capitalize())
        hand.fill("Keys of teams, separated by commas", person if role == "operator" else "")
        hand.press("Invite")
        assert "Invitation created." in hand.text
        assert "A mail with the link is on its way." in hand.text
    hand.press("Feeds")
    assert hand.title == "Feeds"
    assert "No feed yet" in hand.text
    hand.press("Settings")
    assert f"http://127.0.0.1:{house.url.rpartition(':')[2]}" in hand.text
    hand.press("Retention")
    hand.press("Make a backup now")
    assert "Backup made." in hand.text
    assert list((house.home.parent / "backups").iterdir())
    hand.press("System health")
    assert "nothing keeps mails from their teams" in hand.text
    hand.put_away("administrator")


@pytest.mark.parametrize("person", _PLACES)
def test_each_comes_in_by_a_mail_and_finds_the_own_places(house: House, person: str) -> None:
    hand = house.hand
    house.begin_with(welcome_in(house.letter_to(f"{person}@people.example", "/welcome/")), f"Person {person}")
    if person == "manager":
        house.set_up_device(person)
    assert hand.places == _PLACES[person]
    hand.put_away(person)


def test_today_changes_by_itself_when_a_program_sends_a_report(house: House) -> None:
    (house.home.parent / "others.toml").write_text(OTHERS)
    house.tocsin.run("directory", "import", house.home.parent / "others.toml")
    house.tocsin.run("directory", "import-delegations", delegated(house.home.parent))
    hour = (house.now() - timedelta(hours=6)).replace(minute=30)
    broken = row("no address", hour).replace("64500", "")
    seen = {"203.0.113.5": 0, "198.51.100.7": 1, "192.0.2.3": 3, "192.0.2.2": 4, "192.0.2.1": 4}
    report = house.report(*(row(address, hour + timedelta(hours=later)) for address, later in seen.items()), broken)
    with house.as_("analyst") as hand:
        hand.go("/account/tokens")
        hand.fill("Name", "a robot that fetches")
        hand.tick("reports.write")
        hand.press("Create the token")
        robot = {"Authorization": f"Bearer {hand.value('input.secret')}"}
        hand.go("/today")
        assert "No report yet" in hand.text
        hand.until(lambda: "Live: figures update by themselves." in hand.text)
        hand.read("window.same = true")
        with report.open("rb") as file:
            sent = httpx.post(
                f"{house.url}/api/v1/reports", files={"file": file}, headers=robot, trust_env=False, timeout=120
            )
        assert sent.status_code == 202
        hand.until(lambda: "1 unreadable row" in hand.text)
        hand.until(lambda: "2 first notifications held" in hand.text)
        assert "6 rows = 5 stored + 0 duplicates + 1 unreadable" in hand.text
        assert hand.read("window.same")  # the page was never loaded anew


def test_an_analyst_mends_a_row(house: House) -> None:
    with house.as_("analyst") as hand:
        hand.go("/today")
        hand.press("1 unreadable row")
        assert hand.title == "Quarantine"
        assert "1 unreadable row" in hand.text
        raw = hand.read(
            "[...document.querySelectorAll('main a')].find(a => a.innerText.includes('no address')).innerText"
        )
        hand.press(raw)
        assert "No usable address, network, AS, domain or URL in it." in hand.text
        hand.press("Try it")
        assert "Still unreadable" in hand.text
        hand.fill("Text of the row", raw.replace("no address", "192.0.2.33"))
        hand.press("Try it")
        assert "Readable: 1 event" in hand.text
        assert "Example Operator" in hand.text  # will be notified
        hand.press("Reprocess")
        assert "1 row reprocessed; still unreadable: 0" in hand.text
        assert "No unreadable rows" in hand.text


def test_an_analyst_brushes_keeps_a_view_and_exports(house: House) -> None:
    with house.as_("analyst") as hand:
        hand.go("/events?feed=scan_rdp")
        assert "6 events match" in hand.text
        hand.drag("svg[data-brush]", 0.0, 0.38)  # the first two of five hours
        assert "3 events match" in hand.text
        hand.unfold("Save this as a view")
        hand.fill("Name of the view", "The first hours")
        hand.press("Save the view")
        hand.go("/events")
        assert "6 events are stored" in hand.text
        hand.press("The first hours")
        assert "3 events match" in hand.text
        hand.press("Export 3 events")
        assert "Marking of the file: TLP:AMBER" in hand.text
        file = hand.download("Export 3 events", house.home.parent / "downloads").read_text()
        assert "198.51.100.7" in file
        assert "192.0.2.33" in file
        assert "192.0.2.3," not in file


def test_who_must_know_is_asked_and_decided(house: House) -> None:
    with house.as_("manager") as hand:
        hand.go("/lookup")
        hand.fill("Address, network, AS, domain, URL, email address or country", "192.0.2.1")
        hand.press("Look up")
        assert hand.title == "Contact lookup"
        assert "192.0.2.1: 1 contact" in hand.text
        assert "An administrator said on" in hand.text  # why the registry's word does not count
        hand.press("Example Operator")
        assert hand.title == "Example Operator"
        assert "Contact unverified" in hand.text
        hand.press("192.0.2.0/24")
        assert "4 open problems" in hand.text
        hand.go("/networks/AS64500")
        assert hand.title == "AS64500"
        assert "2 contacts" in hand.text
        assert "Several teams are responsible for the same thing, so all of them are notified." in hand.text
        hand.press("Resolve the conflict")
        assert hand.title == "Conflict about AS64500"
        assert "Claimed by 2 teams: all are notified" in hand.text
        hand.tick("Second Operator")
        hand.fill("Reason", "They showed the contract.")
        hand.press("Save decision")
        assert "No open conflicts" in hand.text
        hand.go("/networks/AS64500")
        assert "1 contact" in hand.text
        hand.go("/merges")
        hand.press("Rival Network Ltd rival · Rival Network Limited rival-net")
        hand.tick("Merge into Rival Network Ltd")
        hand.fill("Reason", "They have one register entry.")
        hand.press("Save decision")
        assert "No possible duplicates" in hand.text
        hand.go("/merges?show=made")
        assert "rival-net" in hand.text
        hand.until(lambda: "have a responsive security contact" in hand.text, again="/coverage")
        hand.until(lambda: hand.read("document.querySelectorAll('.map svg path').length > 150"))
        assert "Kenya" in hand.read("document.querySelector('.map svg').textContent")


def test_a_held_mail_is_read_and_let_go(house: House) -> None:
    with house.as_("manager") as hand:
        hand.go("/today")
        hand.press("2 first notifications held")
        hand.press(_reference(hand, "Example Operator"))
        assert "held for review, to Example Operator" in hand.text
        reference, here = hand.title, hand.path
        shown = hand.value("main pre")
        assert "192.0.2.1  3389/tcp" in shown
        assert not [boxes for boxes, _ in house.office.arrived if "abuse@operator.example" in boxes]
        hand.press("Release")
        hand.press("Undo")
        assert "Undone: 1 mail released" in hand.text
        hand.press("Release")
        house.later(minutes=2)
        told = house.letter_to("abuse@operator.example", reference)
        assert told.split() == shown.split()
        hand.until(lambda: "sent, to Example Operator" in hand.text, again=here)
        assert re.search(r"Notification released\s+Person manager", hand.text), hand.text
        hand.go("/deliveries?show=held")
        hand.press(_reference(hand, "Neighbour Networks"))
        hand.press("Release")
        house.later(minutes=2)
        assert "192.0.2." not in house.letter_to("abuse@neighbour.example", "198.51.100.7")


def _reference(hand: Hand, team: str) -> str:
    """The reference of the first digest to a team in the list that is open."""
    rows = "[...document.querySelectorAll('main tr')]"
    return str(hand.read(f"{rows}.find(one => one.innerText.includes('{team}')).querySelector('a').innerText"))


def test_an_operator_answers_mutes_corrects_and_lets_a_program_in(house: House) -> None:
    with house.as_("operator") as hand:
        hand.go("/portal")
        assert hand.title == "To fix"
        assert "Open problems: 4" in hand.text
        assert "198.51.100.7" not in hand.text
        hand.tick("192.0.2.2")
        hand.tick("In progress")
        hand.press("Set the status")
        hand.tick("192.0.2.1")
        hand.tick("Fixed")
        hand.unfold("Note")
        hand.fill("Note", "It is behind the VPN now.")
        hand.press("Set the status")
        assert "Open problems: 2" in hand.text
        assert "1 problem at 1 address: Fixed." in hand.text
        hand.go("/portal/contacts")
        hand.fill("Another email address", "noc@operator.example")
        hand.press("Add")
        assert hand.title == "Contacts and networks"
        assert "Example Operator is notified at 2 email addresses" in hand.text
        hand.choose("Kind", "Type")
        hand.fill("Network, identifier or type", "scaner")
        hand.press("Mute")
        assert "no event has this type" in hand.text
        hand.fill("Network, identifier or type", "scanner")
        hand.choose("Duration", "30 days")
        hand.fill("Reason", "These are our own.")
        hand.press("Mute")
        until = house.now() + timedelta(days=30)
        assert re.search(rf"Type scanner\s+{until:%Y-%m-%d}", hand.text), hand.text
        hand.fill("Another network, AS number or domain", "8.8.8.0/24")
        hand.press("Claim")
        assert "The claim was made. Prove below that it is yours." in hand.text
        hand.go("/account/tokens")
        hand.fill("Name", "our tickets")
        hand.tick("events.read")
        hand.tick("portal.write")
        hand.press("Create the token")
        program = {"Authorization": f"Bearer {hand.value('input.secret')}"}
    assert "noc@operator.example" in house.letter_to(
        "abuse@operator.example", "is now an email address of Example Operator"
    )
    with httpx.Client(base_url=f"{house.url}/api/v1", headers=program, trust_env=False, timeout=120) as client:
        problems = {one["where"]: one for one in client.get("/problems").json()["items"]}
        assert set(problems) == {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.33"}
        said = {"verdict": "acknowledged", "problems": [problems["192.0.2.33"]["problem"]]}
        assert client.post("/problems/answers", json=said).json() == {"noted": 1}
        assert client.get("/ingests").status_code == 404  # not for operators
    with house.as_("operator") as hand:
        hand.go("/portal")
        assert "Open problems: 1" in hand.text


def test_a_manager_decides_the_claim_and_tries_rules_before_they_hold(house: House) -> None:
    house.later(days=1)
    with house.as_("manager") as hand:
        hand.go("/claims")
        assert "1 claim: control not proved" in hand.text
        hand.press("network 8.8.8.0/24")
        assert "Person operator" in hand.text
        hand.tick("Approve")
        hand.press("Save decision")
        assert "Control is not proved for claim 1." in hand.text
        hand.tick("Approve")
        hand.fill("Reason", "They showed us the contract.")
        hand.press("Save decision")
        assert "No claims to decide" in hand.text
        hand.go("/rules")
        hand.press("Edit rules")
        hand.fill("Text of the rules", _RULES.replace("isp-two", "isp-tow").replace("network =", "net =", 1))
        hand.press("Try on the events of last week")
        assert "errors: not saved" in hand.text
        assert "Line 3: There is no 'net' in a [[route]] rule." in hand.text
        assert "Line 4: There is no team 'isp-tow' in the directory." in hand.text
        hand.fill("Text of the rules", _RULES)
        hand.press("Try on the events of last week")
        assert "No errors: can be put in force" in hand.text
        assert re.search(r"Second Operator\s+1\s+5\s+4\s+Neighbour Networks\s+1\s+0\s+-1", hand.text), hand.text
        hand.fill("Reason", "Contract of November")
        hand.press("Put in force")
        assert "2 rules of this node in force" in hand.text
        assert "Person manager" in hand.text
        hand.press("Versions")
        assert "Contract of November" in hand.text


def test_what_comes_next_shows_the_rules_and_what_was_not_fixed(house: House) -> None:
    house.later(days=1)
    seen = house.now() - timedelta(hours=1)
    again = ("192.0.2.1", "192.0.2.3", "198.51.100.8")
    with house.as_("analyst") as hand:
        house.send_in(house.report(*(row(address, seen) for address in again)))
        hand.press(f"{house.now():%Y-%m-%d}-scan_rdp-test2-geo.csv")
        assert "Withheld by: local:on-trial (1)" in hand.text
        assert re.search(r"Second Operator\s+2", hand.text), hand.text
        assert "Neighbour Networks" not in hand.text
        assert "192.0.2.1" in house.letter_to("noc@operator.example", "You said fixed on")
        hand.go("/lookup?q=192.0.2.1")
        assert "seen again after fixed" in hand.text
        assert "Also notified, by a rule" in hand.text
    with house.as_("operator") as hand:
        hand.go("/portal")
        assert "Open problems: 2" in hand.text
        assert "Seen again after “Fixed”" in hand.text


def test_what_the_feed_no_longer_finds_is_gone(house: House) -> None:
    for _ in range(3):  # `tell.gone_after_days`
        house.later(days=1)
        with house.as_("analyst"):
            house.send_in(house.report(row("192.0.2.3", house.now() - timedelta(hours=1))))
    with house.as_("analyst") as hand:
        hand.go("/teams/operator")
        assert "1 open problem" in hand.text
        hand.go("/lookup?q=192.0.2.1")
        assert "No open problems" in hand.text
    with house.as_("operator") as hand:
        hand.go("/portal")
        assert "Open problems: 1" in hand.text
        hand.press("Gone (3)")
        assert re.search(r"192\.0\.2\.1 3389/tcp.*?No longer seen since", hand.text, re.DOTALL), hand.text


def test_the_auditor_reads_all_changes_nothing_and_is_on_record(house: House) -> None:
    with house.as_("auditor") as hand:
        for path in (
            "/today", "/events", "/reports/1", "/reports/quarantine", "/lookup?q=192.0.2.1", "/teams/operator",
            "/coverage", "/conflicts", "/merges", "/claims/1", "/deliveries", "/deliveries/sending",
            "/rules/versions/1", "/admin", "/admin/people", "/admin/settings", "/admin/keeping", "/reports/public",
        ):  # fmt: skip
            hand.go(path)
            assert hand.title != _NOT_HERE, path
            assert hand.read("document.querySelectorAll('main form[method=post]').length") == 0, path
        for path in ("/reports/new", "/teams/new", "/teams/operator/change", "/rules/edit", "/events/export"):
            hand.go(path)
            assert hand.title == _NOT_HERE, path
        hand.go("/audit")
        hand.press("Person auditor")
        assert "Personal data read" in hand.text
        house.tocsin.run("audit", "seal")  # the server does so too, but a minute after its start
        hand.press("Check the seals")
        assert hand.title == "Seals of the audit log"
        assert "Unchanged since it was sealed" in hand.text
    house.tocsin.run("audit", "seal")
    house.tocsin.run("audit", "verify")


def test_the_assessor_and_the_delegate_see_their_work_and_nothing_else(house: House) -> None:
    by = ("--by", "test")
    house.tocsin.run("assessment", "import-framework", "c5", *by)
    house.tocsin.run("assessment", "assign", "c5", "1.0", "all", "--to", "Office", *by)
    house.tocsin.run("assessment", "publish", "c5", "1.0", *by)
    house.tocsin.run("assessment", "start", "MUS", "c5", "1.0", "--as-of", "2026-11-01", "--name", "Mauritius", *by)
    (house.home.parent / "pillars.txt").write_text(_TEXT, encoding="utf-8")
    house.tocsin.run("drafting", "import", house.home.parent / "pillars.txt")
    with house.as_("assessor") as hand:
        hand.go("/")
        hand.press("Mauritius")
        assert hand.title == "Mauritius"
        assert "0 of 28 answered" in hand.text
        _sees_nothing(hand)
        hand.go("/drafting")
        assert hand.title == _NOT_HERE
    with house.as_("delegate") as hand:
        hand.go("/")
        hand.press(hand.read("document.querySelector('main th a').innerText"))
        assert "Share warnings" in hand.text
        _sees_nothing(hand)
        hand.go("/readiness")
        assert hand.title == _NOT_HERE


def test_outsiders_learn_nothing(house: House) -> None:
    with house.as_("neighbour") as hand:
        hand.go("/portal?state=all")
        assert "198.51.100.7" in hand.text
        assert "192.0.2." not in hand.text
        _sees_nothing(hand)
        hand.go("/events")
        assert "192.0.2." not in hand.text
        hand.go("/lookup?q=192.0.2.2")  # another's
        foreign = hand.text
        hand.go("/lookup?q=203.0.113.77")  # nobody's
        assert hand.text == foreign.replace("192.0.2.2", "203.0.113.77")
    hand.go("/deliveries/TOC-2026-0000001")
    asked = hand.text
    hand.go("/deliveries/TOC-2026-9999999")
    assert hand.text == asked
    assert hand.title == "Sign in"


def _sees_nothing(hand: Hand) -> None:
    """What there is of others, and what there is not, look the same."""
    for path in (
        "/today",
        "/reports/1",
        "/reports/999",
        "/teams/operator",
        "/teams/nobody",
        "/rules",
        "/admin",
        "/audit",
    ):
        hand.go(path)
        assert hand.title == _NOT_HERE, path
    for reference in ("TOC-2026-0000001", "TOC-2026-9999999"):
        hand.go(f"/deliveries/{reference}")
        assert hand.title == _NOT_HERE
