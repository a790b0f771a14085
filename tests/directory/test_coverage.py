"""Coverage of a seeded world of 5,000 AS numbers equals a recount of what is true of it, figure by figure."""

import email.policy
import gzip
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.cast import Tocsin
from support.coverage_example import (
    ANSWERED,
    ASKED,
    FILES,
    FIRST,
    IMPORTS,
    REGISTRIES,
    SECOND,
    WORDS,
    Act,
    Recount,
    SeededWorld,
    delegation,
    make,
    places,
    routes,
    teams,
)
from support.databases import Cluster
from support.world import URL
from support.world import World as Served
from tocsin.delivery.mailbox import MailKind
from tocsin.directory import (
    PersonStatement,
    add_denial,
    import_directory,
    merge_teams,
    note_answer,
    note_bounce,
    note_delivered,
    note_verified,
    read_directory,
)
from tocsin.directory.contacts import Ask, Letters, ask
from tocsin.directory.contacts.verification import token_of
from tocsin.directory.registry import import_delegations
from tocsin.networks import load_table
from tocsin.node.letters import Letter, LetterState
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems.replies import file_mail, open_context

_SETTINGS = f'[server]\nurl = "{URL}"\n[mailbox]\naddress = "csirt@example.org"\n'
_MADE = re.compile(r'name="made" value="([^"]+)"')


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tocsin, Any]]:
    """A node that was told the world, and the world."""
    folder = tmp_path_factory.mktemp("coverage")
    home, storage = folder / "home", ""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        storage = f"[storage]\ndatabase = '{cluster.fresh()}'\n"
    home.mkdir()
    (home / "tocsin.toml").write_text(storage + _SETTINGS)
    world = make(4, 5_000 if request.param == "sqlite" else 1_000)
    node = open_node(home)
    with ExitStack() as stack:
        stack.callback(node.database.engine.dispose)
        play(node, world, folder, stack)
        yield Tocsin(home, {}), world


def play(node: NodeWithStores, world: SeededWorld, folder: Path, stack: ExitStack) -> None:
    """Tell the node everything, at the times at which it is told."""
    for name, text in (("routes.dat", routes(world)), ("places.csv", places(world))):
        (folder / name).write_text(text)
        load_table(node.home, folder / name)
    for number, day in enumerate(FILES):
        for rir in REGISTRIES:
            path = folder / f"delegated-{rir}-extended-{number}"
            path.write_text(delegation(world, number, rir))
            import_delegations(node.database, node.home, path, actor="x", now=_moment(day))
    path = folder / "teams.csv"
    path.write_text(teams(world, 0))
    import_directory(node.database, path, actor="x", now=IMPORTS[0], source="list", most_gone=None)
    keys = {team.key: team.id for team in read_directory(node.database).teams}
    by_letter = [act for act in world.acts if act.what.startswith("letter")]
    _letters(node, by_letter, keys, stack)
    _notes(node, [act for act in world.acts if act not in by_letter], keys)
    for team, number in world.denials:
        said = PersonStatement(team, "asn", str(number), "Ana", "not theirs")
        add_denial(node.database, said, actor="x", now=WORDS)
    for team, into in world.merges:
        merge_teams(node.database, into, team, said_by="Ana", reason="one", actor="x", now=WORDS)
    path.write_text(teams(world, 1))
    import_directory(node.database, path, actor="x", now=IMPORTS[1], source="list", most_gone=None)


def _notes(node: NodeWithStores, acts: Sequence[Act], keys: dict[str, int]) -> None:
    with node.database.begin() as session:
        for act in acts:
            team, box, at = keys[act.team], act.mailbox, act.at
            if act.what == "verified":
                note_verified(session, team_id=team, mailbox=box, at=at, via="page")
            elif act.what == "answered":
                note_answer(session, team_id=team, mailbox=box, at=at, told_at=act.told_at, via="mail")
            elif act.what == "bounced":
                note_bounce(session, mailbox=box, at=at, permanent=act.permanent)
            else:
                note_delivered(session, [box], at=at)


def _letters(node: NodeWithStores, acts: Sequence[Act], keys: dict[str, int], stack: ExitStack) -> None:
    """Ask by letter; then people press buttons and reply, scanners fetch links, and programs reply."""
    tokens = open_tokens(node.home)
    links: dict[str, str] = {}

    def write(question: Any, _step: int) -> tuple[str, str]:
        links[question.mailbox] = f"/v/{token_of(question.name, tokens)}"
        return f"Is {question.mailbox} yours?", links[question.mailbox]

    letters = Letters(write, reply_addresses("csirt@example.org", tokens))
    with node.database.begin() as session:
        for act in acts:
            ask(session, Ask(act.mailbox, (keys[act.team],), ASKED), {}, letters, now=ASKED)
        sent = {letter.mailbox: letter for letter in session.scalars(select(Letter))}
        for letter in sent.values():
            letter.state, letter.sent_at = LetterState.SENT.value, ASKED
    client, desk = Served(node.home, node, ANSWERED, open=stack).client(public=True), open_context(node, node.store)
    for act in acts:
        story, link = act.what.removeprefix("letter "), links[act.mailbox]
        if story in {"confirms by mail", "auto-reply"}:
            filed = file_mail(desk, _reply(sent[act.mailbox], automatic=story == "auto-reply"), now=ANSWERED)
            assert filed.decision.kind is (MailKind.AUTOMATIC if story == "auto-reply" else MailKind.ANSWER)
            continue
        page = client.get(link)
        assert page.status_code == 200
        if story != "link fetched":
            made = _MADE.search(page.text)
            assert made
            said = {"made": made[1], "say": "ours" if story == "confirms by link" else "wrong", "note": ""}
            assert client.post(link, data=said).status_code in {200, 303}


