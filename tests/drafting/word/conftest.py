"""A negotiated text with everything in it that Word can track, and the programs that others wrote."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.drafting.word import (
    Cell,
    ListLevel,
    Note,
    Paragraph,
    Revision,
    TableRow,
    TextRun,
    WordComment,
    WordDocument,
    WordTable,
    numbered,
)

MORNING = datetime(2014, 3, 4, 9, 30, tzinfo=UTC)
NOON = datetime(2014, 3, 4, 12, 0, tzinfo=UTC)
EVENING = datetime(2014, 3, 5, 18, 45, 10, tzinfo=UTC)

ALPHA_ADDS = Revision("insert", "Alpha", MORNING)
ALPHA_CUTS = Revision("delete", "Alpha", MORNING)
BETA_ADDS = Revision("insert", "Beta", NOON)
BETA_CUTS = Revision("delete", "Beta", NOON)
GAMMA_ADDS = Revision("insert", "Gamma & Söhne", EVENING)
GAMMA_CUTS = Revision("delete", "Gamma & Söhne", EVENING)
MOVED_AWAY = Revision("move_from", "Beta", NOON, move="move1")
MOVED_HERE = Revision("move_to", "Beta", NOON, move="move1")


@pytest.fixture(scope="session")
def negotiated() -> WordDocument:
    """Three authors; nested insertions and deletions; a move of one and a half paragraphs; a table; a thread."""
    return numbered(
        WordDocument(
            title="Draft",
            blocks=(
                Paragraph((TextRun("Building confidence"),), style="Heading1"),
                Paragraph(
                    (
                        TextRun("We "),
                        TextRun("will ", (ALPHA_CUTS,)),
                        TextRun("shall ", (ALPHA_ADDS,), (1,)),
                        TextRun("never ", (ALPHA_ADDS, BETA_CUTS), (1,)),
                        TextRun("always ", (BETA_ADDS,)),
                        TextRun("protect", look=frozenset({"bold"})),
                        TextRun(" the net"),
                        TextRun("work", (GAMMA_CUTS,)),
                        TextRun(".", comments=(3,)),
                        TextRun("", note=1),
                    ),
                    numbering=(1, 0),
                ),
                Paragraph((TextRun("Moved whole."), TextRun(" And more.", (ALPHA_CUTS,))), numbering=(1, 0)),
                Paragraph((TextRun("First half ", (MOVED_AWAY,)),), (MOVED_AWAY,)),
                Paragraph(
                    (TextRun("and tail", (MOVED_AWAY,)), TextRun(" stays\there\nbelow no\u2011break soft\u00adly."))
                ),
                Paragraph((TextRun("New clause by Gamma.", (GAMMA_ADDS,)),), (GAMMA_ADDS,), numbering=(1, 1)),
                Paragraph(
                    (
                        TextRun("See "),
                        TextRun("the site", link="https://example.org/"),
                        TextRun(" page "),
                        TextRun("7", field="PAGE"),
                    )
                ),
                Paragraph((TextRun("First half ", (MOVED_HERE,)),), (MOVED_HERE,)),
                Paragraph(
                    (TextRun("and tail", (MOVED_HERE,)), TextRun(" again"), TextRun(" cut", (BETA_CUTS,))), (BETA_CUTS,)
                ),
                Paragraph((TextRun("joined."),)),
                WordTable(
                    (
                        TableRow((Cell((Paragraph((TextRun("Country"),)),)), Cell((Paragraph((TextRun("Text"),)),)))),
                        TableRow(
                            (
                                Cell((Paragraph((TextRun("Row by Beta", (BETA_ADDS,)),)),)),
                                Cell((Paragraph((TextRun("new", (BETA_ADDS,)),)),)),
                            ),
                            (BETA_ADDS,),
                        ),
                        TableRow((Cell((Paragraph((TextRun("wide"), TextRun("r", (ALPHA_ADDS,)))),), span=2),)),
                        TableRow((Cell((Paragraph((TextRun("old row"),)),)), Cell((Paragraph(),))), (GAMMA_CUTS,)),
                    )
                ),
                Paragraph((TextRun("End."),)),
            ),
            comments=(
                WordComment(1, "Beta", "Too strong.\nSecond line.", NOON, "B"),
                WordComment(2, "Alpha", "It is what was agreed.", EVENING, "A", parent=1),
                WordComment(3, "Gamma & Söhne", "Why stop here?", EVENING, resolved=True),
            ),
            notes=(
                Note(
                    1,
                    "footnote",
                    (
                        Paragraph(
                            (TextRun("As in "), TextRun("1998", (ALPHA_CUTS,)), TextRun("2003.")),
                        ),
                    ),
                ),
            ),
            lists=((1, (ListLevel("lowerLetter", "%1)"), ListLevel(text="%2."))),),
        )
    )


@pytest.fixture(scope="session")
def convert(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], Path]:
    """LibreOffice: opens a Word file and saves it in another form. A machine without it fails the test."""
    program = shutil.which("soffice")
    assert program, "LibreOffice is not here: install the Debian package libreoffice-writer-nogui"
    home = tmp_path_factory.mktemp("libreoffice")

    def to(docx: bytes, form: str) -> Path:
        folder = Path(tmp_path_factory.mktemp("converted"))
        source = folder / "text.docx"
        source.write_bytes(docx)
        out = folder / "out"
        home_address = f"-env:UserInstallation={home.as_uri()}"
        command = [program, home_address, "--headless", "--convert-to", form, "--outdir", str(out), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return out / f"text.{form}"

    return to


@pytest.fixture(scope="session")
def pandoc() -> Callable[[bytes, str, str], str]:
    """Pandoc: a Word file in another form, with changes accepted, rejected or all shown."""
    program = shutil.which("pandoc")
    assert program, "pandoc is not here: install the Debian package pandoc"

    def read(docx: bytes, changes: str, form: str) -> str:
        command = [program, "--from", "docx", f"--track-changes={changes}", "--to", form, "--wrap=none"]
        return subprocess.run(command, input=docx, check=True, capture_output=True, timeout=60).stdout.decode()

    return read
