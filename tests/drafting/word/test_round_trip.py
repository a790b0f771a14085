"""A negotiated Word file comes back as it was written, in every view, and opens so in LibreOffice and pandoc."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tocsin.drafting.word import (
    WordDocument,
    accept,
    accepted,
    author_view,
    authors,
    changes,
    lines,
    original,
    read_docx,
    reject,
    write_docx,
)

ODF = {
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "loext": "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0",
}
GAMMA = "Gamma & Söhne"

START = ("Building confidence",)
ROWS = ("Country", "Text")
ORIGINAL = (
    *START,
    "We will protect the network.",
    "Moved whole. And more.",
    "First half ",
    "and tail stays\there\nbelow no\u2011break soft\u00adly.",
    "See the site page 7",
    " again cut",
    "joined.",
    *ROWS,
    "wide",
    "old row",
    "",
    "End.",
)
ACCEPTED = (
    *START,
    "We shall always protect the net.",
    "Moved whole.",
    " stays\there\nbelow no\u2011break soft\u00adly.",
    "New clause by Gamma.",
    "See the site page 7",
    "First half ",
    "and tail againjoined.",
    *ROWS,
    "Row by Beta",
    "new",
    "wider",
    "End.",
)
OWN = {
    "Alpha": (
        *START,
        "We shall never protect the network.",
        "Moved whole.",
        *ORIGINAL[3:10],
        "wider",
        *ORIGINAL[11:],
    ),
    "Beta": (
        *START,
        "We will always protect the network.",
        "Moved whole. And more.",
        " stays\there\nbelow no\u2011break soft\u00adly.",
        "See the site page 7",
        "First half ",
        "and tail againjoined.",
        *ROWS,
        "Row by Beta",
        "new",
        *ORIGINAL[10:],
    ),
    GAMMA: (
        *START,
        "We will protect the net.",
        *ORIGINAL[2:5],
        "New clause by Gamma.",
        *ORIGINAL[5:11],
        "End.",
    ),
}
CHANGES = [
    ("delete", "Alpha", "will "),
    ("insert", "Alpha", "shall never "),
    ("delete", "Beta", "never "),
    ("insert", "Beta", "always "),
    ("delete", GAMMA, "work"),
    ("delete", "Alpha", " And more."),
    ("move_from", "Beta", "First half \nand tail"),
    ("move_to", "Beta", "First half \nand tail"),
    ("insert", GAMMA, "New clause by Gamma.\n"),
    ("delete", "Beta", " cut\n"),
    ("insert", "Beta", "\nRow by Beta\nnew\n"),
    ("insert", "Alpha", "r"),
    ("delete", GAMMA, "\nold row\n\n"),
    ("delete", "Alpha", "1998"),
]


def test_everything_comes_back_and_the_bytes_are_the_same_every_time(negotiated: WordDocument) -> None:
    data = write_docx(negotiated)
    again = read_docx(data)
    assert again == negotiated
    assert again.warnings == ()
    assert write_docx(again) == data


def test_original_accepted_and_every_authors_own_view_are_exact(negotiated: WordDocument) -> None:
    document = read_docx(write_docx(negotiated))
    assert lines(original(document)) == ORIGINAL
    assert lines(accepted(document)) == ACCEPTED
    assert authors(document) == tuple(OWN)
    for author, text in OWN.items():
        assert lines(author_view(document, author)) == text


def test_changes_are_listed_as_a_person_would_decide_them(negotiated: WordDocument) -> None:
    found = [(change.revision.kind, change.revision.author, change.text) for change in changes(negotiated)]
    assert found == CHANGES


def test_deciding_one_by_one_ends_where_deciding_all_does(negotiated: WordDocument) -> None:
    numbers = sorted({change.revision.number for change in changes(negotiated)})
    up, down = negotiated, negotiated
    for number in numbers:
        up, down = accept(up, [number]), reject(down, [number])
    assert up == accepted(negotiated)
    assert down == original(negotiated)


def test_rejecting_a_move_puts_both_places_back(negotiated: WordDocument) -> None:
    move = next(change.revision.number for change in changes(negotiated) if change.revision.kind == "move_to")
    text = "\n".join(lines(reject(negotiated, [move])))
    assert text.count("First half") == 1
    assert "\n again cut" in text


def test_a_comment_goes_with_the_insertion_it_is_on_and_takes_its_replies(negotiated: WordDocument) -> None:
    assert [comment.number for comment in original(negotiated).comments] == [3]
    assert [comment.parent for comment in accepted(negotiated).comments] == [0, 1, 0]


def test_labels_are_counted_over_the_paragraphs_that_a_view_keeps(negotiated: WordDocument) -> None:
    document = read_docx(write_docx(negotiated))
    labels = [block.label for block in document.blocks if hasattr(block, "label") and block.label]
    assert labels == ["a)", "b)", "1."]


def test_what_we_write_is_valid_by_the_schemas(negotiated: WordDocument, tmp_path: Path) -> None:
    file = tmp_path / "text.docx"
    file.write_bytes(write_docx(negotiated))
    command = [sys.executable, "-m", "openxml_audit", "--output", "json", str(file)]
    found = json.loads(subprocess.run(command, check=False, capture_output=True, timeout=60).stdout)[0]
    # Word does without a theme and a table of fonts; this validator only asks for them.
    assert [error for error in found["errors"] if "relationship type" not in error["description"]] == []


def test_libreoffice_sees_the_same_changes_authors_times_and_threads(
    negotiated: WordDocument, convert: Callable[[bytes, str], Path]
) -> None:
    tree = etree.parse(convert(write_docx(negotiated), "fodt"))
    seen = [_region(region) for region in tree.iterfind(".//text:changed-region", ODF)]
    ours = []
    for change in changes(negotiated):
        kind = "insertion" if change.revision.adds else "deletion"
        moment = change.revision.date
        assert moment is not None
        ours.append((kind, change.revision.author, moment.replace(tzinfo=None).isoformat()))
    # An insertion that is partly deleted again is two regions there; the note's change comes first, table ones last.
    assert sorted(set(seen)) == sorted(set(ours))
    nested = [region for region in tree.iterfind(".//text:changed-region", ODF) if len(region) == 2]
    assert [[part.tag.rpartition("}")[2] for part in region] for region in nested] == [["deletion", "insertion"]]
    notes = tree.findall(".//office:annotation", ODF)
    parents = f"{{{ODF['loext']}}}parent-name"
    names = {note.get(f"{{{ODF['office']}}}name"): note.findtext("dc:creator", None, ODF) for note in notes}
    threads = {(note.findtext("dc:creator", None, ODF), names.get(note.get(parents))) for note in notes}
    assert threads == {("Beta", None), ("Alpha", "Beta"), (GAMMA, None)}


def _region(region: etree._Element) -> tuple[str, str, str]:
    kind = region[0].tag.rpartition("}")[2]
    info = region[0][0]
    return kind, info.findtext("dc:creator", "", ODF), info.findtext("dc:date", "", ODF)


def test_a_file_that_libreoffice_saved_again_has_the_same_changes_and_views(
    negotiated: WordDocument, convert: Callable[[bytes, str], Path]
) -> None:
    again = read_docx(convert(write_docx(negotiated), "docx"))
    assert [(c.revision.kind, c.revision.author, c.text) for c in changes(again)] == CHANGES
    for one, other in ((original(again), ORIGINAL), (accepted(again), ACCEPTED)):
        assert _page_number_aside(lines(one)) == _page_number_aside(other)
    for author, text in OWN.items():
        assert _page_number_aside(lines(author_view(again, author))) == _page_number_aside(text)
    assert [(c.author, c.text, c.parent, c.resolved) for c in again.comments] == [
        (c.author, c.text, c.parent, c.resolved) for c in negotiated.comments
    ]


def _page_number_aside(text: tuple[str, ...]) -> list[str]:
    return [line.replace("page 7", "page 1") for line in text]


@pytest.mark.parametrize(("mode", "view"), [("accept", accepted), ("reject", original)])
def test_pandoc_agrees_on_accept_and_reject(
    negotiated: WordDocument,
    pandoc: Callable[[bytes, str, str], str],
    mode: str,
    view: Callable[[WordDocument], WordDocument],
) -> None:
    document = _without_rows(negotiated)
    text = json.loads(pandoc(write_docx(document), mode, "json"))
    notes = [line for note in view(document).notes for line in lines(WordDocument(note.blocks))]
    assert _words(_pandoc_text(text["blocks"])) == _words([*lines(view(document)), *notes])


def test_pandoc_agrees_on_all(negotiated: WordDocument, pandoc: Callable[[bytes, str, str], str]) -> None:
    """Pandoc 3.1 leaves out marks inside marks: what one author added and another cut is not in its list."""
    document = _without_rows(negotiated)
    theirs = list(_spans(json.loads(pandoc(write_docx(document), "all", "json"))["blocks"]))
    ours = [
        ("insertion" if change.revision.adds else "deletion", change.revision.author, piece)
        for change in changes(document)
        for line in change.text.split("\n")
        if (piece := "".join(line.split()).replace("never", ""))
    ]
    assert sorted(theirs) == sorted(ours)


def _without_rows(document: WordDocument) -> WordDocument:
    """Pandoc does not know of rows that come or go; the table's other changes it does."""
    from dataclasses import replace

    from tocsin.drafting.word import WordTable, numbered

    def unmarked(table: WordTable) -> WordTable:
        return WordTable(tuple(row for row in table.rows if not row.marks))

    blocks = tuple(unmarked(block) if isinstance(block, WordTable) else block for block in document.blocks)
    return numbered(replace(document, blocks=blocks))


