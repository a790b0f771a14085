"""What a mail says, from mails as people's programs write them and from any bytes at all."""

import base64
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.delivery.mailbox import LIMITS, MailLimits, read_mail

PLAIN = """\
Return-Path: <noc@isp.example>
Delivered-To: csirt+TOKEN@example.org
From: =?utf-8?q?Ren=C3=A9?= NOC <noc@ISP.example>
To: "CSIRT, national" <csirt+TOKEN@example.org>
Cc: boss@isp.example
Subject: =?utf-8?b?UsOpcDogVE9DLTIwMjYtMDAwMDAwMQ==?=
Message-ID: <one@isp.example>
In-Reply-To: <TOC-2026-0000001.abc@example.org>
References: <zero@example.org>
 <TOC-2026-0000001.abc@example.org>
Date: Tue, 24 Nov 2026 09:00:00 +0400
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

fixed, merci =E9galement

On Tue, Nov 24, 2026 at 6:00 AM CSIRT <csirt@example.org> wrote:
> 192.0.2.1 is bad
"""


def test_an_ordinary_reply() -> None:
    mail = read_mail(PLAIN.encode())

    assert (mail.sender_name, mail.sender) == ("René NOC", "noc@isp.example")
    assert mail.recipients == ("csirt+TOKEN@example.org", "boss@isp.example")
    assert mail.subject == "Rép: TOC-2026-0000001"
    assert (mail.message_id, mail.in_reply_to) == ("<one@isp.example>", ("<TOC-2026-0000001.abc@example.org>",))
    assert mail.references == ("<zero@example.org>", "<TOC-2026-0000001.abc@example.org>")
    assert mail.date is not None
    assert mail.date.isoformat() == "2026-11-24T05:00:00+00:00"
    assert mail.return_path == "noc@isp.example"
    assert mail.text == "fixed, merci également"
    assert mail.quoted.endswith("> 192.0.2.1 is bad")
    assert mail.reasons == ()


def test_parts_files_and_forwarded_mails() -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner["From"] = "feed@example.net"
    inner.set_content("inner words")
    inner.add_attachment(b"ip\n192.0.2.7\n", maintype="text", subtype="csv", filename="../../etc/événement.csv")
    outer = EmailMessage()
    outer["From"] = "person@example.org"
    outer.set_content("see below")
    outer.add_alternative("<p>see below</p>", subtype="html")
    outer.add_attachment(inner)
    outer.add_attachment(b"PK\x05\x06" + bytes(18), maintype="application", subtype="zip", filename="report.zip")

    mail = read_mail(outer.as_bytes(policy=email.policy.SMTP))

    assert mail.text == "see below"
    assert [(part.media_type, part.name) for part in mail.parts] == [
        ("text/plain", ""),
        ("text/html", ""),
        ("application/zip", "report.zip"),
    ]
    assert [one.subject for one in mail.forwarded] == ["inner"]
    assert [(part.name, part.content) for part in mail.all_parts() if part.attached] == [
        ("report.zip", b"PK\x05\x06" + bytes(18)),
        ("événement.csv", b"ip\n192.0.2.7\n"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fixed\n\n> old\n> older", "fixed"),
        ("> which?\n192.0.2.1 fixed\n> and?\nno", "192.0.2.1 fixed\nno"),
        ("oui\n\nLe mar. 24 nov. 2026 à 06:00, CSIRT <csirt@example.org> a écrit :\n\n> x", "oui"),
        ("sí\n\nEl mar, 24 nov 2026 a las 6:00, CSIRT\n(<csirt@example.org>) escribió:\n> x", "sí"),
        ("sim\n\nEm ter., 24 de nov. de 2026 às 06:00, CSIRT\n<csirt@example.org> escreveu:\n> x", "sim"),
        ("نعم\n\nفي الثلاثاء، 24 نوفمبر 2026 كتب CSIRT <csirt@example.org>:\n> x", "نعم"),
        ("done\n\n-----Original Message-----\nFrom: x\nfixed", "done"),
        ("done\n\nFrom: CSIRT <csirt@example.org>\nSent: Tuesday\nTo: noc\nSubject: x\n\nfixed", "done"),
        ("fait\n\nDe : CSIRT\nEnvoyé : mardi\nÀ : noc\n\nfixed", "fait"),
        ("done\n\n________________________________\nFrom: x\nfixed", "done"),
        ("On 24 Nov 2026, csirt@example.org wrote:\n> is 192.0.2.1 yours?\nnot ours\n", "not ours"),
        ("We wrote: this is fixed", "We wrote: this is fixed"),
        ("From: here on all is fixed", "From: here on all is fixed"),
    ],
)
def test_what_is_quoted_is_not_said(text: str, said: str) -> None:
    assert read_mail(f"Subject: x\n\n{text}\n".encode()).text == said


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<html><head><title>t</title><style>p{}</style></head><body><p>fixed<br>now</p></body></html>", "fixed\nnow"),
        ("<script>alert('fixed')</script>false<svg><script>x</script></svg>", "false"),
        ("<div>fixed</div><div class='gmail_quote'><div>On …</div><blockquote>old</blockquote></div>", "fixed"),
        (
            '<p>fixed</p><hr><div id="divRplyFwdMsg"><b>From:</b> CSIRT<br><b>Sent:</b> Tuesday</div><p>false</p>',
            "fixed",
        ),
        ("<blockquote>old <div>older</div> old</blockquote>after", "after"),
        ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c d"),
        ("<p>open <b>never closed", "open never closed"),
    ],
)
def test_html_is_reduced_to_what_was_written(html: str, said: str) -> None:
    assert read_mail(f"Content-Type: text/html\n\n{html}".encode()).text == said


