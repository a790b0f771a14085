"""`tocsin demo`: the main job on a fictional country, from reports to finished mails and the first page."""

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Invocation, capabilities, note, print_table, say
from tocsin.node.paths import HomeFile, HomeFolder

if TYPE_CHECKING:
    from tocsin.operations.demo import Country, Overview
    from tocsin.pipeline.stores import NodeWithStores

SEED = 5
DAYS = 7
_HEARD = (
    ("rows", "rows received"),
    ("stored", "  stored as events"),
    ("duplicates", "  duplicates, counted only"),
    ("quarantined", "  unreadable, in quarantine"),
    ("problems_new", "problems, new"),
    ("problems_continuing", "problems seen again on a later day"),
)


def demo(
    call: NodeInvocation,
    serve: Annotated[bool, typer.Option(help="Serve the first page afterwards.")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="The port of the page.")] = None,
) -> None:
    """Run the whole job on a fictional country, then serve the first page. It keeps to a folder of its own."""
    from tocsin.operations.demo import overview
    from tocsin.pipeline.stores import open_node

    home = call.home / "demo"
    node = open_node(home)
    port = port or node.settings.server.port
    if overview(node).reports == 0:
        _play(home, port)
        node = open_node(home)  # with the settings that the demonstration wrote
    elif _move(home, port):
        node = open_node(home)
    seen = overview(node)
    call.emit(_document(seen), lambda: _show(seen, home))
    if call.json or not serve:
        return
    _invite(node, seen, port)
    from tocsin.server.server import serve as run

    run(node, port=port)


def _move(home: Path, port: int) -> bool:
    """Let the links of mails lead to another port of this machine; whether they led elsewhere."""
    settings = home / HomeFile.SETTINGS
    before = settings.read_text(encoding="utf-8") if settings.is_file() else ""
    after = re.sub(r'^(url = "http://127\.0\.0\.1:)\d+"$', rf'\g<1>{port}"', before, flags=re.MULTILINE)
    if after != before:
        settings.write_text(after, encoding="utf-8")
    return after != before


def _invite(node: "NodeWithStores", seen: "Overview", port: int) -> None:
    """Say how to look around: one account of each role."""
    from tocsin.directory import teams_by_id
    from tocsin.operations.demo import ABROAD, let_in
    from tocsin.pipeline.stores import open_node

    most = max(seen.told, key=lambda told: told.problems, default=None)
    teams = {number: team.key for number, team in teams_by_id(node.database).items() if most and team.key == most.key}
    password, mailboxes = let_in(node.database, teams, now=datetime.now(UTC))
    say(f"Look around at http://127.0.0.1:{port} until Ctrl-C. './run --help' leads on.")
    say(f"Sign in as {', '.join(mailboxes)}; the password of all is: {password}")
    if (abroad := node.home / ABROAD).is_dir():
        let_in(open_node(abroad).database, {}, now=datetime.now(UTC), password=password)
        say(f"Meridia's node: './run --home {abroad} serve --port {port + 1}', with the same accounts.")


