"""The first day by the command line: shadow, then live with a person's look, the stop, and what all of it says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from support.cast import Tocsin
from support.delivery_examples import read_folder, read_mail
from support.mail_server import PostOffice, post_office
from tocsin.delivery import notices
from tocsin.events.models import FeedRecord
from tocsin.pipeline.stores import open_node

Report = Callable[..., Path]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The whole day, on both databases."""
    return str(request.param)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def configure(tocsin: Tocsin, office: PostOffice, *tell: str) -> None:
    """Settings by SMTP and with these lines of telling, on the database that the node has."""
    path = tocsin.home / "tocsin.toml"
    storage = [line for line in path.read_text().splitlines() if line.startswith("database")] if path.is_file() else []
    sections = {
        "storage": storage,
        "node": ['emergency_number = "112"'],
        "tell": tell,
        "mail": ['channel = "smtp"', 'security = "none"', f"port = {office.port}"],
    }
    path.write_text("\n".join(line for name, lines in sections.items() for line in (f"[{name}]", *lines, "")))


def test_from_shadow_to_the_first_mails_each_step_says_where_it_is_and_nothing_comes_twice(
    tocsin: Tocsin, report: Report, office: PostOffice
) -> None:
    configure(tocsin, office, 'mode = "shadow"')
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200"))
    shadow = tocsin.run("deliver")
    assert "3 digests about 4 events written below" in shadow
    assert "Shadow mode: mails are written, not sent." in shadow
    assert len(read_folder(tocsin.home / "mails" / "shadow")) == 3
    _, checked, _ = tocsin.call("doctor")
    assert "ok     sending: Shadow mode" in checked

    configure(tocsin, office)
    assert "Nothing was due." in tocsin.run("deliver")
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.2", "192.0.2.200", day="2026-11-24"))
    assert "2 digests are held for review" in tocsin.run("deliver")
    held = tocsin.json("deliveries", "held")
    assert [(one["team"], one["events"]) for one in held] == [("nat-a", 1), ("operator", 1)]
    _, checked, _ = tocsin.call("doctor")
    assert "TO DO  sending: 2 digests are held" in checked
    assert office.arrived == []

    (very,) = tocsin.json("deliveries", "show", held[1]["reference"], "--mail")["mails"]
    assert read_mail(very.encode()).to == "abuse@operator.example"
    tocsin.run("deliveries", "release", "--team", "operator")
    tocsin.run("deliveries", "drop", held[0]["reference"], "--reason", "wrong mailbox")
    tocsin.run("stop", "--reason", "a look at the table")
    code, said, problem = tocsin.call("deliver")
    assert (code, said.splitlines()[0]) == (1, "Nothing left.")
    assert "a look at the table. 'tocsin resume' resumes sending." in problem
    node = open_node(tocsin.home)
    with node.database.reading() as session:
        assert "a look at the table" in notices(session, node.settings)[0].words
    tocsin.run("stop", "--reason", "again", code=1)
    tocsin.run("resume")
    tocsin.run("resume", code=1)

    assert "1 digest about 1 event sent." in tocsin.run("deliver")
    assert [(boxes, content.decode()) for boxes, content in office.arrived] == [(["abuse@operator.example"], very)]
    assert [one["state"] for one in tocsin.json("deliveries", "list")] == ["sent", "dropped", *["shadow"] * 3]
    tocsin.run("deliveries", "release", "--all", "--over-limit", code=2)
    tocsin.run("deliveries", "release", "--over-limit", code=1)
    tocsin.run("deliveries", "drop", held[0]["reference"], "--reason", "twice", code=1)


def test_the_brake_ends_with_one_and_a_release_lets_it_go(tocsin: Tocsin, report: Report, office: PostOffice) -> None:
    configure(tocsin, office, "hold_first_mail = false", "brake_mails = 2")
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200"))
    code, said, problem = tocsin.call("--json", "deliver")
    assert code == 1
    assert "3 mails would be sent within 24 hours, and the limit is 2" in json.loads(said)["problem"]
    assert "tocsin deliveries release --over-limit" in problem
    assert [one["team"] for one in tocsin.json("deliveries", "due")] == ["nat-a", "sector", "operator"]
    assert tocsin.json("deliveries", "release", "--over-limit") == {"released": 3}
    assert tocsin.json("deliver")["digests"] == 3
    assert len(office.arrived) == 3


def test_own_teams_are_told_what_stays_in_the_organisation(
    tocsin: Tocsin, report: Report, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tocsin, office, "hold_first_mail = false")
    tocsin.run("ingest", report("203.0.113.1"))  # nobody is told: it makes the feed known
    with open_node(tocsin.home).database.begin() as session:
        session.execute(update(FeedRecord).values(tlp="AMBER+STRICT"))
    strict = tocsin.json("ingest", report("192.0.2.1", day="2026-11-24"))
    monkeypatch.setenv("TOCSIN_NODE_OWN_TEAMS", "nat-a, sector")
    own = tocsin.json("ingest", report("192.0.2.2", day="2026-11-25"))
    asked = tocsin.json("explain", "192.0.2.2", "--tlp", "AMBER+STRICT")
    tocsin.run("deliver")

    assert (strict["withheld"], own["withheld"]) == (2, 1)
    assert [boxes for boxes, _ in office.arrived] == [["csirt@nat-a.example"]]
    assert read_mail(office.arrived[0][1]).subject.startswith("[TLP:AMBER+STRICT]")
    assert {one["team"]: one["told"] for one in asked["teams"]} == {"nat-a": True, "operator": False}
