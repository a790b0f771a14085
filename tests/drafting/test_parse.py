"""What a file is shows in its first bytes: names that say otherwise mislead nobody."""

import zipfile
from io import BytesIO

import pytest

from tocsin.drafting import read_compilation, read_text
from tocsin.drafting.draft import begun
from tocsin.drafting.word.text_out import compiled_docx
from tocsin.node.errors import InputError

COMPILATION = b"1.\tPillars\na) Share warnings.\n\n\xc2\xb7 Aland, Government: Share warnings early.\n"


def _docx(**more: bytes) -> bytes:
    file = BytesIO(compiled_docx(begun(read_compilation(COMPILATION))))
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in more.items():
            archive.writestr(f"word/{name}.bin", data)
    return file.getvalue()


@pytest.mark.parametrize("name", ["record.docx", "record.docm", "record.txt", "record"])
def test_a_word_file_is_one_under_any_name(name: str) -> None:
    text = read_text(_docx(), name)
    assert text.source.form == "word"
    assert [(e.stakeholder, e.text) for e in text.entries] == [("Aland", "Share warnings early.")]
    assert read_text(COMPILATION, name.replace("docx", "txt")).source.form == "plain text"


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (_docx(vbaProject=b"\0"), "record.docm", "macros"),
        (_docx(vbaProject=b"\0"), "record.txt", "macros"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "record.doc", "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "record", "password"),
        (COMPILATION, "record.docx", "no ZIP archive"),
        (b"%PDF-1.7\n", "record.txt", "a PDF"),
        (b"{\\rtf1 a) Share}", "record.txt", "an RTF file"),
    ],
)
def test_other_files_are_refused_by_what_they_are(data: bytes, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        read_text(data, name)
    assert refused.value.hint
