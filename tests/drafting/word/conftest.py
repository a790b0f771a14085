"""A negotiated text with everything in it that Word can track, and the programs that others wrote."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.drafting.word import (
    Cell,
    Comment,
    Document,
    Level,
    Note,
    Paragraph,
    Revision,
    Row,
    Run,
    Table,
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
def negotiated() -> Document:
    """Three authors; nested insertions and deletions; a move of one and a half paragraphs; a table; a thread."""
    return numbered(
        Document(
            title="Draft",
            blocks=(
                Paragraph((Run("Building confidence"),), style="Heading1"),
                Paragraph(
                    (
                        Run("We "),
                        Run("will ", (ALPHA_CUTS,)),
                        Run("shall ", (ALPHA_ADDS,), (1,)),
                        Run("never ", (ALPHA_ADDS, BETA_CUTS), (1,)),
                        Run("always ", (BETA_ADDS,)),
                        Run("protect", look=frozenset({"bold"})),
                        Run(" the net"),
                        Run("work", (GAMMA_CUTS,)),
                        Run(".", comments=(3,)),
                        Run("", note=1),
                    ),
                    numbering=(1, 0),
                ),
                Paragraph((Run("Moved whole."), Run(" And more.", (ALPHA_CUTS,))), numbering=(1, 0)),
                Paragraph((Run("First half ", (MOVED_AWAY,)),), (MOVED_AWAY,)),
                Paragraph((Run("and tail", (MOVED_AWAY,)), Run(" stays\there\nbelow no\u2011break soft\u00adly."))),
                Paragraph((Run("New clause by Gamma.", (GAMMA_ADDS,)),), (GAMMA_ADDS,), numbering=(1, 1)),
                Paragraph(
                    (Run("See "), Run("the site", link="https://example.org/"), Run(" page "), Run("7", field="PAGE"))
                ),
                Paragraph((Run("First half ", (MOVED_HERE,)),), (MOVED_HERE,)),
                Paragraph((Run("and tail", (MOVED_HERE,)), Run(" again"), Run(" cut", (BETA_CUTS,))), (BETA_CUTS,)),
                Paragraph((Run("joined."),)),
                Table(
                    (
                        Row((Cell((Paragraph((Run("Country"),)),)), Cell((Paragraph((Run("Text"),)),)))),
                        Row(
                            (
                                Cell((Paragraph((Run("Row by Beta", (BETA_ADDS,)),)),)),
                                Cell((Paragraph((Run("new", (BETA_ADDS,)),)),)),
                            ),
                            (BETA_ADDS,),
                        ),
                        Row((Cell((Paragraph((Run("wide"), Run("r", (ALPHA_ADDS,)))),), span=2),)),
                        Row((Cell((Paragraph((Run("old row"),)),)), Cell((Paragraph(),))), (GAMMA_CUTS,)),
                    )
                ),
                Paragraph((Run("End."),)),
            ),
            comments=(
                Comment(1, "Beta", "Too strong.\nSecond line.", NOON, "B"),
                Comment(2, "Alpha", "It is what was agreed.", EVENING, "A", parent=1),
                Comment(3, "Gamma & Söhne", "Why stop here?", EVENING, resolved=True),
            ),
            notes=(
                Note(
                    1,
                    "footnote",
                    (
                        Paragraph(
                            (Run("As in "), Run("1998", (ALPHA_CUTS,)), Run("2003.")),
                        ),
                    ),
                ),
            ),
            lists=((1, (Level("lowerLetter", "%1)"), Level(text="%2."))),),
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
