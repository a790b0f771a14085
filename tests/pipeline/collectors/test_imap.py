"""Reports in mails on a real IMAP server: attached, packed, forwarded; every mail is moved, none is deleted."""

import gzip
import io
import random
import ssl
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from support.abuse_reports import REFERENCE, WORDS, canaries, noted, shapes, xarf
from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from support.https_server import pin_by_openssl
from support.imap_server import ImapServer, imap_server
from support.mail_reports import MAILS, mail_with


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as started:
        yield started


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """Each test has a mailbox of its own."""
    return str(request.node.originalname)[:40]


@pytest.fixture
def mailbox(tocsin: Tocsin, collect: Callable[..., None], imap: ImapServer, user: str) -> ImapServer:
    path = tocsin.home / "imap.secret"
    path.touch(0o600)
    path.write_text(f"{imap.password}\n")
    collect(
        "imap",
        ca_file="",
        host="127.0.0.1",
        port=imap.port,
        security="none",
        user=user,
        secret_file=path.name,
        max_bytes=1_000_000,
    )
    return imap


def mail(subject: str, *attachments: tuple[str, bytes], text: str = "See the report.") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "feeds@provider.example"
    message["Message-ID"] = f"<{subject.replace(' ', '.')}@provider.example>"
    message.set_content(text)
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def packed(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def subjects(mailbox: ImapServer, folder: str, user: str) -> list[str]:
    found = [raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for raw in mailbox.mails(folder, user)]
    return sorted(found)


def test_reports_are_taken_from_attachments_archives_and_forwarded_mails(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    forwarded = mail("forwarded", text="Here it is.")
    forwarded.add_attachment(mail("inner", (NAME, report("192.0.2.3"))))
    two = mail("two", (NAME, report("192.0.2.4")), ("2026-11-22-scan_rdp-kestria.csv", report("192.0.2.5")))
    mailbox.put(
        bytes(mail("plain", (NAME, report("192.0.2.1")), ("logo.png", b"\x89PNG"))),
        bytes(mail("packed", ("reports.zip", packed(**{NAME: report("192.0.2.2")})))),
        bytes(forwarded),
        bytes(two),
        user=user,
    )

    [run] = tocsin.json("collect", "run", "it")

    assert (run["reports"], run["refused"], run["error"]) == (5, [], None)
    assert stored(tocsin) == [f"192.0.2.{number}" for number in range(1, 6)]
    assert subjects(mailbox, "INBOX", user) == []
    assert subjects(mailbox, "tocsin-done", user) == ["forwarded", "packed", "plain", "two"]
    assert mailbox.mails("tocsin-refused", user) == []
    assert spooled(tocsin) == []
    assert tocsin.json("collect", "run", "it")[0]["taken"] == []


def test_what_cannot_be_read_goes_to_another_folder_with_the_reason(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    large = mail("large", ("x.csv", b"x" * 2_000_000))
    mixed = mail("mixed", (NAME, report("192.0.2.1")), ("other.csv", b"no report\n"))
    mailbox.put(
        bytes(mail("words only")),
        bytes(mail("a bomb", ("x.zip", packed(x=b"0" * 30_000_000)[:-200]))),
        bytes(large),
        bytes(mixed),
        b"Subject: broken\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\xff\xfe\r\n",
        user=user,
    )

    [run] = tocsin.json("collect", "run", "it", code=1)

    reasons = {entry["what"]: entry["reason"] for entry in run["refused"]}
    assert sorted(reasons) == ["a bomb", "broken", "large", "mixed", "words only"]
    assert "There is no report in the mail." in reasons["words only"]
    assert "max_bytes" in reasons["large"]
    assert "zip" in reasons["a bomb"]
    assert "other.csv: neither its name" in reasons["mixed"]
    assert stored(tocsin) == ["192.0.2.1"]  # the good part of the mixed mail was taken
    assert subjects(mailbox, "tocsin-refused", user) == ["a bomb", "broken", "large", "mixed", "words only"]
    assert {entry["what"] for entry in tocsin.json("collect", "refused")} == set(reasons)
    assert subjects(mailbox, "INBOX", user) == subjects(mailbox, "tocsin-done", user) == []


def test_the_same_report_in_two_mails_and_twice_in_one_is_taken_once(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    attached, bad = (NAME, report("192.0.2.1")), ("other.csv", b"no report\n")
    mailbox.put(*(bytes(mail(f"mail {n}", attached, attached)) for n in range(2)), user=user)
    mailbox.put(*(bytes(mail(f"bad {n}", bad, bad)) for n in range(2)), user=user)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert (run["error"], run["taken"]) == (None, ["mail 0", "mail 1"])
    assert [entry["what"] for entry in run["refused"]] == ["bad 0", "bad 1"]
    assert stored(tocsin) == ["192.0.2.1"]
    assert mailbox.mails("INBOX", user) == []


def test_whatever_a_stranger_sends_is_done_with_and_stops_nothing(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    chance = random.Random(12)
    forwarded = mail("forwarded", text="Here it is.")
    forwarded.add_attachment(mail("inner", (NAME, report("192.0.2.3"))))
    seeds = [
        bytes(mail("plain", (NAME, report("192.0.2.1")), ("x.json", b'{"a":' + b"[" * 60_000))),
        bytes(mail("deep", ("x.jsonl", b'{"source.ip":"192.0.2.2"}\n' + b'{"source":' * 1_500))),
        bytes(mail("packed", ("x.zip", packed(**{NAME: report("192.0.2.2")})), ("y.csv.gz", gzip.compress(b"a,b\n")))),
        bytes(mail("columns", ("x.csv", b"source.ip,time.source,ip,extra.ip,extra\n192.0.2.5,,a,b,}{\n"))),
        bytes(forwarded),
    ]
    mails = [*seeds, *(_damaged(chance, chance.choice(seeds), seeds) for _ in range(60))]
    mailbox.put(*mails, bytes(mail("last", (NAME, report("192.0.2.99")))), user=user)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert run["error"] is None
    assert "error of Tocsin" not in str(run["refused"])
    assert "192.0.2.99" in stored(tocsin)
    assert mailbox.mails("INBOX", user) == []
    moved = [len(mailbox.mails(folder, user)) for folder in ("tocsin-done", "tocsin-refused")]
    assert sum(moved) == len(mails) + 1


def _damaged(chance: random.Random, raw: bytes, others: list[bytes]) -> bytes:
    """The mail with pieces cut out, or replaced by others or by any bytes."""
    for _ in range(chance.randint(1, 5)):
        start = chance.randrange(min(len(raw), 3_000))
        other = chance.choice(others)
        place = chance.randrange(len(other))
        piece = chance.choice([b"", chance.randbytes(chance.randint(1, 30)), other[place : place + 300]])
        raw = raw[:start] + piece + raw[start + chance.randint(0, 200) :]
    return raw


def test_an_attached_mapping_does_not_describe_the_report_beside_it(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    mapping = b'files = ["*.csv"]\n[columns]\na = "source.ip"\n'
    mailbox.put(bytes(mail("clever", ("x.toml", mapping), ("x.csv", b"a\n192.0.2.66\n"))), user=user)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert run["error"] is None
    assert stored(tocsin) == []


def test_a_dry_run_leaves_every_mail_where_it_is(tocsin: Tocsin, mailbox: ImapServer, user: str) -> None:
    mailbox.put(bytes(mail("one", (NAME, report("192.0.2.1")))), bytes(mail("none")), user=user)

    one, none = tocsin.json("collect", "run", "--dry-run")

    assert (one["what"], one["reports"][0]["name"]) == ("one", NAME)
    assert (none["what"], none["refused"]) == ("none", "There is no report in the mail.")
    assert subjects(mailbox, "INBOX", user) == ["none", "one"]
    assert stored(tocsin) == []


def test_a_wrong_password_is_said_and_not_shown(tocsin: Tocsin, mailbox: ImapServer) -> None:
    del mailbox
    (tocsin.home / "imap.secret").write_text("wr0ng\n")

    code, out, words = tocsin.call("collect", "run", "it")

    assert code == 1
    assert "cannot be used" in words
    assert "wr0ng" not in out + words


def test_a_server_is_trusted_by_its_authority_and_its_pinned_key(
    tocsin: Tocsin, collect: Callable[..., None], certificate: tuple[Path, ssl.SSLContext]
) -> None:
    path = tocsin.home / "imap.secret"
    path.touch(0o600)
    path.write_text("secret\n")
    wrong = "sha256/" + "A" * 43 + "="
    with imap_server(certificate=certificate[0]) as server:
        server.put(bytes(mail("one", (NAME, report("192.0.2.1")))), user="feeds")
        account = {"host": "127.0.0.1", "port": server.tls_port, "user": "feeds", "secret_file": path.name}
        collect("imap", ca_file="", **account)
        assert "certificate" in tocsin.json("collect", "run", "it", code=1)[0]["error"]
        collect("imap", pins=[wrong], **account)
        assert "is not pinned" in tocsin.json("collect", "run", "it", code=1)[0]["error"]
        collect("imap", pins=[wrong, pin_by_openssl(certificate[0])], **account)
        assert tocsin.json("collect", "run", "it")[0]["reports"] == 1
    assert stored(tocsin) == ["192.0.2.1"]


def test_of_an_attached_report_of_abuse_only_the_reference_is_written(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    for name, data in shapes(xarf()).items():
        if name in {"pretty.json", "packed.zip"}:
            mailbox.put(bytes(mail(f"{WORDS} {name}", (name, data))), user=user)
    [run] = tocsin.json("collect", "run", "it")
    assert (run["reports"], run["stored"], run["quarantined"]) == (2, 0, 2)  # one came in both mails
    assert canaries(tocsin.home) == []
    rows = [tocsin.json("quarantine", "show", str(ingest)) for ingest in (1, 2)]
    assert not any(REFERENCE in row["raw"] for [row] in rows)
    assert noted(tocsin.home) == [("csam", REFERENCE, "collector it")]
    folders = ("INBOX", "tocsin-done", "tocsin-refused")
    assert [mailbox.mails(folder, user) for folder in folders] == [[], [], []]


def test_a_report_of_abuse_in_a_mail_that_is_no_report_is_noted_too_and_kept_for_the_police(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    settings = tocsin.home / "tocsin.toml"
    settings.write_text(settings.read_text() + '[never_held]\nmail_on_server = "move:police"\n')
    text = "Somebody sent us this:\n\n" + shapes(xarf())["line.json"].decode()
    mailbox.put(bytes(mail(WORDS, text=text)), user=user)
    tocsin.call("collect", "run", "it")
    assert noted(tocsin.home) == [("csam", REFERENCE, "collector it")]
    assert canaries(tocsin.home) == []
    assert [len(mailbox.mails(folder, user)) for folder in ("INBOX", "tocsin-done", "tocsin-refused", "police")] == [
        0, 0, 0, 1,
    ]  # fmt: skip


def test_mails_that_are_reports_become_events_and_a_broken_part_stops_no_other(
    tocsin: Tocsin, mailbox: ImapServer, user: str
) -> None:
    mixed = mail_with(
        ("application/zip", "a.zip", packed(x=b"0" * 5_000)[:-200]),
        ("application/octet-stream", "b.eml", MAILS["dmarc"]),
        ("application/xml", "c!d!1!2.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><feedback>&b;</feedback>'),
        subject="mixed",
    )
    mailbox.put(*(MAILS[kind] for kind in ("arf", "authentication", "xarf", "dmarc2", "tls")), mixed, user=user)

    [run] = tocsin.json("collect", "run", "it", code=1)

    [refused] = run["refused"]
    assert refused["what"] == "mixed"
    assert "a.zip" in refused["reason"]
    assert "document type" in refused["reason"]
    assert "mail.example" not in refused["reason"]
    feeds = {feed["feed"].partition("/")[2]: feed["rows"] for feed in tocsin.json("feeds", "list")}
    assert feeds == {"arf": 3, "xarf": 1, "dmarc": 4, "tls_rpt": 3}
    places = {
        event.get("source.ip") or event.get("source.url") or event["source.fqdn"]
        for event in tocsin.lines("events", "--limit", "0", "--format", "json")
    }
    assert places == {
        "192.0.2.1", "http://example.net/earn_money.html", "2001:db8::7", "192.0.2.9", "192.0.2.7", "203.0.113.56",
        "mx1.mail.company-y.example", "company-y.example",
    }  # fmt: skip
    assert len(mailbox.mails("tocsin-done", user)) == 5
    assert sorted(path.name for path in (tocsin.home / "collected").rglob("*.[xz]*")) == ["a.zip", "c!d!1!2.xml"]
