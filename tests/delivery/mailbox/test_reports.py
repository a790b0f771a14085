"""Reports in mails: each kind gives its events, forwarded or not; whatever a stranger sends is read within bounds."""

import io
import json
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.mail_reports import ARF, MAILS, XARF, forwarded, mail_with, zipped
from tocsin.delivery.mailbox import mails_of, reports_in
from tocsin.delivery.never_held import MailFilter
from tocsin.events import normalise, open_reports, to_idf
from tocsin.events.redaction import Redaction, redacted_bytes
from tocsin.events.reports import MailReading
from tocsin.events.sources import recognise
from tocsin.node.errors import InputError
from tocsin.node.settings import IngestSettings

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SHOWN = (
    "feed.code", "source.ip", "source.url", "source.fqdn", "classification.type", "classification.identifier",
    "time.source", "feed.provider", "destination.fqdn",
)  # fmt: skip
EXPECTED = {
    "arf": [
        ("arf", "192.0.2.1", None, None, "spam", "arf-abuse", "2005-03-08T18:00:00+00:00", "example.com", None),
        ("arf", None, "http://example.net/earn_money.html", None, "spam", "arf-abuse", "2005-03-08T18:00:00+00:00",
         "example.com", None),
    ],
    "authentication": [
        ("arf", "2001:db8::7", None, None, "masquerade", "arf-auth-failure", None, "example.com", None),
    ],
    "xarf": [
        ("xarf", "192.0.2.9", None, None, "brute-force", "ssh", "2026-11-23T09:11:12+00:00", "reporter.example", None),
    ],
    "dmarc": [
        ("dmarc", "192.0.2.7", None, None, "masquerade", "dmarc-fail", "2026-11-27T00:00:00+00:00", "mail.example",
         "ministry.example"),
    ],
    "tls": [
        ("tls_rpt", None, None, "mx1.mail.company-y.example", "misconfiguration", "certificate-expired",
         "2026-04-01T00:00:00+00:00", "Company-X", None),
        ("tls_rpt", "203.0.113.56", None, "mx2.mail.company-y.example", "misconfiguration", "starttls-not-supported",
         "2026-04-01T00:00:00+00:00", "Company-X", None),
        ("tls_rpt", None, None, "company-y.example", "misconfiguration", "sts-policy-fetch-error",
         "2026-04-01T00:00:00+00:00", "Company-X", None),
    ],
}  # fmt: skip
EXPECTED["dmarc2"] = EXPECTED["dmarc"]


def reading(raw: bytes) -> list[tuple[str, bytes]]:
    return [(one.name, one.content) for mail in mails_of(raw) for one in reports_in(mail)]


def events(folder: Path, raw: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    """The events of a mail, and the raw texts of what was set aside."""
    path = folder / "a.eml"
    path.write_bytes(raw)
    found: list[dict[str, Any]] = []
    aside: list[str] = []
    mails = MailReading(MailFilter().knows, reading)
    for report in open_reports(path, folder / "spool", IngestSettings(), Redaction, mails):
        known = recognise(report.name, report.head())
        assert known, report.name
        source, code = known
        with report.path.open("rb") as stream:
            reader = source.open(code, report.limited(stream), 1 << 20)
            for chunk in reader.chunks():
                batch = reader.parse(chunk)
                made = normalise(batch, source.feed(code), NOW)
                found += to_idf(made.frame.filter(made.usable))
                bad = [row for row, good in enumerate(made.usable.to_list()) if not good]
                aside += [one.raw for one in batch.unreadable] + [text for _, text in batch.locate(bad)]
    return found, aside


@pytest.mark.parametrize("how", ["", "mail", "file"])
@pytest.mark.parametrize("kind", MAILS)
def test_each_kind_gives_its_events_also_where_it_was_forwarded(kind: str, how: str, tmp_path: Path) -> None:
    raw = forwarded(forwarded(MAILS[kind], how), "mail") if how else MAILS[kind]
    found, aside = events(tmp_path, raw)
    assert [tuple(one.get(name) for name in SHOWN) for one in found] == EXPECTED[kind]
    assert ["nowhere" in text for text in aside] == ([True] if kind.startswith("dmarc") else [])
    said = json.dumps(found)
    assert "user@example.com" not in said.replace("mailto:user@example.com", "")  # who complained
    assert "203.0.113.99" not in said  # what is attached to the mail that is reported


def test_a_record_that_was_set_aside_is_read_again_with_what_stands_above_it(tmp_path: Path) -> None:
    _, [raw] = events(tmp_path, MAILS["dmarc"])
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "a!b!1!2.xml"
    again.write_text(raw.replace("nowhere", "192.0.2.12") * 2)
    source, code = recognise(again.name, again.read_bytes()) or pytest.fail("unknown")
    with again.open("rb") as stream:
        reader = source.open(code, stream, 1 << 20)
        [batch] = [reader.parse(chunk) for chunk in reader.chunks()]
    made = to_idf(normalise(batch, source.feed(code), NOW).frame)
    assert [(one["source.ip"], one["time.source"], one["feed.provider"]) for one in made] == [
        ("192.0.2.12", "2026-11-27T00:00:00+00:00", "mail.example")
    ] * 2


def test_mails_in_mails_are_read_to_a_depth(tmp_path: Path) -> None:
    raw = MAILS["arf"]
    for _ in range(3):
        raw = forwarded(raw, "file")
    assert len(events(tmp_path, raw)[0]) == 2
    assert reading(forwarded(raw, "file")) == []
    packed = MAILS["arf"]
    for _ in range(2):
        packed = mail_with(("application/zip", "x.zip", zipped("x.eml", packed)))
    assert len(events(tmp_path, packed)[0]) == 2


def test_of_a_mail_whose_lines_are_a_report_of_abuse_nothing_stays() -> None:
    redaction = Redaction(mails=MailFilter())
    raw = XARF.replace(b"login-attack", b"child_abuse").replace(b"192.0.2.9", b"https://files.example/secret-place")
    kept = redacted_bytes(raw, redaction)
    assert [(one.class_name, one.host) for one in redaction.found] == [("csam", "files.example")]
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        assert [json.loads(archive.read(name))["withheld"] for name in archive.namelist()] == ["abuse"]
        assert b"secret" not in b"".join(map(archive.read, archive.namelist()))


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_any_bytes_are_read_within_bounds(seed: int) -> None:
    chance = random.Random(seed)
    seeds = [*MAILS.values(), forwarded(ARF, "file"), forwarded(MAILS["dmarc2"], "mail")]
    raw = chance.choice(seeds)
    for _ in range(chance.randint(1, 6)):
        start, other = chance.randrange(len(raw)), chance.choice(seeds)
        place = chance.randrange(len(other))
        piece = chance.choice([b"", chance.randbytes(20), b'"' * 300, b":" * 300, other[place : place + 400]])
        raw = raw[:start] + piece + raw[start + chance.randint(0, 300) :]
    for name, content in reading(raw):
        assert len(content) <= 3 * len(raw) + 1_000
        if name.endswith((".arf.json", ".xarf.json")) and recognise(name, content):
            assert isinstance(json.loads(content), dict)
    try:
        assert redacted_bytes(raw, Redaction(mails=MailFilter())) == raw
    except InputError:
        pytest.fail("nothing of it may not be kept")
