"""`tocsin feeds try`: what a mapping makes of a report, with nothing stored; and events of one record taken in once."""

import json
from pathlib import Path

import pytest

from support.abuse_reports import TRACES, canaries, noted, xarf
from support.cast import Tocsin
from support.processes import KILLED, command

MAPPING = 'each = "tags split ,"\n[columns]\naddress = "source.ip"\ntags = "protocol.application"\n'
REPORT = 'address,tags,note\n192.0.2.1,"ftp,ssh",a\n192.0.2.2,,b\nnowhere,x,c\n'


def test_a_trial_shows_events_and_stores_nothing(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(MAPPING)
    (tmp_path / "list.csv").write_text(REPORT)
    code, out, _ = tocsin.call("feeds", "try", tmp_path / "list.csv", "--mapping", tmp_path / "ours.toml", "--json")
    found = json.loads(out)
    assert (code, found["feed"], found["rows"], found["unmapped"], found["problems"]) == (1, "ours", 3, ["note"], [])
    assert [(one["source.ip"], one.get("protocol.application")) for one in found["events"]] == [
        ("192.0.2.1", "ftp"),
        ("192.0.2.1", "ssh"),
        ("192.0.2.2", None),
    ]
    assert [(one["line"], one["raw"]) for one in found["set_aside"]] == [(4, "nowhere,x,c")]
    assert not tocsin.run("--json", "events").strip()


def test_a_wrong_mapping_file_has_line_and_column(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('[columns]\naddress = "sauce.ip"\n')
    (tmp_path / "list.csv").write_text(REPORT)
    code, out, _ = tocsin.call("feeds", "try", tmp_path / "list.csv", "--mapping", tmp_path / "ours.toml", "--json")
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["line"], problem["column"]) == (2, 2, 11)
    code, _, words = tocsin.call("ingest", tmp_path / "list.csv")
    assert code
    assert "ours.toml:2:11" in words


def test_a_suggested_mapping_reads_its_report(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(
        "# made today\n2026-01-02 10:00:00;192.0.2.1;22\n2026-01-02 10:00:01;192.0.2.2;23\n"
    )
    (tmp_path / "new.toml").write_text(tocsin.run("feeds", "try", tmp_path / "new.txt", "--suggest"))
    found = json.loads(tocsin.run("--json", "feeds", "try", tmp_path / "new.txt", "--mapping", tmp_path / "new.toml"))
    assert [(one["source.ip"], one["time.source"]) for one in found["events"]] == [
        ("192.0.2.1", "2026-01-02T10:00:00+00:00"),
        ("192.0.2.2", "2026-01-02T10:00:01+00:00"),
    ]


def test_events_of_one_record_are_taken_in_once_each(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('files = ["list*"]\n' + MAPPING)
    (tmp_path / "list.csv").write_text(REPORT)
    first = json.loads(tocsin.run("--json", "ingest", tmp_path / "list.csv"))
    assert (first["rows"], first["stored"], first["duplicates"], first["quarantined"]) == (4, 3, 0, 1)
    (tmp_path / "list2.csv").write_text(REPORT + "192.0.2.9,telnet,d\n")
    second = json.loads(tocsin.run("--json", "ingest", tmp_path / "list2.csv"))
    assert (second["stored"], second["duplicates"]) == (1, 3)
    # after a changed mapping the first event of a record is still the same one
    (tmp_path / "ours.toml").write_text('files = ["list*"]\n[columns]\naddress = "source.ip"\n')
    (tmp_path / "list3.csv").write_text(REPORT + "192.0.2.10,telnet,d\n")
    third = json.loads(tocsin.run("--json", "ingest", tmp_path / "list3.csv"))
    assert (third["stored"], third["duplicates"]) == (1, 2)
    assert len(tocsin.run("--json", "events").splitlines()) == 5


def test_where_one_event_of_a_record_is_bad_the_others_are_kept_and_it_is_set_aside_once(
    tocsin: Tocsin, tmp_path: Path
) -> None:
    (tocsin.home / "feeds").mkdir(exist_ok=True)
    (tocsin.home / "feeds" / "ours.toml").write_text(
        'files = ["list*"]\neach = "ips split ;"\n[columns]\nips = "source.ip"\n'
    )
    (tmp_path / "list.csv").write_text("n,ips\n1,192.0.2.1\n2,192.0.2.2;nowhere;192.0.2.3;none\n")
    first = tocsin.json("ingest", tmp_path / "list.csv")
    assert (first["rows"], first["stored"], first["quarantined"]) == (4, 3, 1)
    [entry] = tocsin.json("quarantine", "list")
    assert [row["raw"] for row in tocsin.json("quarantine", "show", str(entry["ingest"]))] == [
        "2,192.0.2.2;nowhere;192.0.2.3;none"
    ]
    again = tocsin.json("quarantine", "replay", str(entry["ingest"]))
    assert (again["stored"], again["duplicates"]) == (0, 2)


@pytest.mark.parametrize("place", ["ingest.batch:2", "keys.written", "ingest.committed"])
def test_a_kill_amid_the_events_of_records_loses_and_doubles_none(tocsin: Tocsin, tmp_path: Path, place: str) -> None:
    (tocsin.home / "tocsin.toml").write_text("[ingest]\nbatch_bytes = 10000\n")
    (tmp_path / "ours.toml").write_text('files = ["list*"]\n' + MAPPING)
    rows = [f'192.0.2.{number % 250},"ftp,ssh",{number}' for number in range(1_200)]
    (tmp_path / "list.csv").write_text("\n".join(["address,tags,note", *rows, ""]))
    killed = command(
        tocsin.home, "ingest", tmp_path / "list.csv", environment={**tocsin.environment, "TOCSIN_CUT": place}
    )
    assert killed.wait() == KILLED
    assert command(tocsin.home, "ingest", tmp_path / "list.csv", environment=tocsin.environment).wait() == 0
    found = [
        (event["extra.note"], event["protocol.application"])
        for event in tocsin.lines("events", "--limit", "0", "--format", "json")
    ]
    assert sorted(found) == sorted((str(number), word) for number in range(1_200) for word in ("ftp", "ssh"))


@pytest.mark.parametrize(
    ("mapping", "report"),
    [
        (
            'format = "json"\nrecords = "list"\n[columns]\nip = "source.ip"\n',
            {"list": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2", "found": xarf("csam")}]},
        ),
        ('format = "json"\neach = "seen"\n[columns]\nip = "source.ip"\n', {"ip": "192.0.2.1", "seen": [xarf("csem")]}),
        ("format = \"lines\"\n[columns]\nline = { to = 'source.ip', pattern = '192[.0-9]+' }\n", xarf("csam")),
        ('format = "json"\n[columns]\nip = "source.ip"\npayload = { decode = "json" }\n',
         {"ip": "192.0.2.1", "payload": json.dumps(xarf("csam"))}),
    ],
)  # fmt: skip
def test_what_must_never_be_held_passes_no_mapping(
    tocsin: Tocsin, tmp_path: Path, mapping: str, report: object
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ours.toml").write_text(f'files = ["list*"]\n{mapping}')
    path = folder / "list.json"
    path.write_text(json.dumps(report))
    said = [
        *tocsin.call("feeds", "try", path, "--mapping", folder / "ours.toml", "--json")[1:],
        *tocsin.call("feeds", "try", path, "--suggest")[1:],
        *tocsin.call("ingest", path)[1:],
        tocsin.run("--json", "events"),
    ]
    assert not [trace for trace in TRACES if trace in "".join(said).encode()]
    assert canaries(tocsin.home) == []
    assert noted(tocsin.home)


def test_a_list_without_time_and_evidence_is_context_and_never_an_event(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "ci_army.txt").write_text("# CINS\n192.0.2.1\n192.0.2.9\nnowhere\n")
    tried = json.loads(tocsin.call("feeds", "try", tmp_path / "ci_army.txt", "--json")[1])
    assert (tried["feed"], len(tried["events"]), len(tried["set_aside"])) == ("ci_army", 2, 1)
    taken = json.loads(tocsin.run("--json", "ingest", tmp_path / "ci_army.txt"))
    assert (taken["listed"], taken["rows"], taken["stored"]) == (2, 0, 0)
    (tmp_path / "ci_army.txt").write_text("# CINS, a day later\n192.0.2.9\n")
    tocsin.run("ingest", tmp_path / "ci_army.txt")
    found = json.loads(tocsin.run("--json", "search", "192.0.2.9"))
    assert [(one["list"], one["entry"]) for one in found["lists"]] == [("ci_army", "192.0.2.9")]
    assert not json.loads(tocsin.run("--json", "search", "192.0.2.1"))["lists"]
    code, _, words = tocsin.call("ingest", _broken(tmp_path / "ci_army.txt"))
    assert code
    assert "no line names" in words
    assert json.loads(tocsin.run("--json", "search", "192.0.2.9"))["lists"]
    assert not tocsin.run("--json", "events").strip()


def _broken(path: Path) -> Path:
    path.write_text("<html>Service unavailable</html>\n")
    return path
