"""Files made to do harm are refused with a reason, quickly and in little memory; nothing else ever comes out."""

import contextlib
import io
import struct
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.drafting.model import TextSource
from tocsin.drafting.word import Paragraph, TextRun, WordComment, WordDocument, read_docx, write_docx
from tocsin.drafting.word.text_in import word_text
from tocsin.node.errors import InputError

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MEGABYTE = 1 << 20


def plain() -> bytes:
    return write_docx(WordDocument((Paragraph((TextRun("text"),)),)))


def changed(data: bytes, parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The same file with these parts added or put in place of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return buffer.getvalue()


def with_text(content: str) -> bytes:
    return changed(plain(), {"word/document.xml": content.encode()})


def body(inner: str, prolog: str = "") -> str:
    return f"{prolog}<w:document {W}><w:body>{inner}</w:body></w:document>"


LAUGHS = "<!DOCTYPE w [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
OUTSIDE = "<!DOCTYPE w [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (with_text(body("<w:p><w:r><w:t>&a11;</w:t></w:r></w:p>", f"{LAUGHS}]>")), "document type declaration"),
        (with_text(body("<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", OUTSIDE)), "document type declaration"),
        (with_text(body("", "<!--" + "x" * 99_999 + "-->" + OUTSIDE)), "does not begin as XML"),
        (
            changed(plain(), {"word/document.xml": body("", f"<?xml version='1.0'?>{OUTSIDE}").encode("utf-16")}),
            "document type declaration",
        ),
        (
            changed(plain(), {"word/document.xml": body("", "<?xml version='1.0' encoding='UTF-7'?>").encode()}),
            "written in 'UTF-7'",
        ),
        (with_text(body("<w:tbl><w:tr><w:tc>" * 80 + "</w:tc></w:tr></w:tbl>" * 80)), "nested deeper"),
        (with_text(body("<w:sdt><w:sdtContent>" * 120 + "</w:sdtContent></w:sdt>" * 120)), "nested deeper"),
        (with_text(body("<w:p>" + "<w:ins>" * 400 + "</w:ins>" * 400 + "</w:p>")), "not well-formed XML"),
        (with_text(body("<w:p>" + "<w:ins>" * 40 + "</w:ins>" * 40 + "</w:p>")), "nested more than 16"),
        (with_text(body("<w:p/>" * 1_500_001)), "pieces of text and marks"),
        (with_text("<w:document"), "not well-formed XML"),
        (with_text(f"<w:document {W}/>"), "no text part"),
        (changed(plain(), {"word/vbaProject.bin": b"\0"}), "programs"),
        (
            changed(
                plain(),
                {
                    "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                    b'<Override PartName="/word/document.xml" ContentType='
                    b'"application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
                },
            ),
            "programs",
        ),
        (changed(plain(), {"word/activeX/activeX1.xml": b"<a/>"}), "programs"),
        (changed(plain(), {"../../outside.xml": b"<a/>"}), "points out of it"),
        (changed(plain(), {"/etc/outside.xml": b"<a/>"}), "points out of it"),
        (changed(plain(), {"word\\..\\..\\outside.xml": b"<a/>"}), "points out of it"),
        (changed(plain(), {"C:outside.xml": b"<a/>"}), "points out of it"),
        (changed(plain(), {"word/DOCUMENT.xml": body("").encode()}), "two entries"),
        (changed(plain(), {}, method=zipfile.ZIP_BZIP2), "packed in a way"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "password"),
        (b"", "no ZIP archive"),
        (b"%PDF-1.7", "no ZIP archive"),
        (plain()[:-30], "no ZIP archive"),
    ],
)
def test_it_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_docx(data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.docx"):
        read_docx(tmp_path / "absent.docx")


def _gigabyte_of(part: str, start: str, piece: str, end: str, folder: Path) -> Path:
    """A file of two megabytes with this part in place of its own, unpacked a gigabyte; related as comments."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    related = f'<Relationship Id="c" Type="{kind}" Target="comments.xml"/></Relationships>'
    file = folder / "bomb.docx"
    with zipfile.ZipFile(io.BytesIO(plain())) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name).replace(b"</Relationships>", related.encode()))
        with new.open(part, "w") as stream:
            stream.write(start.encode())
            block = (piece * (MEGABYTE // len(piece) + 1)).encode()
            for _ in range(1024):
                stream.write(block)
            stream.write(end.encode())
    return file


@pytest.mark.parametrize(
    ("part", "start", "piece", "end"),
    [
        ("word/comments.xml", f"<w:comments {W}>", "<w:comment w:id='1'/>", "</w:comments>"),
        ("word/document.xml", f"<w:document {W}><w:body>", "<w:p/>", "</w:body></w:document>"),
    ],
)
def test_a_gigabyte_is_refused_in_bounded_memory(part: str, start: str, piece: str, end: str, tmp_path: Path) -> None:
    file = _gigabyte_of(part, start, piece, end, tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="megabytes of text"):
            read_docx(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250 * MEGABYTE


def test_a_picture_that_unpacks_without_end_is_never_unpacked(tmp_path: Path) -> None:
    file = _gigabyte_of("word/media/image1.png", "", "0" * 64, "", tmp_path)
    assert read_docx(file).blocks == (Paragraph((TextRun("text"),)),)


def test_a_list_of_a_million_entries_is_refused_before_it_is_read() -> None:
    data = plain()
    end = data.rfind(b"PK\5\6")
    claimed = data[: end + 12] + struct.pack("<I", 200 * MEGABYTE) + data[end + 16 :]
    with pytest.raises(InputError, match="more entries"):
        read_docx(claimed)


def test_many_entries_are_refused() -> None:
    with pytest.raises(InputError, match="entries"):
        read_docx(changed(plain(), {f"word/media/{n}.png": b"" for n in range(5000)}))


def test_nothing_is_fetched(negotiated: WordDocument) -> None:
    """Every way in which a Word file can name something outside points to a server here that counts its calls."""
    calls: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    named = "".join(
        f'<Relationship Id="x{kind}" Type="{kinds}/{kind}" Target="{place}/{kind}" TargetMode="External"/>'
        for kind in ("attachedTemplate", "image", "comments", "footnotes", "styles", "numbering", "oleObject", "frame")
    )
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    instruction = f"INCLUDETEXT &quot;{place}/field&quot;"
    field = f'<w:p><w:fldSimple w:instr="{instruction}"><w:r><w:t>old</w:t></w:r></w:fldSimple></w:p>'
    data = changed(
        write_docx(negotiated),
        {
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{space}">{named}</Relationships>'.encode(),
            "word/document.xml": body(
                f"<?xml-stylesheet href='{place}/style'?>" + field + "<w:altChunk r:id='x' xmlns:r='x'/>"
            ).encode(),
        },
    )
    document = read_docx(data)
    server.shutdown()
    server.server_close()
    assert calls == []
    assert document.blocks == (Paragraph((TextRun("old"),)),)
    assert any("another file" in warning for warning in document.warnings)


def test_a_field_that_runs_a_program_and_a_link_to_one_are_not_written_again() -> None:
    dangerous = '<w:fldSimple w:instr="DDEAUTO c:\\\\cmd.exe calc"><w:r><w:t>shown</w:t></w:r></w:fldSimple>'
    document = read_docx(with_text(body(f"<w:p>{dangerous}</w:p>")))
    assert document.blocks == (Paragraph((TextRun("shown"),)),)
    linked = WordDocument((Paragraph((TextRun("shown", link="file:///C:/cmd.exe"),)),))
    assert b"cmd.exe" not in b"".join(_parts(write_docx(linked)))


def _parts(data: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_a_ring_of_replies_is_cut() -> None:
    space = "http://schemas.microsoft.com/office/word/2012/wordml"
    document = WordDocument(
        (Paragraph((TextRun("text", comments=(1,)),)),),
        (WordComment(1, "Alpha", "one"), WordComment(2, "Beta", "two", parent=1)),
    )
    ring = (
        f'<w15:commentsEx xmlns:w15="{space}"><w15:commentEx w15:paraId="00000001" w15:paraIdParent="00000002"/>'
        '<w15:commentEx w15:paraId="00000002" w15:paraIdParent="00000001"/></w15:commentsEx>'
    )
    read = read_docx(changed(write_docx(document), {"word/commentsExtended.xml": ring.encode()}))
    assert [comment.parent for comment in read.comments] == [0, 0]


def test_more_comments_on_one_place_than_anybody_writes_are_refused() -> None:
    numbers = range(1, 200)
    data = write_docx(
        WordDocument(
            (Paragraph((TextRun("text", comments=tuple(numbers)),)),),
            tuple(WordComment(n, "Alpha", "x") for n in numbers),
        )
    )
    with pytest.raises(InputError, match="comments are on one place"):
        read_docx(data)


def test_a_character_that_xml_cannot_carry_is_refused_on_writing() -> None:
    with pytest.raises(InputError, match="control character"):
        write_docx(WordDocument((Paragraph((TextRun("a\x07b"),)),)))


@pytest.fixture(scope="session")
def seed(negotiated: WordDocument) -> bytes:
    return write_docx(negotiated)


@given(data=st.data())
def test_any_bytes_changed_give_a_document_or_a_reason(seed: bytes, data: st.DataObject) -> None:
    file = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] = data.draw(st.integers(0, 255))
    _document_or_reason(bytes(file))


@given(data=st.data())
def test_any_part_changed_gives_a_document_or_a_reason(seed: bytes, data: st.DataObject) -> None:
    """The archive is sound, so the XML is reached: characters changed, pieces of it doubled or cut."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        name = data.draw(st.sampled_from(archive.namelist()))
        text = bytearray(archive.read(name))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 300)))
        piece = bytes(text[start:end])
        act: Callable[[bytes], bytes] = data.draw(st.sampled_from(_ACTS))
        text[start:end] = act(piece)
    _document_or_reason(changed(seed, {name: bytes(text)}))


_ACTS: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda piece: piece * 2,
    lambda piece: piece.replace(b"ins", b"del"),
    lambda piece: piece.replace(b'"', b"'"),
    lambda piece: piece.replace(b"1", b"-99999999999999999999"),
    lambda piece: piece.replace(b"2014", b"9999999"),
    lambda piece: piece.replace(b"w:p>", b"w:tbl>"),
    lambda piece: piece.replace(b"begin", b"separate"),
    lambda piece: bytes(byte ^ 1 for byte in piece),
]


def _document_or_reason(data: bytes) -> None:
    try:
        document = read_docx(data)
    except InputError:
        return
    assert read_docx(write_docx(document)) == document
    with contextlib.suppress(InputError):
        word_text(document, TextSource("", "", ""))