def _reply(letter: Letter, *, automatic: bool) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = letter.mailbox, letter.reply_to
    mail["Subject"], mail["Message-ID"] = f"Re: {letter.subject}", f"<{letter.id}@n.example>"
    mail["In-Reply-To"] = letter.message_id
    if automatic:
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am away until Monday.\n" if automatic else "yes\n")
    return mail.as_bytes(policy=email.policy.SMTP)


def _moment(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=6)


@pytest.mark.parametrize("day", [FIRST, SECOND])
def test_every_figure_equals_a_recount(played: tuple[Tocsin, SeededWorld], day: date) -> None:
    tocsin, world = played
    found = tocsin.json("directory", "coverage", "--as-of", day.isoformat())

    rows = {row.pop("country") or "-": row for row in found["countries"]}
    assert {**rows, "all": {**found["total"], "from_elsewhere": 0}} == {
        name: {"from_elsewhere": 0, **figures} for name, figures in Recount(world, day).figures().items()
    }
    assert {(file["rir"], file["as_of"]) for file in found["denominator"]} == {
        (rir, FILES[day >= FILES[1]].isoformat()) for rir in REGISTRIES
    }
    assert found["weights"] == ["places.csv", "routes.dat"]


def test_the_world_has_all_that_coverage_must_tell_apart(played: tuple[Tocsin, SeededWorld]) -> None:
    _, world = played
    stories = {box.story for crew in world.crews for box in crew.boxes}
    assert {"confirms by link", "confirms by mail", "says wrong", "link fetched", "auto-reply", "bounces"} <= stories
    before, after = (Recount(world, day).figures()["all"] for day in (FIRST, SECOND))
    for name, figure in after.items():
        assert figure > 0, name
    assert before["moved"] < after["moved"]
    assert before["security_answering"] != after["security_answering"]


def test_the_lines_of_the_countries_add_up(played: tuple[Tocsin, SeededWorld]) -> None:
    found = played[0].json("directory", "coverage", "--as-of", SECOND.isoformat())
    for name, figure in found["total"].items():
        assert sum(row[name] for row in found["countries"]) == figure
    for row in found["countries"]:
        assert row["as_numbers"] == row["without"] + row["contact"]
        assert row["security"] >= row["security_verified"] >= row["security_answering"]


def test_a_country_lists_its_numbers_with_what_is_known_of_each(played: tuple[Tocsin, SeededWorld]) -> None:
    tocsin, world = played
    found = tocsin.json("directory", "coverage", "--country", "tv", "--as-of", SECOND.isoformat())
    truth = Recount(world, SECOND)
    mine = sorted(number for number in world.given[1] if truth.home(number) == "TV")
    assert [row["asn"] for row in found["as_numbers"]] == mine
    for row in found["as_numbers"]:
        assert {sort: row[sort] for sort in ("contact", "abuse", "security")} == truth.best(row["asn"])


def test_numbers_that_no_registry_gave_away_are_named(played: tuple[Tocsin, SeededWorld]) -> None:
    tocsin, world = played
    truth = Recount(world, SECOND)
    found = tocsin.json("directory", "coverage", "--as-of", SECOND.isoformat())
    assert found["not_given"] == sorted(number for number in truth.holders if truth.home(number) is None)


def test_csv_has_every_country_and_the_sum(played: tuple[Tocsin, SeededWorld]) -> None:
    lines = played[0].run("directory", "coverage", "--as-of", SECOND.isoformat(), "--format", "csv").splitlines()
    head = lines[0].split(",")
    assert len(lines) == 1 + len(Recount(played[1], SECOND).figures())
    assert lines[-1].split(",")[head.index("country")] == "all"


@pytest.mark.parametrize("rir", ["afrinic", "lacnic"])
def test_as_numbers_of_a_registry_equal_awk(shared_data: Path, tmp_path: Path, rir: str) -> None:
    path = shared_data / "rir" / f"delegated-{rir}-extended-latest-2024-01-06.gz"
    tocsin = Tocsin(tmp_path / "home", {})
    tocsin.run("directory", "import-delegations", path)
    found = tocsin.json("directory", "coverage")
    program = '$3 == "asn" && ($7 == "allocated" || $7 == "assigned") {n[$2] += $5} END {for (c in n) print c, n[c]}'
    out = subprocess.run(
        ["awk", "-F|", program], input=gzip.decompress(path.read_bytes()), capture_output=True, check=True
    )
    counted = dict(line.split() for line in out.stdout.decode().splitlines())
    assert {row["country"]: row["as_numbers"] for row in found["countries"] if row["as_numbers"]} == {
        country: int(number) for country, number in counted.items()
    }
    assert found["denominator"][0]["sha256"]
