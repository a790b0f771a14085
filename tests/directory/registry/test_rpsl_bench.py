"""The seeded registry of the benchmark imports as an independent, plain recount of its text says."""

import gzip
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address, summarize_address_range
from pathlib import Path

import pytest

from tocsin.directory import read_directory
from tocsin.directory.registry import import_rpsl
from tocsin.node.records import Database

Attributes = dict[str, list[str]]


@pytest.fixture
def registry(tmp_path: Path) -> list[Path]:
    """The dumps of 3,000 objects."""
    sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
    try:
        import rpsl
    finally:
        sys.path.pop(0)
    files: list[Path] = rpsl.write_registry(tmp_path / "dumps", 3_000)
    return files


def objects(files: list[Path]) -> Iterator[Attributes]:
    for path in files:
        for text in gzip.decompress(path.read_bytes()).decode("latin-1").split("\n\n"):
            found: Attributes = {}
            for line in text.splitlines():
                name, colon, value = line.partition(":")
                if colon and not line.startswith(("%", "+", " ")):
                    found.setdefault(name, []).append(value.strip())
            if found:
                yield found


def recount(files: list[Path]) -> tuple[dict[str, tuple[str, ...]], int]:
    """By network or AS number the mailboxes to tell; and how many objects name nobody and nobody wrong."""
    everything = list(objects(files))
    boxes = {one["nic-hdl"][0]: one.get("abuse-mailbox", []) for one in everything if "nic-hdl" in one}
    good = {handle: found[0] for handle, found in boxes.items() if found and "<" not in found[0]}
    organisations = {one["organisation"][0]: one for one in everything if "organisation" in one}
    teams = {one["irt"][0]: one["e-mail"][0] for one in everything if "irt" in one}
    told: dict[str, tuple[str, ...]] = {}
    silent = 0
    for one in everything:
        kind = next((name for name in ("aut-num", "inetnum", "inet6num") if name in one), None)
        if kind is None:
            continue
        own = one.get("abuse-c", [""])[0]
        theirs = organisations.get(one.get("org", [""])[0], {}).get("abuse-c", [""])[0]
        abuse = good.get(own) or good.get(theirs)
        security = [teams[name] for name in one.get("mnt-irt", []) if name in teams]
        wrong = any(handle and handle not in good for handle in (own, theirs if not good.get(own) else ""))
        mailboxes = tuple(filter(None, [abuse, *security]))
        silent += not mailboxes and not wrong
        if not mailboxes:
            continue
        value = one[kind][0]
        if kind == "inetnum":
            first, last = (ip_address(part.strip()) for part in value.split("-"))
            told |= {str(network): mailboxes for network in summarize_address_range(first, last)}
        else:
            told[value.removeprefix("AS")] = mailboxes
    return told, silent


def test_the_seeded_registry(registry: list[Path], records: Database, tmp_path: Path) -> None:
    told, silent = recount(registry)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    done = import_rpsl(records, tmp_path, registry, source="bench", actor="test", now=now)

    directory = read_directory(records)
    boxes = {team.id: set(team.mailboxes) for team in directory.teams}
    assert {rule.value: boxes[rule.team_id] for rule in directory.rules} == {
        value: set(mailboxes) for value, mailboxes in told.items()
    }
    assert (done.rules_new, sum(done.silent.values())) == (len(told), silent)
    assert done.objects["inetnum"] == 1_440
