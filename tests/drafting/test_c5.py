"""The WSIS+10 C5 compilation against a record made by reading it: identifiers, lines, classes, counts."""

from pathlib import Path

import pytest

from tocsin.drafting.agreement import (
    ProvisionAgreement,
    agreement,
    alternatives,
    identical_wording,
    in_brackets,
    stakeholders,
    tally,
)
from tocsin.drafting.brackets import brackets, unpaired
from tocsin.drafting.draft import begun
from tocsin.drafting.layouts import compilation
from tocsin.drafting.model import NegotiatedText, PositionKind, SourceSpan
from tocsin.drafting.overlap import overlaps
from tocsin.drafting.plaintext import read_compilation

IDP = "Internet Democracy Project, CDT, IFLA and Access"
CTS = "Center of Technology and Society"
NAMES = {
    "JP": "Japan", "IS": "ISOC", "CA": "Canada", "ID": IDP, "BR": "Brazil", "CT": CTS, "IC": "ICANN",
    "CZ": "Czech Republic", "UK": "United Kingdom", "IF": "IFIP", "AP": "APIG", "UY": "Uruguay",
}  # fmt: skip
GOVERNMENTS = {"Japan", "Canada", "Brazil", "Czech Republic", "United Kingdom", "Uruguay"}

# id: source lines, and whether the base has words
PROVISIONS = {
    "V.1": ([6, 7], True), "P.new": ([31], False), "P.a": ([33], True), "P.b": ([43], True), "P.c": ([68], True),
    "P.d": ([82], True), "P.e": ([102], True), "P.f": ([121], True), "P.g": ([138], True), "P.h": ([154], True),
    "P.i": ([166], True), "P.j": ([187], True), "P.k": ([201], True), "P.k bis": ([214], True), "P.l": ([226], True),
    "P.l#2": ([234], True), "P.m": ([240], False), "T.a": ([245], True), "T.b": ([246], True), "T.c": ([247], True),
    "T.a#2": ([264], False), "T.d": ([270], False), "T.new": ([276], False),
}  # fmt: skip

# provision: "line who class"; c changed, s same text, e empty, u unreadable, n new
ENTRIES = {
    "V.1": "9JPe 12ISc 14CAc 16IDc 20BRc 22CTc 27ICc",
    "P.new": "31UYn",
    "P.a": "35CZc 37IDc 39ICc",
    "P.b": "45CZc 47JPc 52ISc 54CAc 56IDc 58BRc 60CTc 63ICc 65UKc",
    "P.c": "70JPc 73ISc 75IDc 77ICc 79UKc",
    "P.d": "84CZc 86JPc 91IDc 93CTc 96ICc 98UKc",
    "P.e": "104JPc 107ISc 109CAc 111IDs 113BRc 115CTc 117ICc",
    "P.f": "123JPc 126CAc 128IDc 130BRc 132CTc 134ICc 136UKc",
    "P.g": "140CZc 142JPc 144CAc 146IDc 148CTc 150ICc",
    "P.h": "157CZu 159IDc 161BRc 163CTc",
    "P.i": "168IFc 171JPe 174CAs 176IDs 178BRs 180CTe 182ICc 184UKc",
    "P.j": "189CZe 191JPe 194IDs 196CTc 198ICc",
    "P.k": "203JPe 205CAs 207IDs 209CTe 211UKs",
    "P.k bis": "216JPe 218CAc 220IDc 222CTe 224ICc",
    "P.l": "228JPu 229IDu 230BRu",
    "P.l#2": "236JPe 237IDs 238ICc",
    "P.m": "240APn",
    "T.a": "249CZs 253JPc 257CAc 260IDc 266BRc 271ICc",
    "T.new": "276UYn",
}
CLASSES = {"c": "changed", "s": "same_text", "e": "empty", "u": "unreadable", "n": "new"}

