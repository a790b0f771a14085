"""A Word document as a text under negotiation, and a draft as a Word document: nobody's words change hands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.drafting.draft import TextState, begun
from tocsin.drafting.model import EntryClass, NegotiatedText, PositionKind, StakeholderEntry, TextSource
from tocsin.drafting.plaintext import read_compilation
from tocsin.drafting.word import (
    Cell,
    ListLevel,
    Paragraph,
    Revision,
    TableRow,
    TextRun,
    WordComment,
    WordDocument,
    WordTable,
    accepted,
    author_view,
    authors,
    lines,
    numbered,
    original,
    read_docx,
    write_docx,
)
from tocsin.drafting.word.text_in import read_word_text, word_text
from tocsin.drafting.word.text_out import compiled_docx, redlined_docx
from tocsin.node.errors import InputError

NOON = datetime(2014, 3, 4, 12, 0, tzinfo=UTC)
ALPHA_ADDS, ALPHA_CUTS = Revision("insert", "Alpha", NOON), Revision("delete", "Alpha", NOON)
BETA_ADDS, BETA_CUTS = Revision("insert", "Beta", NOON), Revision("delete", "Beta", NOON)
LETTERS = ((1, (ListLevel("lowerLetter", "%1)"),)),)


@pytest.fixture(scope="session")
def c5(shared_data: Path) -> NegotiatedText:
    return read_compilation((shared_data / "drafting" / "wsis10-c5.txt").read_bytes(), "wsis10-c5.txt")


def said(entry: StakeholderEntry) -> tuple[object, ...]:
    items = [(item.provision, item.entry_class, item.text) for item in entry.items]
    return entry.provision, entry.stakeholder, entry.organisations, entry.role, entry.entry_class, entry.text, items


def same_record(one: NegotiatedText, other: NegotiatedText) -> None:
    assert [(p.id, p.label, p.kind, p.base) for p in one.provisions] == [
        (p.id, p.label, p.kind, p.base) for p in other.provisions
    ]
    assert [said(entry) for entry in one.entries] == [said(entry) for entry in other.entries]
    assert [(c.author, c.provision, c.text) for c in one.comments] == [
        (c.author, c.provision, c.text) for c in other.comments
    ]
    assert [(p.stakeholder, p.provision, p.kind) for p in one.positions] == [
        (p.stakeholder, p.provision, p.kind) for p in other.positions
    ]


def test_the_c5_record_goes_to_word_and_comes_back_the_same(c5: NegotiatedText) -> None:
    same_record(read_word_text(compiled_docx(begun(c5))), c5)


def test_the_c5_record_survives_libreoffice(c5: NegotiatedText, convert: Callable[[bytes, str], Path]) -> None:
    same_record(read_word_text(convert(compiled_docx(begun(c5)), "docx")), c5)


@pytest.mark.parametrize(("mode", "changed"), [("reject", False), ("accept", True)])
def test_pandoc_finds_the_base_or_the_words_in_every_entry(
    c5: NegotiatedText, pandoc: Callable[[bytes, str, str], str], mode: str, changed: bool
) -> None:
    text = "".join(pandoc(compiled_docx(begun(c5)), mode, "plain").split())
    bases = {provision.id: provision.base for provision in c5.provisions}
    entries = [e for e in c5.entries if e.entry_class is EntryClass.CHANGED and not e.items]
    assert len(entries) > 50
    for entry in entries:
        words = "".join((entry.text if changed else bases[entry.provision]).split())
        alike = [e for e in entries if e.provision == entry.provision]
        assert text.count(words) >= (1 if changed else 1 + len(alike))


def test_on_the_redline_each_author_who_fits_is_exact_and_the_rest_follows(c5: NegotiatedText) -> None:
    document = read_docx(redlined_docx(begun(c5)))
    base = {provision.id: provision.base for provision in c5.provisions}
    assert base["P.a"] in "\n".join(lines(original(document)))
    again = read_word_text(redlined_docx(begun(c5)))
    wanted = {(e.provision, e.stakeholder): e.text for e in c5.entries if not e.items and e.text}
    found = {(e.provision, e.stakeholder): e.text for e in again.entries}
    assert {key: found.get(key) for key in wanted} == wanted


def test_an_entry_without_words_deletes_nothing_in_word(c5: NegotiatedText) -> None:
    empty = next(entry for entry in c5.entries if entry.entry_class is EntryClass.EMPTY)
    for made in (compiled_docx, redlined_docx):
        draft: TextState = begun(replace(c5, entries=(empty,), positions=()))
        document = read_docx(made(draft))
        assert document == accepted(document) == original(document)


def negotiated_text() -> WordDocument:
    """An ordinary document with printed letters: two authors change it, one adds a clause, both comment."""
    return numbered(
        WordDocument(
            (
                Paragraph((TextRun("1. Principles"),), style="Heading1"),
                Paragraph(
                    (
                        TextRun("States "),
                        TextRun("may", (ALPHA_CUTS,)),
                        TextRun("shall", (ALPHA_ADDS,), (1,)),
                        TextRun(" act"),
                        TextRun(" together", (BETA_ADDS,)),
                        TextRun("."),
                    ),
                    numbering=(1, 0),
                ),
                Paragraph((TextRun("Privacy is kept."),), (ALPHA_ADDS,), numbering=(1, 0)),
                Paragraph((TextRun("Children are safe.", (ALPHA_ADDS,)),), numbering=(1, 0)),
                Paragraph((TextRun("Nobody is asked.", (BETA_CUTS,)),), numbering=(1, 0)),
                Paragraph((TextRun("All agree.", (), (3,)),), numbering=(1, 0)),
            ),
            comments=(
                WordComment(1, "Beta", "Too strong.", NOON),
                WordComment(2, "Alpha", "Agreed before.", NOON, parent=1),
                WordComment(3, "Author", "Do they?", NOON),
            ),
            lists=LETTERS,
        )
    )


@pytest.fixture
def text() -> NegotiatedText:
    return read_word_text(write_docx(negotiated_text()), "negotiated.docx")


def test_the_base_is_the_text_without_changes_under_its_printed_labels(text: NegotiatedText) -> None:
    assert [(p.id, p.base) for p in text.provisions if p.base] == [
        ("P.a", "States may act."),
        ("P.b", "Privacy is kept."),
        ("P.c", "Nobody is asked."),
        ("P.d", "All agree."),
    ]
    assert text.source.form == "word"


def test_each_author_has_an_entry_with_the_own_changes_only(text: NegotiatedText) -> None:
    found = {(e.provision, e.stakeholder): (e.entry_class, e.text) for e in text.entries}
    assert found["P.a", "Alpha"] == (EntryClass.CHANGED, "States shall act.")
    assert found["P.a", "Beta"] == (EntryClass.CHANGED, "States may act together.")
    assert ("P.d", "Beta") not in found


def test_a_new_clause_is_a_new_provision_of_its_author(text: NegotiatedText) -> None:
    new = next(entry for entry in text.entries if entry.entry_class is EntryClass.NEW)
    assert (new.stakeholder, new.text) == ("Alpha", "Children are safe.")
    assert next(p.base for p in text.provisions if p.id == new.provision) == ""


def test_cutting_every_word_is_an_inferred_wish_to_delete(text: NegotiatedText) -> None:
    position = next(p for p in text.positions if p.provision == "P.c")
    assert (position.stakeholder, position.kind, position.inferred) == ("Beta", PositionKind.DELETE, True)
    assert "tracked changes" in position.basis


def test_a_comment_on_an_insertion_stands_at_the_entry_of_who_inserted(text: NegotiatedText) -> None:
    first, answer, other = text.comments
    alpha = next(e for e in text.entries if e.provision == "P.a" and e.stakeholder == "Alpha")
    assert (first.author, first.entry, first.provision) == ("Beta", alpha.id, "P.a")
    assert (answer.author, answer.reply_to) == ("Alpha", first.id)
    assert (other.author, other.provision, other.entry) == (None, "P.d", None)
    assert first.at == NOON


def test_lines_are_paragraphs_of_the_file_and_spans_give_the_words(text: NegotiatedText) -> None:
    paragraphs = [block for block in negotiated_text().blocks if isinstance(block, Paragraph)]
    for provision in text.provisions:
        for span in provision.spans:
            line = lines(original(WordDocument((paragraphs[span.line - 1],))))[0]
            assert line[span.start : span.end] in provision.base


def test_nobody_is_counted_as_support(text: NegotiatedText) -> None:
    assert not [p for p in text.positions if p.kind is PositionKind.SUPPORT]


def test_changes_by_others_inside_an_entry_are_said() -> None:
    document = WordDocument(
        (
            Paragraph((TextRun("2. Pillars"),)),
            Paragraph(),
            Paragraph((TextRun("a) States may act."),)),
            Paragraph(),
            Paragraph(
                (
                    TextRun("· Japan, Government: States "),
                    TextRun("may", (BETA_CUTS,)),
                    TextRun("shall", (BETA_ADDS,)),
                    TextRun(" act."),
                )
            ),
        )
    )
    text = read_word_text(write_docx(document))
    assert [(entry.stakeholder, entry.text) for entry in text.entries] == [("Japan", "States shall act.")]
    assert any("tracked changes of Beta" in notice.message for notice in text.warnings)


def test_a_heading_without_a_number_begins_a_section_and_gets_none() -> None:
    document = WordDocument(
        (
            Paragraph((TextRun("Principles"),), style="Heading2"),
            Paragraph((TextRun("a) States act."),)),
            Paragraph((TextRun("Targets"),), style="Heading2"),
            Paragraph((TextRun("a) By 2020."),)),
        )
    )
    text = read_word_text(write_docx(document))
    assert [(s.title, s.number) for s in text.sections] == [("Principles", ""), ("Targets", "")]
    assert [(p.id, p.kind, p.base) for p in text.provisions] == [
        ("P.a", "principle", "States act."),
        ("T.a", "target", "By 2020."),
    ]
    assert [(s.span.start, s.span.end) for s in text.sections] == [(0, 10), (0, 7)]


def test_a_text_without_labels_is_one_provision_a_paragraph() -> None:
    document = WordDocument(
        (
            Paragraph((TextRun("We meet"), TextRun(" again", (ALPHA_ADDS,)), TextRun("."))),
            WordTable((TableRow((Cell((Paragraph((TextRun("In a table."),)),)),)),)),
        )
    )
    text = read_word_text(write_docx(document))
    assert [(p.id, p.base) for p in text.provisions] == [("S.1", "We meet."), ("S.2", "In a table.")]
    assert [(e.stakeholder, e.text) for e in text.entries] == [("Alpha", "We meet again.")]


def test_a_document_without_text_is_refused() -> None:
    with pytest.raises(InputError, match="no text"):
        read_word_text(write_docx(WordDocument((Paragraph(),))))


def test_a_document_that_is_all_insertion_has_no_base_and_says_so() -> None:
    with pytest.raises(InputError, match="tracked insertion"):
        read_word_text(write_docx(WordDocument((Paragraph((TextRun("new", (ALPHA_ADDS,)),)),))))


def test_more_authors_on_one_paragraph_than_can_be_told_apart_are_refused() -> None:
    runs = (TextRun("base "), *(TextRun("x ", (Revision("insert", f"Author {n}", NOON),)) for n in range(2000)))
    with pytest.raises(InputError, match="2,000 authors"):
        read_word_text(write_docx(WordDocument((Paragraph(runs),))))


def test_the_views_of_an_author_and_of_the_text_agree() -> None:
    document = negotiated_text()
    text = word_text(document, TextSource("", "", ""))
    alpha = "\n".join(lines(author_view(document, "Alpha")))
    for entry in text.entries:
        if entry.stakeholder == "Alpha":
            assert entry.text in alpha


@pytest.mark.parametrize("made", [compiled_docx, redlined_docx])
def test_libreoffice_saves_the_changes_of_every_stakeholder_again(
    c5: NegotiatedText, convert: Callable[[bytes, str], Path], made: Callable[[TextState], bytes]
) -> None:
    data = made(begun(c5))
    ours, theirs = read_docx(data), read_docx(convert(data, "docx"))
    assert authors(ours) == authors(theirs)
    assert lines(original(theirs)) == lines(original(ours))
    assert lines(accepted(theirs)) == lines(accepted(ours))
    for author in authors(ours):
        assert lines(author_view(theirs, author)) == lines(author_view(ours, author))
    assert [(c.author, c.text) for c in theirs.comments] == [(c.author, c.text) for c in ours.comments]
