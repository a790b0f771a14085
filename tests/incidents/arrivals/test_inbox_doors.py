"""Reports from the public by command and API: the same acts as on their page, with the same audit words."""

from pathlib import Path

import pytest
from sqlalchemy import select

from support.api_client import caller
from support.cast import Tocsin
from support.console_users import person
from support.world import START, World, copy_world, make_world
from tocsin.incidents.arrivals import ReportForm, ReportKind, file_report, form_word, ticket_of
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry
from tocsin.node.tokens import open_tokens


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def reference(world: World) -> str:
    """A report in French, of somebody who gave a mailbox."""
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, START), tokens, START)
    assert ticket is not None
    filed = ReportForm(ReportKind.DECEIT, "A false page", mailbox="reporter@example.org", language="fr")
    file_report(world.node.database, world.node.inbox, ticket, filed, [], now=START)
    return ticket.reference


def words(world: World, reference: str) -> list[str]:
    with world.node.database.reading() as session:
        wanted = select(AuditEntry.word).where(AuditEntry.subject == f"inbox:{reference}").order_by(AuditEntry.id)
        return list(session.scalars(wanted))


def subjects(world: World) -> list[str]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(Letter.subject).where(Letter.kind == "inbox-answer")))


def test_a_command_takes_answers_and_closes_a_report(world: World, reference: str) -> None:
    number = person(world.node, AccountRole.ANALYST, now=START)
    account = str(number)
    tocsin = Tocsin(world.node.home, {})
    assert tocsin.call("inbox", "take", reference)[0] == 2  # nobody says whose account it is
    assert tocsin.json("inbox", "take", reference, "--as", account)["owner"] == number
    said = ("--text", "Which bank?", "--once", "a", "--as", "analyst@people.example")
    for _ in range(2):
        assert tocsin.json("inbox", "answer", reference, *said, "--asks")["state"] == "waiting"
    assert [one["reference"] for one in tocsin.json("inbox", "list")] == [reference]
    assert tocsin.run("inbox", "move", reference, "closed", "--as", account) == f"{reference} is closed.\n"
    assert tocsin.json("inbox", "list") == []
    shown = tocsin.json("inbox", "show", reference)
    assert [entry["kind"] for entry in shown["entries"]] == ["owner", "state", "answer", "state", "state"]
    assert subjects(world) == [f"Réponse à votre signalement {reference}"]
    assert words(world, reference) == [
        "inbox.received", "inbox.taken", "inbox.moved", "inbox.answered", "inbox.moved", "inbox.moved",
    ]  # fmt: skip
    tocsin.run("inbox", "erase", reference)
    assert tocsin.call("inbox", "show", reference)[0] == 1


def test_the_api_does_the_same(world: World, reference: str) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        assert [one["reference"] for one in client.get("/inbox").json()["items"]] == [reference]
        assert client.get("/inbox", params={"state": "closed"}).json()["items"] == []
        assert client.post(f"/inbox/{reference}/answer", json={"text": ""}).status_code == 422
        done = client.post(f"/inbox/{reference}/answer", json={"text": "Which bank?", "asks": True})
        assert (done.json()["state"], done.json()["owner"]) == (
            "waiting",
            person(world.node, AccountRole.ANALYST, now=START),
        )
        assert client.post(f"/inbox/{reference}/note", json={"text": "Known"}).status_code == 200
        assert client.post(f"/inbox/{reference}/state", json={"state": "closed"}).json()["state"] == "closed"
        shown = client.get(f"/inbox/{reference}").json()
        assert [entry["text"] for entry in shown["entries"] if entry["kind"] in {"answer", "note"}] == [
            "Which bank?",
            "Known",
        ]
    assert subjects(world) == [f"Réponse à votre signalement {reference}"]
    assert "personal.read" in words(world, reference)
    with caller(world, AccountRole.AUDITOR) as client:
        assert client.get(f"/inbox/{reference}").status_code == 200
        assert client.post(f"/inbox/{reference}/take").status_code == 404
    with caller(world, AccountRole.OPERATOR, teams=(4,)) as client:
        assert client.get(f"/inbox/{reference}").status_code == client.get("/inbox/0000-0000").status_code == 404
