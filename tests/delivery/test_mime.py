"""Mails that any reader can read, whatever is in the values; the oracle is Python's email parser."""

import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.delivery_examples import NOW
from tocsin.delivery.mime import (
    Attachment,
    Envelope,
    assemble,
    plain,
    unstructured,
    usable_mailboxes,
    wrapped_base64,
)

TEXTS = st.text(max_size=120)
HOSTILE = "Example\r\nBcc: everyone@example.net\r\n\r\n<script>"


def mail(subject: str, name: str = "CSIRT", body: str = "text\n", *files: Attachment) -> tuple[bytes, EmailMessage]:
    envelope = Envelope(subject, name, "csirt@csirt.example", ("noc@isp.example",), NOW, "<a.1@csirt.example>")
    content = assemble(envelope, body, files, "=_boundary")
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return content, message


@given(TEXTS, TEXTS)
def test_any_subject_and_sender_come_back_as_one_line_and_nothing_is_injected(subject: str, name: str) -> None:
    content, message = mail(subject, name)

    assert message["Subject"] == plain(subject)
    assert list(message.keys()) == [
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert [address.addr_spec for address in message["From"].addresses] == ["csirt@csirt.example"]
    assert content.isascii()


@given(TEXTS)
def test_lines_are_as_short_as_rfc_2047_wants(subject: str) -> None:
    for word in unstructured(subject).split(" "):
        assert not word.startswith("=?utf-8?b?") or len(word) <= 75


def test_line_breaks_in_values_stay_in_the_value() -> None:
    _, message = mail(HOSTILE, HOSTILE)

    assert message["Bcc"] is None
    assert message["Subject"] == "Example Bcc: everyone@example.net <script>"


@given(TEXTS)
def test_any_body_comes_back(body: str) -> None:
    expected = body.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    _, message = mail("s", "n", expected)

    part = message.get_body()
    assert part is not None
    assert str(part.get_content()).replace("\r\n", "\n").rstrip("\n") == expected.rstrip("\n")


@given(st.binary(max_size=5_000))
def test_attachments_come_back_byte_for_byte(content: bytes) -> None:
    encoded = wrapped_base64(content)
    _, message = mail("s", "n", "b", Attachment("data.csv", "text/csv; charset=utf-8", content))

    assert base64.b64decode(encoded) == content
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    (part,) = message.iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True)) == ("data.csv", content)


@pytest.mark.parametrize(
    ("given_", "used"),
    [
        ("noc@isp.example", ("noc@isp.example",)),
        (" noc@isp.example ", ("noc@isp.example",)),
        ("noc@bücher.example", ("noc@xn--bcher-kva.example",)),
        ("noc@isp.example\r\nBcc: x@example.net", ()),
        ("noc@isp.example, all@isp.example", ()),
        ("Noc <noc@isp.example>", ()),
        ("nobody", ()),
        ("", ()),
        ("nöc@isp.example", ()),
    ],
)
def test_only_mailboxes_that_are_one_address_are_used(given_: str, used: tuple[str, ...]) -> None:
    assert usable_mailboxes([given_, given_]) == used
