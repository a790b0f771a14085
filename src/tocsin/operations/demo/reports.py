"""A week of reports in the formats that feeds really send, with what goes wrong in real life.

The same problems come again on later days, some get fixed, rows repeat, a file is cut short, a value is not an address.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from tocsin.operations.demo.country import CODE, Country, DemoNetwork

DAYS = 7
_HEADER = "timestamp severity ip protocol port hostname tag asn geo region city".split()


@dataclass(frozen=True)
class _Scan:
    """A report type: what its rows say, and how many machines of the country it is about."""

    kind: str
    protocol: str
    port: int
    tag: str
    machines: int


_SCANS = (
    _Scan("scan_rdp", "tcp", 3389, "rdp", 240),
    _Scan("scan_telnet", "tcp", 23, "telnet", 180),
    _Scan("scan_mongodb", "tcp", 27017, "mongodb", 60),
    _Scan("scan_dns", "udp", 53, "dns;amplification", 150),
    _Scan("scan_snmp", "udp", 161, "snmp", 120),
)
_FAMILIES = ("avalanche-andromeda", "qsnatch", "socgholish", "android.vo1d")
_SINKHOLE = "timestamp severity protocol src_ip src_port src_asn src_geo dst_ip dst_port infection family tag".split()


@dataclass(frozen=True)
class _Machine:
    """A machine with a problem from one day to another."""

    address: str
    asn: int
    first: int
    last: int


@dataclass(frozen=True)
class _Week:
    """Where its reports are written, when it began, and what is drawn of it."""

    folder: Path
    first: date
    draw: Random

    def path(self, day: int, of: str) -> Path:
        """The report of a day."""
        return self.folder / f"{self.date(day)}-{of}"

    def date(self, day: int) -> str:
        """One of its days."""
        return (self.first + timedelta(days=day)).isoformat()

    def moment(self, day: int) -> str:
        """Some moment of a day."""
        start = datetime.combine(self.first, datetime.min.time())
        return str(start + timedelta(days=day, seconds=self.draw.randrange(86_400)))


def write_reports(country: Country, folder: Path, seed: int, *, until: date) -> list[Path]:
    """The reports of the week up to a day, oldest first; the same files for the same country, seed and day."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = Random(seed)  # noqa: S311 (nothing secret is drawn)
    week = _Week(folder, until - timedelta(days=DAYS - 1), draw)
    written = []
    for scan in _SCANS:
        machines = list(_machines(country, draw, scan.machines))
        written += [_write_scan(week, scan, machines, day) for day in range(DAYS)]
    infected = list(_machines(country, draw, 160))
    written += [_write_sinkhole(week, infected, day) for day in range(DAYS)]
    written += [_write_honeypot(week, country), _write_complaints(week, country)]
    written[0] = _cut_short(written[0])
    return sorted(written, key=lambda path: path.name)


def write_earlier(country: Country, folder: Path, seed: int, *, before: date) -> list[tuple[date, list[Path]]]:
    """Smaller reports of the three months before a day: when each came, and its files, oldest first.

    Of the machines of a month, half are in its second report too.
    """
    draw = Random(seed + 1)  # noqa: S311 (nothing secret is drawn)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[tuple[date, list[Path]]] = []
    for month in (3, 2, 1):
        first = before - timedelta(days=30 * month)
        week = _Week(folder, first, draw)
        for scan in _SCANS[:2]:
            seen = [
                _Machine(of.address, of.asn, 0, 4 + 4 * (n % 2)) for n, of in enumerate(_machines(country, draw, 40))
            ]
            written += [(first + timedelta(days=day), [_write_scan(week, scan, seen, day)]) for day in (0, 6)]
    return sorted(written, key=lambda one: (one[0], one[1]))


