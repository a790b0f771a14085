"""Compilations in general: labels, headers, groups, comments, and files that are none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.drafting import plaintext
from tocsin.drafting.brackets import brackets
from tocsin.drafting.draft import begun
from tocsin.drafting.layouts import compilation
from tocsin.drafting.lines import organisations
from tocsin.drafting.model import EntryClass, NegotiatedText, PositionKind
from tocsin.drafting.outline import label_rank
from tocsin.drafting.plaintext import read_compilation
from tocsin.drafting.positions import stated_kind
from tocsin.node.errors import InputError


def read(*lines: str) -> NegotiatedText:
    return read_compilation("\n".join(lines).encode())


def ids(text: NegotiatedText) -> list[str]:
    return [provision.id for provision in text.provisions]


def test_windows_line_ends_and_byte_order_mark_change_nothing() -> None:
    lines = ["1. Principles", "a) One.", "", "· Aland, Government: Two."]
    plain = read_compilation("\n".join(lines).encode())
    windows = read_compilation(("\ufeff" + "\r\n".join(lines)).encode())
    assert (plain.provisions, plain.entries) == (windows.provisions, windows.entries)


def test_sections_with_the_same_first_letter_have_different_ids() -> None:
    text = read("1. Principles", "a) One.", "2. Purposes", "a) Two.", "3. Principles", "a) Three.")
    assert ids(text) == ["P.a", "Pu.a", "Pr.a"]
    assert [section.kind for section in text.sections] == ["principle", "purpose", "principle"]


def test_paragraphs_without_labels_are_numbered_and_two_blank_lines_end_an_entry() -> None:
    text = read("1. Vision", "First.", "", "· Aland, Government: Other words.", "", "", "Second.", "", "Third.")
    assert [(p.id, p.base) for p in text.provisions] == [("V.1", "First."), ("V.2", "Second."), ("V.3", "Third.")]
    assert any(notice.line == 7 for notice in text.warnings)


def test_a_text_without_headings_is_read_too() -> None:
    assert ids(read("(1) One.", "(2) Two.")) == ["S.1", "S.2"]


def test_labels_have_an_order() -> None:
    letters = ["a", "b", "k", "k bis", "k ter", "l", "z", "aa", "bb"]
    assert sorted(letters[4:] + letters[:4], key=label_rank) == letters
    romans = ["i", "ii", "iii", "iv", "v", "ix", "x", "xi"]
    assert sorted(romans[5:] + romans[:5], key=lambda label: label_rank(label, roman=True)) == romans
    assert sorted(["10", "9", "1"], key=label_rank) == ["1", "9", "10"]


def test_roman_labels_go_on_after_entries() -> None:
    entry = ["", "· Aland, Government: Other.", ""]
    text = read("1. Aims", "i) One.", *entry, "ii) Two.", *entry, "iii) Three.", *entry, "iv) Four.")
    assert ids(text) == ["A.i", "A.ii", "A.iii", "A.iv"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A, B, C and D", ("A", "B", "C", "D")),
        ("Centre of Science and Art", ("Centre of Science and Art",)),
        ("Korea, Republic of", ("Korea, Republic of",)),
        ("Trinidad and Tobago", ("Trinidad and Tobago",)),
    ],
)
def test_a_label_is_split_only_where_it_is_a_list(name: str, expected: tuple[str, ...]) -> None:
    assert organisations(name) == expected


def test_an_entry_can_give_its_label_again() -> None:
    text = read("1. Aims", "a) One.", "", "· Aland, Government:", "a) Uno.", "", "b) Two.")
    assert ids(text) == ["A.a", "A.b"]
    assert [(e.text, e.entry_class) for e in text.entries] == [("Uno.", EntryClass.CHANGED)]


def test_two_writers_who_propose_the_same_label_propose_two_provisions() -> None:
    text = read("1. Aims", "a) One.", "", "· Aland: new b) Two.", "", "· Beland: new b) Zwei.")
    assert [(e.provision, e.entry_class) for e in text.entries] == [("A.b", "new"), ("A.b#2", "new")]


def test_a_comment_with_a_name_in_its_field_has_that_author() -> None:
    text = read("1. Aims", "a) One.\tComment by Jo Doe: Why?", "", "· Aland, Government: Two.\tComment by Author: Hm.")
    assert [(c.author, c.text, c.entry) for c in text.comments] == [("Jo Doe", "Why?", None), (None, "Hm.", "e1")]


def test_a_position_is_read_only_from_a_comment_that_states_it() -> None:
    assert stated_kind("We suggest to delete this.") is PositionKind.DELETE
    assert stated_kind("This should not be deleted.") is None
    assert stated_kind("We do not support this.") is None
    assert stated_kind("We fully support this.") is PositionKind.SUPPORT
    assert stated_kind("Interesting.") is None


def test_a_comment_by_somebody_else_is_no_position_of_the_writer() -> None:
    text = read(
        "1. Aims", "a) One.", "", "· Aland, Government: \tComment by Author: BE: please delete this",
        "", "· Beland, Government: Two.\tComment by Author: BE: better",
    )  # fmt: skip
    found = [(p.stakeholder, p.kind.value) for p in text.positions]
    assert ("Aland", "delete") not in found
    assert ("Aland", "unknown") in found


def test_brackets_nest_span_and_miss() -> None:
    text = read("1. Aims", "a) One [two [three] four", "b) five] six]", "c) [seven", "2. Other", "a) eight]")
    found = brackets(text.provisions)
    assert (found.open, found.close) == (3, 4)
    assert [(i.issue, i.provision, i.to) for i in found.issues] == [
        ("spans", "A.a", "A.b"), ("unopened", "A.b", None), ("unclosed", "A.c", None), ("unopened", "O.a", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "No provision"),
        (b"only a title", "No provision"),
        (b"1. Aims\na) \xff\xfe", "Line 2 is not UTF-8"),
        (b"PK\x03\x04\0\0", "U\\+0003"),
        (b"1. Aims\na) \x1b]0;owned\x07", "line 2 holds the control character U\\+001B"),
        (b"1. Aims\na) " + b"x" * (plaintext.LONGEST_LINE + 1), "Line 2 has"),
    ],
)
def test_what_is_no_compilation_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_compilation(data)


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaintext, "LARGEST_BYTES", 100)
    with pytest.raises(InputError, match="at most 100 are read"):
        read_compilation(b"1. Aims\na) " + b"x" * 100)


LINES = st.sampled_from(
    """1. Aims|2. Other things|a) One [two].|b) Three.|b bis) Four]|k) S]|||·|· Aland, Government: One.
