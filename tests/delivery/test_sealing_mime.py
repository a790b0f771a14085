"""What a seal covers: the whole content and all headers, written so that no server needs to change it."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.delivery.mime import Attachment, Envelope, Seal, assemble, assemble_text

AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=120)
bodies = st.lists(lines | st.sampled_from(["From here on", "-- ", "\t", "--=_x_1", "From =?"]), max_size=8).map(
    "\n".join
)


def sealed(envelope: Envelope, body: str, files: list[Attachment], outer: str) -> tuple[EmailMessage, bytes]:
    """A mail with a seal that changes nothing, and what the seal was given."""
    covered: list[bytes] = []

    def wrap(entity: bytes, boundary: str) -> bytes:
        covered.append(entity)
        return f"Content-Type: application/x-test; boundary={boundary}\r\n\r\n".encode("ascii")

    mail = assemble(envelope, body, files, "=_x_1", Seal(wrap, outer))
    return parsed(mail), covered[0]


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def lines_of(part: MIMEPart) -> str:
    """Its text, without the line ends after the last line."""
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\r\n")


@given(bodies, lines, st.binary(max_size=200))
def test_what_is_signed_is_what_was_written_and_nothing_for_servers_to_mend(
    body: str, subject: str, content: bytes
) -> None:
    envelope = Envelope(subject, "CSIRT", "csirt@csirt.example", ("noc@isp.example",), AT, "<1@csirt.example>")
    outer, covered = sealed(envelope, body, [Attachment("a.bin", "application/octet-stream", content)], "")
    inner = parsed(covered)
    text = inner.get_body(("plain",))
    assert text is not None

    assert covered.isascii()
    after_headers = covered.partition(b"\r\n\r\n")[2]
    assert not [line for line in after_headers.split(b"\r\n") if line.startswith(b"From ") or line != line.rstrip()]
    assert lines_of(text) == body.rstrip("\n")
    assert [part.get_payload(decode=True) for part in inner.iter_attachments()] == [content]
    assert str(inner["Subject"]) == str(outer["Subject"])
    assert inner.get_param("hp") == "clear"


@given(lines, lines)
def test_an_encrypted_mail_shows_the_outer_subject_and_names_all_that_is_outside(body: str, subject: str) -> None:
    reply = Envelope(
        subject, "CSIRT", "csirt@csirt.example", ("noc@isp.example", "b@isp.example"), AT, "<2@csirt.example>",
        "<1@csirt.example>", "csirt+token@csirt.example",
    )  # fmt: skip
    outer, covered = sealed(reply, body, [], "[TLP:AMBER] [TOC-2026-0000001]")
    inner = parsed(covered)

    assert outer["Subject"] == "[TLP:AMBER] [TOC-2026-0000001]"
    shown = dict(str(field).split(": ", 1) for field in inner.get_all("HP-Outer", []))
    assert shown == {name: str(outer[name]) for name in outer if name not in {"MIME-Version", "Content-Type"}}
    assert {name: str(inner[name]) for name in shown if name != "Subject"} == {
        name: value for name, value in shown.items() if name != "Subject"
    }


@pytest.mark.parametrize("outer", ["", "[TLP:AMBER] [TOC-2026-0000001]"])
def test_a_text_alone_is_sealed_too(outer: str) -> None:
    covered: list[bytes] = []
    envelope = Envelope("Hello", "CSIRT", "csirt@csirt.example", ("noc@isp.example",), AT, "<1@csirt.example>")

    def wrap(entity: bytes, _: str) -> bytes:
        covered.append(entity)
        return b"Content-Type: application/x-test\r\n\r\n"

    assemble_text(envelope, "Words of \u00e9clat \n", "=_x", Seal(wrap, outer))

    inner = parsed(covered[0])
    assert (inner.get_content_type(), inner.get_param("hp")) == ("text/plain", "cipher" if outer else "clear")
    assert lines_of(inner) == "Words of \u00e9clat "
    assert inner["Subject"] == "Hello"