def _play(home: Path, port: int) -> None:
    """Make the country and let three months pass in it, with a line for each step.

    ``port``: where the links of the mails lead, on this machine.
    """
    from tocsin.directory import confirm_lines, import_directory, teams_by_id
    from tocsin.networks import Networks, load_table
    from tocsin.operations.demo import CODE, EMERGENCY_NUMBER, HELP_LINES, NAME, found_country, let_in, write_mapping
    from tocsin.pipeline.stores import open_node

    note("Unpacking the bundled network tables ...")
    country = found_country(Networks.open(home), SEED)
    (home / HomeFile.SETTINGS).write_text(
        '[node]\nname = "Kestria National CSIRT (demonstration)"\ncontact = "csirt@kest-cert.example"\n'
        f'country = "{CODE}"\ncountry_names = {{ {CODE} = "{NAME}" }}\n'
        f'emergency_number = "{EMERGENCY_NUMBER}"\n'
        f'[server]\nurl = "http://127.0.0.1:{port}"\n[accounts]\nsecond_factor = []\n'
        '[mailbox]\naddress = "csirt@kest-cert.example"\n[storage]\nbackup_days = 0\n[assets]\nenabled = true\n'
        '[collect.partner]\nkind = "folder"\npath = "incoming"\n'
        '[log]\nform = "off"\n',  # on the terminal stays how to sign in
        encoding="utf-8",
    )
    (home / "incoming").mkdir(exist_ok=True)
    for name, table in (("asn", country.routes), ("asn-country", country.countries)):
        (home / f"kestria-{name}.csv").write_text(table, encoding="utf-8")
        load_table(home, home / f"kestria-{name}.csv")
    teams = home / "kestria.toml"
    teams.write_text(country.directory, encoding="utf-8")
    write_mapping(home / HomeFolder.FEEDS)
    node = open_node(home)
    note("Importing the teams of Kestria, a country that does not exist ...")
    import_directory(node.database, teams, now=datetime.now(UTC), actor="demo")
    for key in HELP_LINES:
        confirm_lines(node.database, key, (), now=datetime.now(UTC), actor="demo")
    harbour = {number: team.key for number, team in teams_by_id(node.database).items() if team.key == "harbour"}
    let_in(node.database, harbour, now=datetime.now(UTC))
    with node.database.kept_open():
        _let_pass(node, country)
    for one in capabilities():
        one.add_example(Invocation(home, json=False))


def _let_pass(node: "NodeWithStores", country: "Country") -> None:
    """Three months and a week of Kestria, day by day, and what people did."""
    from tocsin.operations.demo import (
        STEPS,
        Demonstration,
        add_partners,
        answer_in_incidents,
        keep_register,
        open_incidents,
        write_earlier,
        write_reports,
    )
    from tocsin.pipeline.notify import tell
    from tocsin.problems.answers import AnswerVerdict

    now = datetime.now(UTC)
    inbox, demonstration = node.home / "reports", Demonstration(node, country, now)
    today = now.date()
    note("Three months of earlier reports ...")
    for day, reports in write_earlier(country, inbox, SEED, before=today - timedelta(days=DAYS)):
        at = datetime.combine(day, time(7), UTC)
        demonstration.hear(reports, at)
        tell(node, now=at + timedelta(hours=26))  # whoever is notified once a day
        for key in ("harbour", "summit"):
            demonstration.answer(
                key, [(AnswerVerdict.FIXED, 4), (AnswerVerdict.ACKNOWLEDGED, 2)], at + timedelta(hours=30)
            )
    written = write_reports(country, inbox, SEED, until=today - timedelta(days=1))
    note(f"A week of reports: {len(written)} files in {inbox} ...")
    answered = now - timedelta(days=2)
    cut = f"{answered:%Y-%m-%d}"
    demonstration.hear([path for path in written if path.name < cut], answered)
    demonstration.answer(
        "harbour", [(AnswerVerdict.FIXED, 20), (AnswerVerdict.FALSE, 2)], answered + timedelta(hours=2)
    )
    demonstration.answer(
        "summit", [(AnswerVerdict.ACKNOWLEDGED, 12), (AnswerVerdict.ACCEPTED, 1)], answered + timedelta(hours=4)
    )
    open_incidents(demonstration)
    keep_register(demonstration)
    add_partners(demonstration)
    demonstration.hear([path for path in written if path.name >= cut], now)
    note("What people did ...")
    for step in (*STEPS, answer_in_incidents):
        step(demonstration)


def _document(seen: "Overview") -> dict[str, object]:
    return {
        "reports": seen.reports,
        **seen.counts,
        "told": [vars(team) for team in seen.told],
        "not_told": [vars(entry) for entry in seen.not_told],
    }


def _show(seen: "Overview", home: Path) -> None:
    print_table("", ("what", "count"), [(words, seen.counts[name]) for name, words in _HEARD], numbers=[1])
    print_table(
        "Notified",
        ("team", "digests", "problems", "events", "last mail"),
        [(team.team, team.digests, team.problems, team.events, team.last_subject) for team in seen.told],
        numbers=[1, 2, 3],
    )
    print_table(
        "Not notified, and why",
        ("who", "events", "why"),
        [(entry.who, entry.events, entry.reason) for entry in seen.not_told],
        numbers=[1],
    )
    say(f"The finished mails are in {home / HomeFolder.MAILS}.")