def _words(texts: list[str]) -> list[str]:
    """Each text without blanks, sorted: pandoc collapses blanks, drops empty paragraphs, puts notes in place."""
    return sorted(joined for text in texts if (joined := "".join(text.split())))


def _pandoc_text(node: object) -> list[str]:
    """The paragraphs of a pandoc document, notes as paragraphs of their own."""
    found: list[str] = []
    if isinstance(node, dict) and node.get("t") in {"Para", "Plain", "Header"}:
        notes: list[str] = []
        content = node["c"][-1] if node["t"] == "Header" else node["c"]
        found.append(_inline(content, notes))
        found.extend(notes)
    elif isinstance(node, dict):
        found.extend(_pandoc_text(node.get("c")))
    elif isinstance(node, list):
        for each in node:
            found.extend(_pandoc_text(each))
    return found


def _inline(node: object, notes: list[str]) -> str:
    if isinstance(node, list):
        return "".join(_inline(each, notes) for each in node)
    if not isinstance(node, dict):
        return ""
    kind, content = node["t"], node.get("c")
    if kind == "Str":
        return str(content)
    if kind == "Note":
        notes.extend(_pandoc_text(content))
        return ""
    if kind in {"Space", "SoftBreak", "LineBreak"}:
        return " "
    return _inline(content[1] if kind in {"Span", "Link"} and isinstance(content, list) else content, notes)


def _spans(node: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, list):
        for each in node:
            yield from _spans(each)
    elif isinstance(node, dict):
        if node.get("t") == "Span":
            (_, classes, pairs), content = node["c"]
            if classes and classes[0] in {"insertion", "deletion"}:
                yield classes[0], dict(pairs)["author"], "".join(_inline(content, []).split())
        yield from _spans(node.get("c"))


def test_dates_are_in_utc_and_unknown_ones_stay_unknown(negotiated: WordDocument) -> None:
    dates = {change.revision.date for change in changes(read_docx(write_docx(negotiated)))}
    assert datetime(2014, 3, 4, 9, 30, tzinfo=UTC) in dates
    assert None not in dates
