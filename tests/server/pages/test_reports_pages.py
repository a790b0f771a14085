"""Reports on pages: their sums, what became of each; and rows set aside that are mended, tried, read again or left."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cast import HEADER
from support.console_users import Browser, browser_of
from support.world import START, World, copy_world, text_of
from tocsin.events.models import Ingest
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditAction
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        yield browser


def hear(world: World, *reports: str) -> None:
    """Take in reports whose rows name these addresses (with blanks between) and nothing else to be known by."""
    paths = []
    for addresses in reports:
        world.reports += 1
        paths.append(world.folder / f"2026-11-16-scan_rdp-test{world.reports:03}-geo.csv")
        rows = [f'"2026-11-16 04:00:00","medium","{address}","tcp",3389,,"rdp",,,,' for address in addresses.split()]
        paths[-1].write_text("\n".join([HEADER, *rows, ""]))
    assert not ingest(world.node, paths, clock=lambda: world.now).failed


def words_of(world: World) -> list[tuple[str, str, str]]:
    from sqlalchemy import select

    from tocsin.node.records.audit import AuditEntry

    with world.node.database.reading() as session:
        return [(one.word, one.actor, one.subject) for one in session.scalars(select(AuditEntry))]


def test_the_list_and_the_page_of_a_report_have_sums_that_balance(world: World, analyst: Browser) -> None:
    hear(world, "192.0.2.1 192.0.2.2 nowhere 192.0.2.1")
    listed, page = text_of(analyst.get("/reports")), text_of(analyst.get("/reports/1"))
    assert "-scan_rdp-test001-geo.csv" in listed
    assert "4 rows = 2 stored + 1 duplicates + 1 unreadable" in page
    assert "Example Operator" in page
    assert "1 row in quarantine" in page


def test_a_list_longer_than_a_page_goes_on_where_it_ended(world: World, analyst: Browser) -> None:
    hear(world, "192.0.2.7")
    with world.node.database.begin() as session:
        one = session.get_one(Ingest, 1)
        values = {column.key: getattr(one, column.key) for column in Ingest.__table__.columns}
        session.add_all(Ingest(**values | {"number": n, "content_hash": f"{n}"}) for n in range(2, 53))
    first = analyst.get("/reports").text
    (further,) = re.findall(r'<a rel="next" href="([^"]+)"', first)
    numbers = [
        int(n) for n in re.findall(r'href="/reports/(\d+)"', first + analyst.get(further.replace("&amp;", "&")).text)
    ]
    assert numbers == list(range(52, 0, -1))
    (whole,) = re.findall(r'href="([^"]+format=json)"', analyst.get("/reports?since=2026-11-01").text)
    assert "since=2026-11-01" in whole
    assert [one["number"] for one in analyst.get(whole.replace("&amp;", "&")).json()] == numbers


def test_a_row_is_mended_tried_and_read_again_and_stays_on_record(world: World, analyst: Browser) -> None:
    hear(world, "nowhere elsewhere 192.0.2.7")
    assert "2 unreadable rows" in analyst.get("/reports/quarantine").text
    page = analyst.get("/reports/quarantine/1/0").text
    assert "nowhere" in page
    raw = text_of_area(page)

    tried = analyst.send("/reports/quarantine/1/0", text=raw.replace("nowhere", "192.0.2.9"), do="try")
    assert "Readable: 1 event" in tried.text
    assert "192.0.2.9" in tried.text
    assert "Still unreadable" in analyst.send("/reports/quarantine/1/0", text=raw, do="try").text
    assert "2 unreadable rows" in analyst.get("/reports/quarantine").text

    done = analyst.send("/reports/quarantine/1/0", text=raw.replace("nowhere", "192.0.2.9"), do="replay")
    assert "1 row reprocessed; still unreadable: 0" in text_of(analyst.get(done.headers["location"]))
    assert "1 unreadable row" in analyst.get("/reports/quarantine").text
    assert "1 row = 1 stored + 0 duplicates + 0 unreadable" in text_of(analyst.get("/reports/2"))
    assert "nowhere" in analyst.get("/reports/quarantine/1/0").text
    assert any(
        word == AuditAction.QUARANTINE_MENDED and actor.startswith("person:") for word, actor, _ in words_of(world)
    )
    again = analyst.send("/reports/quarantine/1/0", text=raw, do="replay")
    assert again.status_code >= 400


def test_one_row_leads_to_the_next_until_none_is_left(world: World, analyst: Browser) -> None:
    hear(world, "nowhere elsewhere 192.0.2.7", "there")
    shown = analyst.get("/reports/quarantine?ingest=1").text
    (link, _) = re.findall(r'href="(/reports/quarantine/1/\d+\?[^"]+)"', shown)
    for place, address in enumerate(("nowhere", "elsewhere")):
        page = analyst.get(link.replace("&amp;", "&")).text
        assert f"<bdi>{address}</bdi>" in page  # as a field, beside what it should be
        assert "Expected: address, such as 192.0.2.1" in text_of(analyst.get(link))
        fixed = text_of_area(page).replace(address, f"192.0.2.{20 + place}")
        kept = dict(re.findall(r'name="(list_\w+)" value="([^"]*)"', page))
        link = analyst.send(f"/reports/quarantine/1/{place}", text=fixed, do="replay", **kept).headers["location"]
        assert "1 row reprocessed; still unreadable: 0" in text_of(analyst.get(link))
    assert link.startswith("/reports/quarantine?")  # the report has no more; that of another is not in this list
    assert "1 unreadable row" in text_of(analyst.get(link))


def test_trying_a_row_names_whom_it_would_notify_and_when(world: World, analyst: Browser) -> None:
    hear(world, "nowhere")
    raw = text_of_area(analyst.get("/reports/quarantine/1/0").text)
    tried = text_of(analyst.send("/reports/quarantine/1/0", text=raw.replace("nowhere", "192.0.2.9"), do="try"))
    assert f"Example Operator {world.now:%Y-%m-%d %H:%M} 1 0" in tried
    assert "Outsider" not in tried
    assert world.tell() == {}


def test_all_rows_of_one_reason_are_read_again(world: World, analyst: Browser) -> None:
    hear(world, "nowhere 192.0.2.7", "elsewhere there")
    page = analyst.get("/reports/quarantine").text
    (feed,), (reason,) = (set(re.findall(rf'name="{name}" value="([^"]+)"', page)) for name in ("feed", "reason"))
    done = analyst.send("/reports/quarantine/replay", feed=feed, reason=reason.replace("&#39;", "'"))
    assert "0 rows reprocessed; still unreadable: 3" in text_of(analyst.get(done.headers["location"]))
    page = text_of(analyst.get("/reports/quarantine"))
    assert "3 unreadable rows" in page
    assert "All reprocessed" in text_of(analyst.get("/reports/1"))


def test_rows_are_left_aside_with_a_reason(world: World, analyst: Browser) -> None:
    hear(world, "nowhere 192.0.2.7")
    assert analyst.send("/reports/1/leave", reason=" ").status_code == 422
    analyst.send("/reports/1/leave", reason="A line of totals.")
    assert "No unreadable rows" in analyst.get("/reports/quarantine").text
    page = text_of(analyst.get("/reports/1"))
    assert "Dismissed: A line of totals." in page
    assert "nowhere" in page


def test_a_report_is_sent_in_by_a_form(analyst: Browser) -> None:
    name = "2026-11-16-scan_rdp-sent-geo.csv"
    content = f'{HEADER}\n"2026-11-16 04:00:00","medium","192.0.2.5","tcp",3389,,"rdp",64500,"MU",,\nno row\n'
    sent = analyst.client.post("/reports/new", data={"csrf": analyst.csrf}, files={"file": (name, content)})
    said = text_of(analyst.get(sent.headers["location"]))
    assert "Uploaded report 1 event stored" in said
    assert "2 rows = 1 stored + 0 duplicates + 1 unreadable" in said
    refused = analyst.client.post("/reports/new", data={"csrf": analyst.csrf}, files={"file": ("x.txt", "what is it")})
    said = text_of(analyst.get(refused.headers["location"]))
    assert "Uploaded report Not processed" in said
    assert "Choose its feed in the form" in said
    assert "--source" not in said
    empty = analyst.client.post("/reports/new", data={"csrf": analyst.csrf}, files={"file": ("x.csv", b"")})
    assert (empty.status_code, "The file is empty." in empty.text) == (422, True)
    assert "Choose a file." in analyst.client.post("/reports/new", data={"csrf": analyst.csrf}).text


def test_a_report_that_is_too_large_is_refused(world: World) -> None:
    (world.node.home / "tocsin.toml").write_text("[api]\nmax_upload_bytes = 2000\n")
    node = open_node(world.node.home)
    with browser_of(make_application(node, clock=lambda: world.now), node, AccountRole.ANALYST, now=START) as analyst:
        sent = analyst.client.post("/reports/new", data={"csrf": analyst.csrf}, files={"file": ("x.csv", "x" * 9_000)})
    assert sent.status_code == 413
    assert not list((world.node.home / "uploads").glob("*"))


def test_an_auditor_reads_and_changes_nothing(world: World) -> None:
    hear(world, "nowhere 192.0.2.7")
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.AUDITOR, now=START) as auditor:
        assert "<textarea" not in auditor.get("/reports/quarantine/1/0").text
        assert auditor.send("/reports/quarantine/1/0", text="x", do="try").status_code == 404
        assert auditor.send("/reports/1/leave", reason="x").status_code == 404
        assert auditor.get("/reports/new").status_code == 404


def test_feeds_and_collectors_say_how_they_are(world: World, analyst: Browser) -> None:
    hear(world, "192.0.2.7")
    assert "1 feed, as usual" in analyst.get("/reports/feeds").text
    assert "No collectors" in analyst.get("/reports/collectors").text


def test_what_is_not_there_is_said_to_be_so(analyst: Browser) -> None:
    for path in ("/reports/9", "/reports/quarantine/9/0", "/reports/quarantine/1/0"):
        assert analyst.get(path).status_code == 404
    assert analyst.get("/reports?before=x&feed=a").status_code == 200
    for form in ("", "csv"):  # a file would not say it
        wrong = analyst.get(f"/reports?since=never&format={form}")
        assert wrong.status_code == 422
        assert "Write a day like 2026-11-24." in wrong.text
        assert 'value="never"' in wrong.text
    assert analyst.get("/reports/quarantine?after=x.y&ingest=z").status_code == 200


def text_of_area(page: str) -> str:
    import html

    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])