· Beland, Civil Society:|Celand, Government: |· A, B and C, Media|a) One [two].|new c) Five|words words
· Aland: new d) Six.\tComment by Author: AL: keep it|x\tComment by Author: AL:|[New Aim, Aland Government]: Seven
Comment by Author: CZ suggests deleting|   |(i) One|·words|c) x  d) y|· Deland, Government: a) One. b) Three""".replace(
        "\n", "|"
    ).split("|")
)


@given(st.lists(LINES, max_size=25))
def test_any_order_of_lines_is_read_or_refused_and_every_span_is_right(lines: list[str]) -> None:
    try:
        text = read(*lines)
    except InputError:
        return
    spans = [s for p in text.provisions for s in p.spans] + [s for e in text.entries for s in e.spans]
    assert all(0 <= s.start <= s.end <= len(lines[s.line - 1]) for s in spans)
    assert len({p.id for p in text.provisions}) == len(text.provisions)
    known = {p.id for p in text.provisions} | {s.id for s in text.sections}
    assert {e.provision for e in text.entries} | {c.provision for c in text.comments} <= known
    assert not [p for p in text.positions if p.kind is PositionKind.SUPPORT]
    draft = begun(text)
    assert compilation(draft, "\n".join(lines)) == "\n".join(lines)
    assert compilation(draft)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(InputError):
        assert read_compilation(data).provisions
