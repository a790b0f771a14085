"""Try a feed, its mapping file saved; a feed added, paused and removed; lists as context; and wrong files in sight."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.abuse_reports import TRACES, xarf
from support.console_users import Browser, browser_of
from support.world import START, World, copy_world, text_of
from tocsin.events import find_listings
from tocsin.node.accounts import AccountRole
from tocsin.node.paths import HomeFolder
from tocsin.operations.doctor import examine
from tocsin.pipeline.collectors import node_collectors
from tocsin.pipeline.feed_files import feed_mistakes
from tocsin.pipeline.ingest import ingest
from tocsin.server.server import make_application

SAMPLE = "when;address;note\n2026-11-16 04:00:00;192.0.2.1;a\n2026-11-16 04:00:01;nowhere;b\n"
MAPPING = 'separator = ";"\n[columns]\nwhen = "time.source"\naddress = "source.ip"\n'


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def browser(world: World, role: AccountRole) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=START) as found:
        yield found


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    yield from browser(world, AccountRole.ANALYST)


@pytest.fixture
def administrator(world: World) -> Iterator[Browser]:
    yield from browser(world, AccountRole.ADMINISTRATOR)


def typed(**given: str) -> dict[str, str]:
    return {"sample": SAMPLE, "feed": "ours", "name": "ours.csv", "mapping": MAPPING} | given


def test_a_sample_is_tried_its_mapping_suggested_corrected_and_saved(world: World, analyst: Browser) -> None:
    suggested = analyst.send("/reports/feeds/try", **typed(mapping="", feed="")).text
    assert "&#34;address&#34; = &#34;source.ip&#34;" in suggested
    tried = text_of(analyst.send("/reports/feeds/try", **typed(mapping=f'{MAPPING}nope = "malware.name"\n')))
    assert "nope" in tried.split("no record has")[1].split("does not name")[0]
    assert "1 event of 2 records, 1 for quarantine" in tried
    assert "nowhere;b" in tried
    assert "note" in tried.split("does not name")[1]
    lacking = 'separator = ";"\n[head]\n"made (.*)" = "time.source"\n[columns]\naddress = "source.ip"\n'
    lacks = text_of(analyst.send("/reports/feeds/try", **typed(mapping=lacking))).split("What the mapping lacks")[1]
    assert "gives no type" in lacks
    assert "made (.*)" in lacks
    wrong = analyst.send("/reports/feeds/save", **typed(mapping='[columns]\naddress = "sauce.ip"\n'))
    assert wrong.status_code == 422
    assert "Line 2, column 11" in text_of(wrong)
    assert "2026-11-16 04:00:01;nowhere" in wrong.text, "what was typed stays"
    saved = analyst.send("/reports/feeds/save", **typed())
    assert "source.ip" in analyst.get(saved.headers["location"]).text
    path = world.node.home / HomeFolder.FEEDS / "ours.toml"
    assert path.read_text() == MAPPING
    analyst.send("/reports/feeds/save", **typed(mapping=MAPPING.replace("[", "tlp = 'GREEN'\n[")))
    assert "GREEN" in path.read_text()
    analyst.send("/reports/feeds/mapped/ours/restore")
    assert path.read_text() == MAPPING
    analyst.send("/reports/feeds/mapped/ours/restore")  # done twice, it is as before
    assert "GREEN" in path.read_text()
    found = analyst.send("/reports/feeds/try", **typed(sample=json.dumps(xarf("csam")), mapping=""))
    assert not [trace for trace in TRACES if trace in found.content]


def test_a_wrong_mapping_file_is_seen_on_the_feeds_page_by_doctor_and_to_do(world: World, analyst: Browser) -> None:
    path = world.node.home / HomeFolder.FEEDS / "ours.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text('files = ["x*"]\n[colums]\naddress = "source.ip"\n')
    (said,) = feed_mistakes(world.node.home)
    assert said.startswith("ours.toml:2:")
    assert said in text_of(analyst.get("/reports/feeds"))
    assert said in text_of(analyst.get("/reports/feeds/mapped/ours")).replace("\n", " ")
    assert said in " ".join(one.found for one in examine(world.node.home, world.now) if not one.ok)
    assert "1 feed with an alarm or a wrong file" in text_of(analyst.get("/today"))


def test_a_feed_is_added_with_its_collector_paused_and_removed(world: World, administrator: Browser) -> None:
    at = "/reports/feeds/mapped/urlhaus"
    assert "URLhaus" in text_of(administrator.get("/reports/feeds/catalogue?access=key"))
    assert "needs a key" in text_of(administrator.send(f"{at}/add", url="https://feeds.example/list.csv"))
    added = administrator.send(f"{at}/add", url="https://feeds.example/list.csv", secret="open-sesame")
    collector = world.node.home / HomeFolder.FEEDS / "urlhaus.collector"
    assert "feeds.example" in collector.read_text()
    assert "open-sesame" not in administrator.get(added.headers["location"]).text + collector.read_text()
    assert "urlhaus" in node_collectors(world.node)
    administrator.send(f"{at}/pause")
    assert "Paused" in text_of(administrator.get(at))
    assert "urlhaus" not in node_collectors(world.node)
    administrator.send(f"{at}/resume")
    assert "urlhaus" in node_collectors(world.node)
    administrator.send(f"{at}/remove")
    assert not [*(world.node.home / HomeFolder.FEEDS).glob("urlhaus*")]


def test_a_server_of_taxii_is_added_by_its_address_alone(world: World, administrator: Browser) -> None:
    wrong = administrator.send("/reports/feeds/servers", kind="taxii", feed="eset", url="ftp://taxii.example/")
    assert wrong.status_code == 422
    assert "begins with https://" in text_of(wrong)
    assert 'value="ftp://taxii.example/"' in wrong.text, "what was typed stays"
    given = {"kind": "taxii", "url": "https://taxii.example/taxii2/", "user": "csirt", "secret": "open-sesame"}
    assert "name of a mapping" in text_of(administrator.send("/reports/feeds/servers", feed="urlhaus", **given))
    added = administrator.send("/reports/feeds/servers", feed="eset", collections="Botnet C2\nPhishing\n", **given)
    settings = node_collectors(world.node)["eset"].model_dump()
    assert settings["collections"] == ["Botnet C2", "Phishing"]
    assert (world.node.home / settings["secret_file"]).read_text() == "open-sesame\n"
    assert "eset" in text_of(administrator.get("/today")).split("What changed")[1], "by its name"
    at = added.headers["location"]
    assert "taxii" in text_of(administrator.get(at)).split("Collector")[1]
    assert administrator.get("/reports/feeds/misp/eset").status_code == 200, "as events name it"
    assert "eset" in text_of(administrator.get("/reports/feeds/catalogue?access=agreement"))
    administrator.send(f"{at}/pause")
    assert "Paused" in text_of(administrator.get(at))
    administrator.send(f"{at}/remove")
    assert not [*(world.node.home / HomeFolder.FEEDS).glob("eset*")]
    assert administrator.get(at).status_code == 404


def test_a_list_is_context_on_search_look_up_and_problem_with_its_age(world: World, analyst: Browser) -> None:
    world.hear("192.0.2.1")
    path = world.folder / "ci_army.txt"
    path.write_text("192.0.2.1\n192.0.2.9\n")
    assert ingest(world.node, [path], clock=lambda: world.now).counts.listed == 2
    search = analyst.get("/search?q=192.0.2.1").text
    for page in (search, analyst.get("/lookup?q=192.0.2.1").text):
        assert "On 1 context list" in page
        assert "CINS" in page
    (problem, *_) = [one.split('"')[0] for one in search.split('href="/problems/')[1:]]
    assert "On 1 context list" in analyst.get(f"/problems/{problem}").text
    assert "On 1 context list" not in analyst.get("/lookup?q=192.0.2.5").text
    assert "ci_army" in analyst.send("/search", lines="192.0.2.9\n192.0.2.5").text
    assert "CINS" in text_of(analyst.get("/reports/feeds")).split("Context lists")[1]


def test_ten_thousand_addresses_are_looked_up_in_one_batch(world: World) -> None:
    path = world.folder / "drop_v4.txt"
    path.write_text("192.0.2.0/24\n198.51.100.7\n2001:db8::/32\nAS64500\nbad.example\n")
    (world.folder / "ranges.toml").write_text(
        'notify = false\nfiles = ["drop_v4*"]\nformat = "lines"\n[columns]\n'
        'line = { to = ["source.ip", "source.network", "source.asn", "source.fqdn"], take = "first" }\n'
    )
    assert ingest(world.node, [path], clock=lambda: world.now).counts.listed == 5
    asked = [f"192.0.{n // 250}.{n % 250}" for n in range(10_000)]
    found = find_listings(world.node.home, [*asked, "2001:db8::1", "AS64500", "https://www.bad.example/x"])
    assert {one for one in found if one in asked} == {one for one in asked if one.startswith("192.0.2.")}
    assert [one.entry for one in found["https://www.bad.example/x"]] == ["bad.example"]
    assert {"2001:db8::1", "AS64500"} <= found.keys()