def test_wrong_and_strange_charsets_give_text() -> None:
    for charset in ("utf-8", "x-unknown", "rot13", "zip", "punycode", "idna", "unicode_escape", "undefined", "\0", "é"):
        raw = f"Content-Type: text/plain; charset={charset}\n\n".encode() + b"caf\xe9 fixed"
        assert read_mail(raw).text == "café fixed"
    assert read_mail("Content-Type: text/plain; charset=us-ascii\n\nشكر".encode()).text == "شكر"


def test_several_senders_are_none() -> None:
    assert read_mail(b"From: a@isp.example, b@evil.example\n\n").sender == ""
    assert read_mail(b'From: "noc@isp.example" <x@evil.example>\n\n').sender == "x@evil.example"
    assert read_mail(b"From: a@isp.example\nFrom: b@evil.example\n\n").sender == ""


def test_beyond_the_limits_there_is_a_reason() -> None:
    def part(number: int) -> str:
        return f'--b\nContent-Disposition: attachment; filename="{number}"\n\n{number}\n'

    many = "Content-Type: multipart/mixed; boundary=b\n\n" + "".join(map(part, range(10_000))) + "--b--\n"
    deep = "\n".join(f"Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}" for depth in range(2_000))
    mails = "Content-Type: message/rfc822\n\n" * 2_000
    reasons = {
        f"Only its first {LIMITS.parts} parts are read.": many,
        f"Parts more than {LIMITS.depth} deep are not read.": deep,
        f"Only the first {LIMITS.header_bytes:,} bytes of its headers are read.": "Subject: x\n" + "X-A: b\n" * 20_000,
    }
    for reason, raw in reasons.items():
        assert read_mail(raw.encode()).reasons == (reason,)
    assert read_mail(mails.encode()).reasons == (f"Parts more than {LIMITS.depth} deep are not read.",)
    assert len(read_mail(many.encode()).parts) == LIMITS.parts - 1
    assert read_mail(b"Subject: x\n\nhello", MailLimits(bytes=12)).reasons == ("Only its first 12 bytes are read.",)


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read(raw: bytes) -> None:
    mail = read_mail(raw)
    assert "\0" not in mail.text + mail.subject + mail.sender + mail.message_id


LINES = st.sampled_from(
    [
        *(
            f"{name}: {value}".encode()
            for name in ("From", "To", "Subject", "References", "Date", "X-A")
            for value in (
                "a@b.example",
                "=?utf-8?b?4pyT?=",
                "=?x?q?=ff?=",
                "<a@b> <c@d>",
                "((((",
                '"' * 50,
                "a\0b",
                "Tue, 99",
                "é",
                "",
            )
        ),
        b"Content-Type: multipart/mixed; boundary=a",
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="a"',
        b"Content-Type: message/rfc822",
        b"Content-Type: text/plain; charset*=utf-8''x; name*0*=utf-8''%; name*1=b",
        b"Content-Type: text/html; charset=utf-7",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Disposition: attachment; filename*=''%ff%00",
        b"--a",
        b"--a--",
        b"",
        b"",
        b"=",
        b"=ZZ",
        base64.b64encode(b"hello"),
        b"<blockquote><script>",
        b"> x",
        b"\xff\xfe",
    ]
)


@given(st.lists(LINES, max_size=40), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_lines_of_mails_are_read(lines: list[bytes], end: bytes) -> None:
    raw = end.join(lines)
    mail = read_mail(raw)
    assert sum(len(part.content) for part in mail.all_parts()) <= len(raw)
    assert "\0" not in mail.text + mail.subject + mail.sender + mail.message_id


def test_mails_in_mails_are_decoded_within_a_bound() -> None:
    """Each is a copy of all that is in it: depth times size would be the memory that a stranger asks for."""
    raw = b"Subject: innermost\n\n" + b"x" * 30_000
    for _ in range(8):
        raw = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + raw
    mail = read_mail(raw, MailLimits(bytes=100_000))
    depth = 0
    while mail.forwarded:
        [mail], depth = mail.forwarded, depth + 1
    assert depth == 3