def write_mapping(feeds: Path) -> None:
    """How the columns of the country's own honeypot map to fields, as a person would write it."""
    feeds.mkdir(parents=True, exist_ok=True)
    (feeds / "honeypot.toml").write_text(
        'name = "National honeypot"\nprovider = "Kestria National CSIRT"\ntlp = "GREEN"\nfiles = ["*-honeypot.csv"]\n\n'
        '[constants]\n"classification.type" = "brute-force"\n"classification.identifier" = "ssh"\n'
        '"protocol.transport" = "tcp"\n\n'
        '[columns]\nwhen = "time.source"\nattacker = "source.ip"\ntries = "extra.tries:integer"\n',
        encoding="utf-8",
    )


def _machines(country: Country, draw: Random, count: int) -> Iterator[_Machine]:
    places: list[DemoNetwork] = [*country.territories.values(), *country.strays]
    weights = [5, 4, 3, 3, 2, 2, *[1] * len(country.strays)]
    for territory in draw.choices(places, weights[: len(places)], k=count):
        first = draw.choice([0, 0, 0, 0, 1, 2, 3, 4, 5, 6])
        last = DAYS if draw.random() < 0.5 else min(first + draw.randrange(1, 4), DAYS)
        yield _Machine(territory.address(draw), territory.asn, first, last)


def _write_scan(week: _Week, scan: _Scan, machines: list[_Machine], day: int) -> Path:
    said = [scan.protocol, scan.port, "", scan.tag]
    rows = [
        [week.moment(day), "medium", machine.address, *said, machine.asn, CODE, "", ""]
        for machine in machines
        if machine.first <= day < machine.last
    ]
    rows += week.draw.sample(rows, len(rows) // 30)  # feeds repeat themselves
    if day == 2:
        rows.insert(1, [week.moment(day), "medium", "999.1.1.1", *said, "", CODE, "", ""])
    return _write_csv(week.path(day, f"{scan.kind}-kestria-geo.csv"), _HEADER, rows)


def _write_sinkhole(week: _Week, machines: list[_Machine], day: int) -> Path:
    rows = []
    for machine in machines:
        if machine.first <= day < machine.last:
            family = _FAMILIES[sum(machine.address.encode()) % len(_FAMILIES)]
            port = week.draw.randrange(1024, 65536)
            source = [machine.address, port, machine.asn, CODE]
            said = ["198.51.100.20", 80, family, family, "sinkhole"]
            rows.append([week.moment(day), "high", "tcp", *source, *said])
    return _write_csv(week.path(day, "event4_sinkhole-kestria-geo.csv"), _SINKHOLE, rows)


def _write_honeypot(week: _Week, country: Country) -> Path:
    rows: list[list[object]] = [
        [week.moment(day), territory.address(week.draw), week.draw.randrange(5, 900)]
        for day in range(DAYS)
        for territory in week.draw.choices(list(country.territories.values()), k=12)
    ]
    return _write_csv(week.path(DAYS - 1, "honeypot.csv"), ["when", "attacker", "tries"], rows)


def _write_complaints(week: _Week, country: Country) -> Path:
    """Phishing pages that another tool exported, one JSON object a line in the IntelMQ Data Format."""
    path = week.path(DAYS - 1, "phishing.idf.jsonl")
    events = [
        {
            "time.source": f"{week.date(DAYS - 1)}T{hour:02d}:10:00+00:00",
            "classification.type": "phishing",
            "classification.identifier": "bank-login",
            "source.ip": country.territories["hosting"].address(week.draw),
            "source.url": f"https://login-{hour}.gov.kestria.example/pay",
            "source.fqdn": f"login-{hour}.gov.kestria.example",
            "feed.name": "Phishing reports",
        }
        for hour in range(9)
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def _write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _cut_short(path: Path) -> Path:
    """A download that broke off: the last part of the packed file is missing."""
    packed = gzip.compress(path.read_bytes(), mtime=0)
    short = path.with_name(path.name + ".gz")
    short.write_bytes(packed[: len(packed) * 9 // 10])
    path.unlink()
    return short
