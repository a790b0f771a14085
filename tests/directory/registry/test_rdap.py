"""RDAP: a real answer of a server is reduced and brought in, kept, asked again when old, never above the marking."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from support.rdap_server import RdapServer, autnum, holder, network, person, rdap_server
from tocsin.cli import application
from tocsin.directory import read_about, read_directory, read_team
from tocsin.directory.registry import RdapResult, RdapSettings, look_up
from tocsin.directory.registry.tables import RdapAnswerRow
from tocsin.node.errors import RemoteError, UsageError, WithheldError
from tocsin.node.records import AuditEntry, Database
from tocsin.sharing.gate import Pap, ReleaseAction, may_act

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MAY = may_act(Pap.AMBER, ReleaseAction.LOOKUP)


@pytest.fixture
def server() -> Iterator[RdapServer]:
    """A registry that knows one network and one AS number."""
    with rdap_server() as running:
        abuse = person("abuse", "ABUSE1-ARIN", "abuse@isp.example")
        technician = person("technical", "JANE1-ARIN", "jane@isp.example", "individual")
        running.objects["/ip/192.175.48.1"] = network(holder("EXAMPLE", "Example Networks", abuse, technician))
        running.objects["/autnum/64500"] = autnum(
            64500, person("abuse", "ABC", "abuse@br.example"), person("technical", "NOC", "noc@br.example")
        )
        yield running


def ask(
    database: Database,
    home: Path,
    server: RdapServer,
    what: str,
    *,
    now: datetime = NOW,
    pause: list[float] | None = None,
) -> RdapResult:
    waited: list[float] = [] if pause is None else pause
    settings = RdapSettings(server.url, days=30, pause=2.0)
    return look_up(database, home, what, settings, MAY, actor="ana", now=now, wait=waited.append)


def test_a_network_gets_its_team(database: Database, tmp_path: Path, server: RdapServer) -> None:
    looked = ask(database, tmp_path, server, "192.175.48.1")

    assert (looked.answer.registry, looked.answer.handle, looked.kept) == ("arin", "NET-192-175-48-0-1", False)
    team, rules = read_team(database, "rdap-arin-abuse1-arin")
    assert (team.name, team.kind, team.mailboxes) == ("Example Networks", "abuse", ("abuse@isp.example",))
    assert [(rule.kind, rule.value, rule.source) for rule in rules] == [
        ("prefix", "192.175.48.0/24", "rdap:arin:NET-192-175-48-0-1")
    ]
    assert [one.what for one in looked.imported.not_taken] == ["technical JANE1-ARIN"]


def test_an_as_number_gets_its_team(database: Database, tmp_path: Path, server: RdapServer) -> None:
    ask(database, tmp_path, server, "as64500")
    team, rules = read_team(database, "rdap-lacnic-abc")
    assert (team.country, [rule.value for rule in rules]) == ("BR", ["64500"])
    boxes = {(box.address, box.purpose) for box in read_about(database, team.key).mailboxes}
    assert boxes == {("abuse@br.example", "abuse"), ("noc@br.example", "general")}


def test_nothing_of_persons_is_kept(records: Database, tmp_path: Path, server: RdapServer) -> None:
    ask(records, tmp_path, server, "192.175.48.1")
    with records.begin() as session:
        kept = json.dumps(session.scalars(select(RdapAnswerRow.answer)).one())
    for secret in ("jane", "Street", "555-01", "Name of"):
        assert secret not in kept


def test_an_answer_is_kept_for_its_days(database: Database, tmp_path: Path, server: RdapServer) -> None:
    ask(database, tmp_path, server, "AS64500")
    before = read_directory(database)
    again = ask(database, tmp_path, server, "64500", now=NOW + timedelta(days=29))
    assert (again.kept, again.asked_at, server.asked) == (True, NOW, ["/autnum/64500"])
    assert read_directory(database) == before

    server.objects["/autnum/64500"] = autnum(64500, person("abuse", "ABC", "new@br.example"))
    later = ask(database, tmp_path, server, "AS64500", now=NOW + timedelta(days=31))
    assert (later.kept, len(server.asked)) == (False, 2)
    assert read_team(database, "rdap-lacnic-abc")[0].mailboxes == ("new@br.example",)

    del server.objects["/autnum/64500"]
    gone = ask(database, tmp_path, server, "AS64500", now=NOW + timedelta(days=62))
    assert [one.why for one in gone.imported.not_taken] == ["no registry knows of it"]
    assert read_directory(database).rules == ()
    kept = ask(database, tmp_path, server, "AS64500", now=NOW + timedelta(days=63))
    assert (kept.kept, len(server.asked)) == (True, 3)


def test_questions_are_spaced(records: Database, tmp_path: Path, server: RdapServer) -> None:
    waited: list[float] = []
    ask(records, tmp_path, server, "AS64500", pause=waited)
    ask(records, tmp_path, server, "192.175.48.1", now=NOW + timedelta(seconds=0.5), pause=waited)
    ask(records, tmp_path, server, "192.175.48.9", now=NOW + timedelta(seconds=9), pause=waited)
    assert waited == [1.5]


def test_each_question_is_noted_with_its_rule(records: Database, tmp_path: Path, server: RdapServer) -> None:
    ask(records, tmp_path, server, "AS64500")
    ask(records, tmp_path, server, "AS64500")
    with records.begin() as session:
        acts = session.scalars(select(AuditEntry).where(AuditEntry.word == "lookup.made")).all()
    assert [(act.actor, act.subject, act.detail["found"]) for act in acts] == [("ana", "rdap:AS64500", True)]
    assert str(acts[0].detail["rule"]).startswith("PAP:AMBER allows asking")


def test_nobody_is_asked_above_the_marking(records: Database, tmp_path: Path, server: RdapServer) -> None:
    ask(records, tmp_path, server, "AS64500")
    red = may_act(Pap.RED, ReleaseAction.LOOKUP)
    for what in ("AS64500", "192.175.48.1"):
        with pytest.raises(WithheldError, match="PAP:RED"):
            look_up(records, tmp_path, what, RdapSettings(server.url), red, actor="ana", now=NOW)
    assert server.asked == ["/autnum/64500"]


@pytest.mark.parametrize(
    "what", ["nonsense", "AS0", "10.0.0.1", "192.0.2.0/24", "192.175.48.1/24", "fe80::1", "224.0.0.1"]
)
def test_what_cannot_be_asked(what: str, records: Database, tmp_path: Path, server: RdapServer) -> None:
    with pytest.raises(UsageError, match="cannot be looked up"):
        ask(records, tmp_path, server, what)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (500, {}, "Nothing was learned of AS64500"),
        (403, {}, "Nothing was learned"),
        (0, {"objectClassName": "autnum"}, "Nothing was learned"),
        (0, {"objectClassName": "autnum", "handle": "X", "events": [{}]}, "not as RFC 9083 says"),
        (0, {"objectClassName": "help", "handle": "X"}, "Nothing was learned"),
        (0, ["x"], "not as RFC 9083 says"),
    ],
)
def test_servers_that_fail(
    records: Database, tmp_path: Path, server: RdapServer, *, status: int, answer: object, why: str
) -> None:
    server.status, server.objects["/autnum/64500"] = status, answer
    with pytest.raises(RemoteError, match=why):
        ask(records, tmp_path, server, "AS64500")
    assert read_directory(records).teams == ()


def test_a_server_that_is_not_there(records: Database, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="Nothing was learned of AS64500"):
        ask(records, tmp_path, RdapServer("http://127.0.0.1:9/"), "AS64500")


def test_the_command_is_off_until_a_setting_says_so(tmp_path: Path, server: RdapServer) -> None:
    app = application(["directory"])
    arguments = ["--home", str(tmp_path), "--json", "directory", "rdap", "AS64500"]
    with pytest.raises(UsageError, match="does not ask registries"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert server.asked == []
    (tmp_path / "tocsin.toml").write_text(f'[directory]\nrdap = true\nrdap_server = "{server.url}"\nrdap_pause = 0\n')
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert (done.exit_code, json.loads(done.stdout)["answer"]["values"]) == (0, ["64500"])
    with pytest.raises(WithheldError):
        CliRunner().invoke(app, [*arguments, "--pap", "PAP:RED"], catch_exceptions=False)
