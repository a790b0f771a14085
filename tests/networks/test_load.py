"""Loading tables into a node, and the two commands, with files that others made."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tocsin.cli.invocation import NodeInvocation
from tocsin.cli.networks import app
from tocsin.networks import Networks, load_table
from tocsin.networks.folders import current_folder, only_writer, switch
from tocsin.node.errors import ConflictError, InputError, StorageError, TocsinError

V4 = "1.0.0.0,1.0.0.255,64500,Four\n"
V6 = "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,64501,Six\n"


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def call(home: Path, *words: str, text: str | bytes | None = None, as_json: bool = True) -> Result:
    return CliRunner().invoke(app, words, input=text, obj=NodeInvocation(home=home, json=as_json))


def test_all_answers_agree_with_another_implementation(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "networks"
    with (folder / "pyasn_sample_expected.csv").open(encoding="ascii") as file:
        expected = list(csv.DictReader(file))
    table = str(folder / "ipasn_20140513_v12.dat.gz")
    result = call(tmp_path, "lookup", "-", "--table", table, text="\n".join(row["ip"] for row in expected))
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["asn"] for answer in answers] == [int(row["asn"]) if row["asn"] else None for row in expected]
    assert all(list(answer) == ["address", "prefix", "asn", "as_name", "country"] for answer in answers)
    assert list(tmp_path.iterdir()) == []


def test_the_ipv6_table_of_another_implementation_loads(shared_data: Path, tmp_path: Path) -> None:
    report = load_table(tmp_path, shared_data / "networks" / "ipasn6_20151101.dat.gz")
    assert (report.ipv4, report.ipv6, report.junk) == (606138, 27693, 0)
    assert report.lines == report.used + report.unused + report.junk
    answer = Networks.open(tmp_path).answer("2001:200::1")
    assert (answer.prefix, answer.asn, answer.as_name) == ("2001:200::/32", 2500, "WIDE Project")


@pytest.mark.parametrize("registry", ["afrinic", "lacnic"])
def test_registry_files_load_whole(shared_data: Path, tmp_path: Path, registry: str) -> None:
    path = shared_data / "rir" / f"delegated-{registry}-extended-latest-2024-01-06.gz"
    report = load_table(tmp_path, path)
    assert (report.registry, report.junk) == (registry, 0)
    assert report.declared == report.records
    networks = Networks.open(tmp_path)
    starts: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for fields in (line.strip().split("|") for line in file):
            if len(fields) < 7 or fields[6] not in {"allocated", "assigned"}:
                continue
            if fields[2] == "asn":
                numbers[fields[1]] += int(fields[4])
            elif len(starts) < 2_000:
                starts[fields[3]] = fields[1]
    assert [answer.country for answer in networks.lookup(starts)] == list(starts.values())
    assert Counter(networks.register.countries_by_number().values()) == numbers
    with gzip.open(shared_data / "rir" / f"asn-{registry}-2024-01-06.csv.gz", "rt", encoding="utf-8") as file:
        other = Counter(row["Country Code"] for row in csv.DictReader(file) if row["Allocated Date"])
    del other["ZZ"]
    assert numbers == other


def test_a_file_of_one_family_leaves_the_other(tmp_path: Path) -> None:
    report = load_table(tmp_path, write(tmp_path, "v4.csv", V4))
    assert report.replaced == ("routes IPv4", "AS names")
    assert report.kept == ("routes IPv6", "countries IPv4", "countries IPv6")
    load_table(tmp_path, write(tmp_path, "v6.csv", V6))
    four, gone, six, country = Networks.open(tmp_path).lookup(["1.0.0.1", "8.8.8.8", "2001:db8::1", "8.8.8.8"])
    assert (four.asn, four.as_name) == (64500, "Four")
    assert (six.asn, six.as_name) == (64501, "Six")
    assert gone.asn is None
    assert country.country == "US"
    assert Networks.open(tmp_path).register.name(15169)


def test_a_registry_lies_on_top_and_replaces_only_itself(tmp_path: Path) -> None:
    def delegated(registry: str, rows: str) -> Path:
        return write(tmp_path, "d", f"2|{registry}|20240105|1|0|0|0\n{rows}")

    load_table(tmp_path, write(tmp_path, "c.csv", "41.0.0.0,41.0.255.255,FR\n200.0.0.0,200.0.255.255,FR\n"))
    load_table(
        tmp_path, delegated("afrinic", "afrinic|KE|ipv4|41.0.0.0|256|1|allocated|x\nafrinic|KE|asn|7|1|1|allocated\n")
    )
    load_table(
        tmp_path, delegated("lacnic", "lacnic|BR|ipv4|200.0.0.0|256|1|allocated|x\nlacnic|BR|asn|8|1|1|allocated\n")
    )
    asked = ["41.0.0.1", "41.0.1.1", "200.0.0.1", "200.0.1.1", "41.0.9.9"]

    def countries() -> list[str | None]:
        return [answer.country for answer in Networks.open(tmp_path).lookup(asked)]

    assert countries() == ["KE", "FR", "BR", "FR", "FR"]
    load_table(tmp_path, delegated("afrinic", "afrinic|NG|ipv4|41.0.1.0|256|1|allocated|x\n"))
    assert countries() == ["FR", "NG", "BR", "FR", "FR"]
    load_table(tmp_path, write(tmp_path, "c.csv", "41.0.0.0,41.0.255.255,IT\n"))
    assert countries() == ["IT", "NG", "BR", None, "IT"]
    register = Networks.open(tmp_path).register
    assert (register.country(7), register.country(8)) == (None, "BR")


def test_the_report_lies_beside_the_table_with_every_junk_line(tmp_path: Path) -> None:
    content = V4 * 60 + "junk,junk,junk\n" * 50
    report = load_table(tmp_path, write(tmp_path, "v4.csv", content))
    stored = json.loads(Path(report.report).read_text(encoding="utf-8"))
    assert [line["number"] for line in stored["junk_lines"]] == list(range(61, 111))
    assert [line["number"] for line in stored["overlap_lines"]] == list(range(2, 61))
    assert Path(report.report).parent == current_folder(tmp_path)


def test_a_refused_file_changes_nothing(tmp_path: Path) -> None:
    before = current_folder(tmp_path)
    with pytest.raises(InputError):
        load_table(tmp_path, write(tmp_path, "bad", "no table\n"))
    assert current_folder(tmp_path) == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_load_cut_short_changes_nothing_and_leaves_no_litter(tmp_path: Path, error: BaseException) -> None:
    load_table(tmp_path, write(tmp_path, "v4.csv", V4))
    before, files = current_folder(tmp_path), sorted((tmp_path / "networks").iterdir())

    def fill(folder: Path) -> None:
        np.save(folder / "routes-v4_starts.npy", np.zeros(5))
        raise error

    with pytest.raises((StorageError, KeyboardInterrupt)):
        switch(tmp_path, fill)
    assert current_folder(tmp_path) == before
    assert sorted((tmp_path / "networks").iterdir()) == files
    assert Networks.open(tmp_path).answer("1.0.0.1").asn == 64500


def test_open_tables_go_on_answering_while_newer_ones_are_loaded(tmp_path: Path) -> None:
    path = write(tmp_path, "v4.csv", V4)
    load_table(tmp_path, path)
    old = Networks.open(tmp_path)
    for number in (64510, 64511, 64512):
        load_table(tmp_path, write(tmp_path, "v4.csv", V4.replace("64500", str(number))))
    assert old.answer("1.0.0.1").asn == 64500
    assert Networks.open(tmp_path).answer("1.0.0.1").asn == 64512
    assert len([item for item in (tmp_path / "networks").iterdir() if item.is_dir()]) == 2


def test_two_loads_at_once_are_refused(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(ConflictError):
        load_table(tmp_path, write(tmp_path, "v4.csv", V4))


def test_a_pointer_to_nowhere_is_explained(tmp_path: Path) -> None:
    (tmp_path / "networks").mkdir()
    write(tmp_path / "networks", "current", "loaded-gone\n")
    with pytest.raises(StorageError, match="loaded-gone") as caught:
        Networks.open(tmp_path)
    assert "delete" in caught.value.hint


def test_few_and_many_lines_get_the_same_answers(tmp_path: Path) -> None:
    lines = ["8.8.8.8", " 134744072 ", "", "2001:4860:4860::8888", "999.1.1.1", "10.0.0.1", "::ffff:8.8.8.8\r", "x\ty"]
    few = call(tmp_path, "lookup", "-", text="\n".join(lines))
    many = call(tmp_path, "lookup", "-", text="\n".join(lines * 200))
    assert few.exit_code == many.exit_code == 1
    assert "2 of the inputs" in few.stderr
    assert "400 of the inputs" in many.stderr
    assert "line 5 '999.1.1.1'" in few.stderr
    assert "line 5 '999.1.1.1'" in many.stderr
    answers = [json.loads(line) for line in few.stdout.splitlines()]
    assert [answer["asn"] for answer in answers] == [15169, 15169, 15169, None, None, 15169, None]
    assert answers * 200 == [json.loads(line) for line in many.stdout.splitlines()]
    plain = call(tmp_path, "lookup", "-", text="\n".join(lines), as_json=False).stdout
    assert plain * 200 == call(tmp_path, "lookup", "-", text="\n".join(lines * 200), as_json=False).stdout
    assert [row[2] for row in csv.reader(io.StringIO(plain), delimiter="\t")][:2] == ["15169", "15169"]


def test_addresses_as_arguments(tmp_path: Path) -> None:
    result = call(tmp_path, "lookup", "8.8.8.8", "10.0.0.1")
    assert result.exit_code == 0
    google, private = (json.loads(line) for line in result.stdout.splitlines())
    assert (google["asn"], google["country"]) == (15169, "US")
    assert private == {"address": "10.0.0.1", "prefix": None, "asn": None, "as_name": None, "country": None}
    assert "15169" in call(tmp_path, "lookup", "8.8.8.8", as_json=False).stdout


def test_load_says_what_it_did(tmp_path: Path) -> None:
    path = str(write(tmp_path, "v4.csv", V4 + V4 + "junk,junk,junk\n"))
    document = json.loads(call(tmp_path, "load", path).stdout)
    assert (document["used"], document["junk"], document["overlaps"]) == (2, 1, 1)
    assert document["junk_lines"] == [
        {"number": 3, "reason": "It does not begin with a range or network.", "text": "junk,junk,junk"}
    ]
    words = call(tmp_path, "load", path, as_json=False).stdout
    assert "Replaced: routes IPv4" in words
    assert "1 unreadable" in words


@pytest.mark.parametrize(
    "words",
    [lambda folder: ("load", str(folder / "absent")), lambda folder: ("lookup", "1.1.1.1", "--table", str(folder))],
)
def test_errors_reach_the_front_door_as_ours(tmp_path: Path, words: Callable[[Path], tuple[str, ...]]) -> None:
    assert isinstance(call(tmp_path, *words(tmp_path)).exception, TocsinError)