# line, author as written, provision or section, line of the entry it stands in
COMMENTS = [
    (9, "JP", "V.1", 9), (14, None, "V.1", 14), (45, "CZ", "P.b", 45), (47, "JP", "P.b", 47), (48, "JP", "P.b", 47),
    (49, "JP", "P.b", 47), (70, "JP", "P.c", 70), (86, "JP", "P.d", 86), (87, "JP", "P.d", 86), (88, "JP", "P.d", 86),
    (104, "JP", "P.e", 104), (123, "JP", "P.f", 123), (171, "JP", "P.i", 171), (189, "CZ", "P.j", 189),
    (191, "JP", "P.j", 191), (201, "CZ", "P.k", None), (214, "ISOC", "P.k bis", None), (240, "APIG", "P.m", 240),
    (243, "ISOC", "T", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def source(shared_data: Path) -> bytes:
    return (shared_data / "drafting" / "wsis10-c5.txt").read_bytes()


@pytest.fixture(scope="module")
def c5(source: bytes) -> NegotiatedText:
    return read_compilation(source, "wsis10-c5.txt")


def test_provisions(c5: NegotiatedText) -> None:
    assert {p.id: (list(p.lines), bool(p.base)) for p in c5.provisions} == PROVISIONS
    assert [p.id for p in c5.provisions] == list(PROVISIONS)
    assert [(s.id, s.number, s.kind) for s in c5.sections] == [
        ("V", "1", "vision"),
        ("P", "2", "pillar"),
        ("T", "3", "target"),
    ]
    assert [p.id for p in c5.provisions if not p.readable] == ["P.l"]


def test_entries(c5: NegotiatedText) -> None:
    expected = []
    for provision, row in ENTRIES.items():
        for word in row.split():
            line, who, kind = int(word[:-3]), NAMES[word[-3:-1]], CLASSES[word[-1]]
            role = None if who == "APIG" else "Government" if who in GOVERNMENTS else "Civil Society"
            expected.append((line, provision, who, role, kind))
    assert [(e.line, e.provision, e.stakeholder, e.role, e.entry_class.value) for e in c5.entries] == expected
    assert len(expected) == 92


def test_twelve_labels_are_fifteen_organisations(c5: NegotiatedText) -> None:
    assert len({entry.stakeholder for entry in c5.entries}) == 12
    assert len({name for entry in c5.entries for name in entry.organisations}) == 15


def test_comments(c5: NegotiatedText) -> None:
    lines = {entry.id: entry.line for entry in c5.entries}
    found = [(c.line, c.author, c.provision, lines[c.entry] if c.entry else None) for c in c5.comments]
    assert found == COMMENTS
    assert all(c.text and "Comment by" not in c.text for c in c5.comments)


def test_words_after_a_comment_belong_to_the_entry_and_words_of_a_comment_do_not(c5: NegotiatedText) -> None:
    by_line = {entry.line: entry for entry in c5.entries}
    assert [span.line for span in by_line[14].spans] == [14, 15]
    assert [span.line for span in by_line[47].spans] == [47]
    assert [span.line for span in by_line[27].spans] == [27, 29]
    assert by_line[9].spans == ()


def test_items_of_the_targets(c5: NegotiatedText) -> None:
    items = {e.line: [(i.provision, i.entry_class.value[0], i.line) for i in e.items] for e in c5.entries if e.items}
    assert items == {
        249: [("T.a", "s", 249), ("T.b", "s", 250), ("T.c", "s", 251)],
        257: [("T.a", "c", 258), ("T.b", "s", 258), ("T.c", "s", 258)],
        260: [("T.a", "c", 262), ("T.b", "s", 262), ("T.c", "s", 262), ("T.a#2", "n", 264)],
        266: [("T.a", "c", 267), ("T.b", "s", 268), ("T.c", "s", 269), ("T.d", "n", 270)],
        271: [("T.a", "c", 272), ("T.b", "c", 273), ("T.c", "s", 274)],
    }


def test_brackets(c5: NegotiatedText) -> None:
    found = brackets(c5.provisions)
    assert (found.open, found.close) == (24, 25)
    assert [(i.issue, i.provision, i.to, i.line) for i in found.issues] == [
        ("unopened", "P.l", None, 226),
        ("spans", "T.a", "T.c", 245),
    ]
    assert max(pair.depth for pair in found.pairs) == 2


def test_nobody_supports_who_does_not_say_so(c5: NegotiatedText) -> None:
    assert not [p for p in c5.positions if p.kind is PositionKind.SUPPORT]
    unknown = [p for p in c5.positions if p.kind is PositionKind.UNKNOWN]
    equal = {e.id for e in c5.entries if e.entry_class == "same_text" and not e.items}
    assert equal <= {p.entry for p in unknown}
    assert all(p.inferred for p in c5.positions if p.kind is not PositionKind.UNKNOWN)


def test_deletion_is_read_only_where_a_comment_says_so(c5: NegotiatedText) -> None:
    found = {(p.stakeholder, p.provision) for p in c5.positions if p.kind is PositionKind.DELETE}
    assert found == {
        ("Japan", "V.1"),
        ("Japan", "P.i"),
        ("Japan", "P.j"),
        ("Czech Republic", "P.j"),
        ("Czech Republic", "P.k"),
        ("ISOC", "T"),
    }
    merges = {(p.stakeholder, p.provision, p.target) for p in c5.positions if p.kind is PositionKind.MERGE}
    assert merges == {("Japan", "P.b", "P.a"), ("Japan", "P.f", "P.b")}
    others = {(p.stakeholder, p.provision, p.kind.value) for p in c5.positions if p.kind.value in {"clarify", "retain"}}
    assert others == {("ISOC", "P.k bis", "clarify"), ("APIG", "P.m", "retain")}


def test_identical_wording_overlap_and_both_counts(c5: NegotiatedText) -> None:
    draft = begun(c5)
    same = {(one.provision, one.stakeholders, one.equals_base) for one in identical_wording(draft)}
    assert {
        ("P.d", (IDP, "United Kingdom"), False),
        ("P.f", ("Japan", CTS), False),
        ("P.f", ("Canada", IDP), False),
        ("P.g", ("Canada", IDP), False),
        ("P.i", ("Canada", IDP, "Brazil"), True),
        ("P.k", ("Canada", IDP, "United Kingdom"), True),
    } <= same
    assert [(o.one, o.other) for o in overlaps(draft) if o.comments] == [("P.b", "P.f"), ("P.a", "P.b")]
    rows = {row.provision.id: row for row in agreement(draft)}
    assert tally(rows["P.a"], stakeholders(draft)) == {PositionKind.AMEND: (3, 6)}
    assert {name for name, row in rows.items() if row.standing is ProvisionAgreement.UNKNOWN} == {"P.l"}
    assert not [row for row in rows.values() if row.standing is ProvisionAgreement.STABLE]


def test_who_speaks_of_the_targets_speaks_of_those_in_the_base_and_not_of_what_others_add(c5: NegotiatedText) -> None:
    rows = {row.provision.id: row for row in agreement(begun(c5))}
    assert {name for name, row in rows.items() if "delete by ISOC" in row.reasons} == {"T.a", "T.b", "T.c"}
    assert rows["T.new"].reasons == ("proposed as new by Uruguay",)
    assert rows["P.m"].reasons == ("proposed as new by APIG",)


def test_every_place_that_somebody_would_change_is_shown_once_in_text_order(c5: NegotiatedText) -> None:
    draft = begun(c5)
    found = alternatives(draft, "P.a").places
    assert [(p.start < p.end, len(p.options)) for p in found] == [
        (False, 1),
        (False, 1),
        (True, 1),
        (True, 1),
        (True, 2),
    ]
    for name in draft.order:
        marks = [place.start for place in alternatives(draft, name).places]
        assert marks == sorted(set(marks))
        before, after = draft.provisions[name].base, in_brackets(draft.provisions[name].base, alternatives(draft, name))
        assert unpaired(after) == unpaired(before)


def test_the_compilation_made_from_the_record_reads_as_the_same_record(c5: NegotiatedText, source: bytes) -> None:
    again = read_compilation(compilation(begun(c5)).encode())
    assert [(p.id, p.label, p.base) for p in again.provisions] == [(p.id, p.label, p.base) for p in c5.provisions]
    facts = [(e.provision, e.stakeholder, e.role, e.entry_class, e.text) for e in c5.entries]
    assert [(e.provision, e.stakeholder, e.role, e.entry_class, e.text) for e in again.entries] == facts
    assert [(c.author, c.provision, c.text) for c in again.comments] == [
        (c.author, c.provision, c.text) for c in c5.comments
    ]
    assert compilation(begun(c5), source.decode()) == source.decode()


def test_every_statement_points_to_its_characters(c5: NegotiatedText, source: bytes) -> None:
    lines = source.decode().split("\n")

    def words(spans: tuple[SourceSpan, ...]) -> str:
        return "\n".join(lines[s.line - 1][s.start : s.end] for s in spans if s.start < s.end)

    assert all(words(p.spans) == p.base for p in c5.provisions if p.base)
    assert all(words(e.spans) == e.text for e in c5.entries)
    assert all(words(c.spans).endswith(c.text) for c in c5.comments)


def test_every_word_of_the_source_is_in_the_record(c5: NegotiatedText, source: bytes) -> None:
    """What is left after taking out everything that was extracted is names, labels, marks, and comment signs."""
    left = [list(line) for line in source.decode().split("\n")]
    spans = [section.span for section in c5.sections]
    spans += [s for provision in c5.provisions for s in provision.spans]
    spans += [s for entry in c5.entries for s in entry.spans]
    spans += [s for comment in c5.comments for s in comment.spans]
    for span in spans:
        left[span.line - 1][span.start : span.end] = " " * (span.end - span.start)
    rest = " ".join("".join(line) for line in left[3:])
    for known in [*NAMES.values(), "Civil Society", "Government", "Comment by Author", "[New Pillar", "bis", "new m"]:
        rest = rest.replace(known, " ")
    assert not [word for word in rest.split() if len(word.strip("·:,)].")) > 1]
