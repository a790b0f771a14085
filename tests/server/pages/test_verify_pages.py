"""The holder of a mailbox confirms it: only the deliberate act counts, once, and a stranger learns nothing."""

import datetime as dt
import html
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from support.dns_server import dns_server
from support.world import START, URL, World, copy_world, link_of, send, text_of
from tocsin.delivery import Delivery
from tocsin.directory import read_directory
from tocsin.directory.contacts import ContactReply, read_answers
from tocsin.directory.contacts.verification import name_of, read_contacts, token_of, verify_all, verify_due, verify_team
from tocsin.node.letters import Letter, LetterState
from tocsin.node.tokens import Tokens, open_tokens
from tocsin.problems.answers import links

OPERATOR, SECTOR = "abuse@operator.example", "cert@banks.example"
_LINK = re.compile(r"^ {2}https://csirt\.example(/v/\S+)\s*$", re.MULTILINE)
_MADE = re.compile(r'name="made" value="([^"]+)"')
_CSP = "default-src 'none'"


@pytest.fixture(scope="module")
def after_asking(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A node that asked two teams, and the links by mailbox."""
    world = copy_world(fresh, tmp_path_factory.mktemp("asked"))
    for team in ("operator", "sector"):
        verify_team(world.node, team, now=world.now)
    mails = world.tell()
    world.node.database.close()
    return world.folder, {to: _LINK.findall(mail.body)[0] for to, mail in mails.items()}


@pytest.fixture
def world(after_asking: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[World]:
    made = copy_world(after_asking[0], tmp_path)
    with made.open:
        yield made.at(1)


@pytest.fixture
def asked(after_asking: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return after_asking[1]


def press(client: httpx.Client, path: str, say: str, **fields: object) -> httpx.Response:
    """Open the page and press a button as a person would."""
    made = _MADE.search(client.get(path).text)
    data: dict[str, object] = {"made": made[1] if made else "", "say": say, "note": "", **fields}
    return client.post(path, data=data)


def answers(world: World) -> list[ContactReply]:
    with world.node.database.begin() as session:
        return read_answers(session)


def state(world: World, team: str = "operator") -> str:
    return next(one.stand.state.value for one in read_contacts(world.node, world.now) if one.team == team)


def test_a_question_that_only_we_have_read_cannot_be_answered_for_the_team(world: World, asked: dict[str, str]) -> None:
    client = world.client()
    with world.node.database.begin() as session:
        session.execute(update(Letter).values(state=LetterState.REDIRECTED.value))
    assert [press(client, path, "ours").status_code for path in asked.values()] == [404, 404]
    assert not any(answer.outcome for answer in answers(world))

    verify_due(world.at(15).node, now=world.now)
    world.tell()
    assert press(client, asked[OPERATOR], "ours").status_code == 200


def test_a_scanner_that_fetches_every_link_confirms_nothing(world: World, asked: dict[str, str]) -> None:
    client = world.client(public=True)
    for path in asked.values():
        for _ in range(2):
            assert client.head(path).status_code == 200
            page = client.get(path)
            assert page.status_code == 200
            assert page.headers["content-security-policy"].startswith(_CSP)
            assert page.headers["referrer-policy"] == "no-referrer"
            assert not page.cookies
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, path).status_code == 405

    assert answers(world) == []
    assert state(world) == "registered"


def test_the_page_says_no_more_than_the_letter(world: World, asked: dict[str, str]) -> None:
    words = text_of(world.client().get(asked[OPERATOR]))

    assert "Is abuse@operator.example the email address of Example Operator?" in words
    assert "192.0.2.0/24" in words
    for others in ("banks", "nat-a", "192.0.2.128", "203.0.113", "Outsider", "192.0.2.1 "):
        assert others not in words


def test_yes_verifies_the_mailbox_and_uses_up_the_link(world: World, asked: dict[str, str]) -> None:
    client = world.client()
    done = press(client, asked[OPERATOR], "ours")

    assert done.status_code == 200
    assert "Recorded: abuse@operator.example is the email address of Example Operator." in text_of(done)
    assert (state(world), state(world, "sector")) == ("verified", "registered")
    assert client.get(asked[OPERATOR]).status_code == 404
    assert press(client, asked[OPERATOR], "wrong").status_code == 404
    assert len(answers(world)) == 1


def test_networks_that_are_not_theirs_go_and_the_note_is_kept(world: World, asked: dict[str, str]) -> None:
    done = press(
        world.client(), asked[OPERATOR], "not_these", network="prefix:192.0.2.0/24", note="ask\r\nnoc@new.example"
    )

    assert "one network is not theirs" in text_of(done)
    directory = read_directory(world.node.database)
    operator = next(team.id for team in directory.teams if team.key == "operator")
    assert [rule.value for rule in directory.rules if rule.team_id == operator] == []
    assert [one.note for one in answers(world)] == ["ask noc@new.example"]


def test_wrong_mailbox_takes_it_from_the_team(world: World, asked: dict[str, str]) -> None:
    press(world.client(), asked[OPERATOR], "wrong", note="<script>alert(1)</script>")

    operator = next(team for team in read_directory(world.node.database).teams if team.key == "operator")
    assert operator.mailboxes == ()
    assert state(world) == "unknown"


@pytest.mark.parametrize(
    ("say", "fields", "words"),
    [
        ("maybe", {}, "Choose one of the buttons"),
        ("not_these", {}, "Select the networks"),
        ("not_these", {"network": "prefix:203.0.113.0/24"}, "Select the networks"),
        ("ours", {"network": "prefix:192.0.2.0/24"}, "You selected networks"),
        ("ours", {"made": "old.forged"}, "open for too long"),
    ],
)
def test_a_form_that_is_not_clear_records_nothing_and_keeps_what_was_typed(
    world: World, asked: dict[str, str], say: str, fields: dict[str, str], words: str
) -> None:
    back = press(world.client(), asked[OPERATOR], say, note="“who?”", **fields)

    assert back.status_code == 422
    assert words in text_of(back)
    assert "“who?”" in html.unescape(back.text)
    assert answers(world) == []


def test_links_that_are_forged_foreign_used_or_old_are_one_same_page(world: World, asked: dict[str, str]) -> None:
    client, tokens = world.client(), open_tokens(world.node.home)
    press(client, asked[SECTOR], "ours")
    good = asked[OPERATOR].removeprefix("/v/")
    name, _, proof = good.partition(".")
    flipped = proof[:-2] + ("A" if proof[-2] != "A" else "B") + proof[-1]
    wrong = [
        f"{name}.{flipped}",
        f"{'0' * 32}.{proof}",
        name,
        f"{name}.",
        f".{proof}",
        f"{good}.{proof}",
        good.upper(),
        "x" * 5_000,
        "%00%ff",
        Tokens(b"another node").make("verify", name),  # another node's
        tokens.make("answer", name),  # for another purpose
        tokens.make("answer-form", name),
        tokens.make("reply", name),
        token_of("0" * 32, tokens),  # ours, for nothing
        asked[SECTOR].removeprefix("/v/"),  # used
    ]
    pages = [client.get(f"/v/{token}") for token in wrong]
    pages += [client.post(f"/v/{token}", data={"say": "ours"}) for token in wrong]
    pages.append(client.get("/a/nothing"))
    world.at(43)
    pages.append(client.get(asked[OPERATOR]))  # too old
    pages.append(press(client, asked[OPERATOR], "ours"))

    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert not re.search("operator|mailbox|verif", pages[0].text, re.IGNORECASE)
    assert [one.mailbox for one in answers(world)] == [SECTOR]


def test_a_token_of_a_question_answers_no_digest(world: World, asked: dict[str, str]) -> None:
    good = asked[OPERATOR].removeprefix("/v/")
    world.hear("192.0.2.1")
    digest = links(URL, open_tokens(world.node.home))("TOC-2026-0000001").removeprefix(f"{URL}/a/")

    assert world.client().get(f"/a/{good}").status_code == 404
    assert name_of(digest, open_tokens(world.node.home)) is None


def test_only_our_own_form_is_taken(world: World, asked: dict[str, str]) -> None:
    client, path = world.client(), asked[OPERATOR]
    made = _MADE.search(client.get(path).text)
    assert made
    data = {"made": made[1], "say": "ours"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post(path, data=data, headers=headers).status_code == 403
    assert client.post(path, json=data).status_code == 403
    assert client.post(path, data={**data, "note": "x" * 70_000}).status_code == 403
    other = _MADE.search(client.get(asked[SECTOR]).text)
    assert other
    assert client.post(path, data={**data, "made": other[1]}).status_code == 422  # made for another question

    assert answers(world) == []
    assert client.post(path, data=data, headers={"Origin": URL}).status_code == 200


def test_sent_many_times_at_once_it_counts_once(world: World, asked: dict[str, str]) -> None:
    client, path = world.client(), asked[OPERATOR]
    made = _MADE.search(client.get(path).text)
    assert made
    with ThreadPoolExecutor(6) as pool:
        sent = [
            pool.submit(client.post, path, data={"made": made[1], "say": say})
            for say in ("ours", "wrong")
            for _ in "123"
        ]
    codes = sorted(one.result().status_code for one in sent)

    assert codes == [200, 404, 404, 404, 404, 404]
    assert len(answers(world)) == 1


def test_nobody_is_asked_twice_and_the_daily_run_reminds_and_asks_again(world: World, asked: dict[str, str]) -> None:
    press(world.client(), asked[SECTOR], "ours")
    assert verify_team(world.node, "operator", now=world.now).left == {"asked already": 1}
    steps = []
    for day in range(2, 420, 7):
        done = verify_due(world.at(day).node, now=world.now)
        steps += [(day, "remind")] * done.reminders + [(day, one.mailbox) for one in done.asks]
        assert verify_due(world.node, now=world.now).reminders == 0

    assert steps[:2] == [(16, "remind"), (30, "remind")]  # the operator, who never answers
    asks = [(day, box) for day, box in steps if box != "remind"]
    assert asks == [(324, SECTOR)]  # six weeks before it would be stale
    assert [day for day, what in steps if what == "remind"][2:] == [asks[0][0] + 14, asks[0][0] + 28]
    assert state(world, "sector") == "stale"


def test_all_are_asked_at_a_pace_and_a_dry_run_asks_nobody(world: World) -> None:
    again = verify_all(world.node, now=world.now, dry_run=True)
    done = verify_all(world.node, now=world.now)

    assert [one.mailbox for one in done.asks] == [one.mailbox for one in again.asks]
    assert len(done.asks) == 4
    assert {one.day for one in done.asks} == {(START + dt.timedelta(days=1)).date()}
    assert verify_all(world.node, now=world.now).asks == ()


@pytest.mark.parametrize(("channel", "expected"), [("smtp", "answering"), ("file", "registered")])
def test_who_answers_a_digest_by_its_page_is_answering(world: World, channel: str, expected: str) -> None:
    world.now = dt.datetime.now(dt.UTC)  # the mailbox was there before
    world.hear("192.0.2.1")
    path = link_of(world.tell()[OPERATOR])
    with world.node.database.begin() as session:
        session.execute(update(Delivery).values(channel=channel))

    assert send(world.client(), path, "acknowledged").status_code == 303
    assert state(world) == expected


def test_by_command_from_the_list_of_contacts_to_an_approved_claim(world: World) -> None:
    tocsin = world.tocsin
    with dns_server() as dns:
        with (world.node.home / "tocsin.toml").open("a") as file:
            file.write(f'[directory]\nresolver = "{dns.address}"\n')
        listed = json.loads(tocsin.run("--json", "directory", "contacts", "--purpose", "abuse"))
        assert {one["mailbox"] for one in listed["contacts"]} == {OPERATOR, "abuse@green.example"}
        assert listed["counts"]["abuse"] == {"registered": 2}
        would = json.loads(tocsin.run("--json", "directory", "verify", "nat-a", "--dry-run"))
        assert [one["mailbox"] for one in would["asked"]] == ["csirt@nat-a.example"]
        tocsin.run("directory", "verify", code=2)
        tocsin.run("directory", "verify", "nat-a", "--all", code=2)
        given = ("directory", "claim", "banks.example", "--team", "sector", "--mailbox", "noc@banks.example")
        made = json.loads(tocsin.run("--json", *given))
        tocsin.run("directory", "claims", "check", "1", code=1)
        dns.records[made["dns_names"][0]] = [made["dns_value"]]
        assert "is shown" in tocsin.run("directory", "claims", "check", "1")
    tocsin.run("directory", "claims", "approve", "1", "--said-by", "Ana")
    assert json.loads(tocsin.run("--json", "directory", "claims", "list", "--state", "approved"))[0]["proof"] == "dns"
    tocsin.run("directory", "claim", "10.0.0.0/8", "--team", "sector", "--mailbox", "noc@banks.example", code=1)
    tocsin.run("directory", "assert", "operator", "domain", "www.banks.example", "--said-by", "Bo")
    tocsin.run("directory", "claim", "banks.example", "--team", "green", "--mailbox", "noc@green.example")
    refused = tocsin.call("directory", "claims", "approve", "2", "--said-by", "Ana", "--reason", "known")
    assert refused[0] == 1
    assert "Others claim banks.example, what it lies in, or parts of it: operator, sector." in refused[2]
