"""A negotiation record as Akoma Ntoso 3.0 (OASIS LegalDocML), which legislative and archive systems read.

One document collection: the text as it stands, and one amendment per entry, its words marked against the base that it
was written on (``ins`` and ``del``: reading all, or none, of the marks gives the entry's words, or the base, exactly).
Comments are notes placed at what they are about. Positions, which the standard does not know, are in ``proprietary``
metadata: nobody's position is turned into a vote or an amendment. Our own attributes are in a namespace of their own,
as the standard allows (Akoma Ntoso 1.0 part 2, attribute group ``core``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from tocsin.drafting.difference import TextChange, difference
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.layouts import by_section
from tocsin.drafting.model import Comment, EntryClass, Provision, StakeholderEntry, TextSection
from tocsin.drafting.word import Element
from tocsin.node.errors import InputError

AKN = "http://docs.oasis-open.org/legaldocml/ns/akn/3.0"
OURS = "urn:tocsin:drafting"
_MARKS = {TextChange.INSERT: "ins", TextChange.DELETE: "del"}


def akoma_ntoso(
    draft: TextState, at: datetime, *, name: str = "draft", country: str = "un", language: str = "eng"
) -> bytes:
    """The XML, valid by the OASIS schema; the same bytes for the same draft and time.

    ``name``, ``country`` and ``language`` (three letters) go into the identifiers, as the naming convention asks (part
    3). Raises InputError when a text holds a character that XML cannot carry.
    """
    try:
        root = _Record(draft, at, f"/akn/{country}/doc/{at.date()}/{name}", country, language).whole()
    except ValueError as error:
        raise InputError(
            "The text holds a control character that XML cannot carry.", hint="Take it out of the text."
        ) from error
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


@dataclass
class _Record:
    """Writes one record; identifiers are given out in text order."""

    draft: TextState
    at: datetime
    work: str
    country: str
    language: str
    agents: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def whole(self) -> Element:
        for number, (section, provisions) in enumerate(by_section(self.draft), 1):
            self.places[section.id] = f"sec_{number}"
            for count, provision in enumerate(provisions, 1):
                self.places[provision.id] = f"sec_{number}__hcontainer_{count}"
        for number, entry in enumerate(self.draft.entries.values(), 1):
            self.places[entry.id] = f"amendment_{number}"
        root = etree.Element(f"{{{AKN}}}akomaNtoso", nsmap=_spaces())
        collection = _add(root, "documentCollection", name="negotiationRecord")
        meta = self.meta(collection, "main", ("#tocsin",), self.at)
        body = _add(collection, "collectionBody")
        self.text(body)
        for entry in self.draft.entries.values():
            self.amendment(body, entry)
        for position in self.draft.positions.values():
            self.agent(position.stakeholder)
        self.references(meta)
        self.positions(meta)
        return root

    def meta(self, parent: Element, part: str, authors: Iterable[str], at: datetime) -> Element:
        """Identification on the three levels of the naming convention: work, expression, manifestation."""
        meta = _add(parent, "meta")
        identification = _add(meta, "identification", source="#tocsin")
        expression = f"{self.work}/{self.language}@"
        for level, uri, end, (last, of) in (
            ("FRBRWork", self.work, "", ("FRBRcountry", {"value": self.country})),
            ("FRBRExpression", expression, "", ("FRBRlanguage", {"language": self.language})),
            ("FRBRManifestation", expression, ".akn", ("FRBRformat", {"value": "application/akn+xml"})),
        ):
            holder = _add(identification, level)
            _add(holder, "FRBRthis", value=f"{uri}/!{part}{end}")
            _add(holder, "FRBRuri", value=f"{uri}{end}")
            _add(holder, "FRBRdate", date=at.date().isoformat(), name="recorded")
            for author in ("#tocsin",) if level == "FRBRManifestation" else authors:
                _add(holder, "FRBRauthor", href=author)
            _add(holder, last, **of)
        return meta

    def text(self, body: Element) -> None:
        """The text as it stands, sections and provisions as named containers with numbers and headings."""
        document = _add(_add(body, "component", eId="component_text"), "doc", name="draft")
        meta = self.meta(document, "text", ("#tocsin",), self.at)
        self.notes(meta, [c for c in self.draft.comments.values() if c.entry is None])
        if self.draft.text.preamble:
            preface = _add(document, "preface")
            for line in self.draft.text.preamble:
                _say(_add(_add(preface, "longTitle"), "p"), line)
        main = _add(document, "mainBody")
        for section, provisions in by_section(self.draft):
            self.section(main, section, provisions)
        if not len(main):
            _add(main, "p")

    def section(self, main: Element, section: TextSection, provisions: Iterable[Provision]) -> None:
        box = _add(main, "hcontainer", name="section", eId=self.places[section.id])
        _own(box, id=section.id)
        if section.number:
            _say(_add(box, "num"), section.number)
        if section.title:
            _say(_add(box, "heading"), section.title)
        for provision in provisions:
            each = _add(box, "hcontainer", name=section.kind or "provision", eId=self.places[provision.id])
            _own(each, id=provision.id, readable="" if provision.readable else "no")
            if provision.label:
                _say(_add(each, "num"), f"{provision.label})")
            _say(_add(_add(each, "content"), "p"), provision.base)

    def amendment(self, body: Element, entry: StakeholderEntry) -> None:
        """An entry; the stakeholder and its organisations are the authors."""
        place = self.places[entry.id]
        amendment = _add(_add(body, "component", eId=f"component_{place}"), "amendment", name="entry")
        names = dict.fromkeys((entry.stakeholder, *entry.organisations))
        meta = self.meta(amendment, place, [self.agent(name) for name in names], entry.at or self.at)
        self.notes(meta, [self.draft.comments[name] for name in entry.comments])
        content = _add(amendment, "amendmentBody", eId=place)
        _own(content, id=entry.id, role=entry.role or "", generation=str(entry.generation))
        _own(content, **{"class": entry.entry_class.value, "stakeholder": self.agent(entry.stakeholder)})
        for provision in [item.provision for item in entry.items] or [entry.provision]:
            reference = _add(_add(content, "amendmentReference"), "p")
            _say(_add(reference, "ref", href=f"#{self.places.get(provision, '')}"), provision)
            self.words(_add(_add(content, "amendmentContent"), "p"), entry, provision)

    def words(self, paragraph: Element, entry: StakeholderEntry, provision: str) -> None:
        """The entry's words with marks against its base; one without words, or with unreadable ones, cuts nothing."""
        text = words_for(entry, provision)
        if not text or entry.entry_class is EntryClass.UNREADABLE:
            _say(paragraph, text)
            return
        for piece in difference(self.draft.base_of(entry, provision), text):
            mark = _MARKS.get(piece.change)
            _say(_add(paragraph, mark) if mark else paragraph, piece.text)

    def notes(self, meta: Element, comments: Iterable[Comment]) -> None:
        """Comments, each in notes of its author; one that names nobody is on record without an author."""
        for comment in comments:
            author = "#tocsin" if comment.author is None else self.agent(comment.author)
            note = _add(_add(meta, "notes", source=author), "note", eId=f"note_{len(self.places) + 1}")
            self.places[f"comment {comment.id}"] = note.get("eId", "")
            about = self.places.get(comment.entry or comment.provision)
            if about:
                note.set("placementBase", f"#{about}")
            inferred = "inferred" if comment.author_inferred else ""
            _own(note, id=comment.id, author=inferred, reply=comment.reply_to or "", on=comment.provision)
            _say(_add(note, "p"), comment.text)

    def agent(self, name: str) -> str:
        """The reference to somebody who wrote something."""
        return "#" + self.agents.setdefault(name, f"agent_{len(self.agents) + 1}")

    def references(self, meta: Element) -> None:
        references = _add(meta, "references", source="#tocsin")
        for name, identity in {"Tocsin": "tocsin", **self.agents}.items():
            href = f"/akn/ontology/organization/{self.country}/{identity}"
            _add(references, "TLCOrganization", eId=identity, href=href, showAs=name)

    def positions(self, meta: Element) -> None:
        """What people want, as far as they or their words say so, with how it is known."""
        holder = _add(meta, "proprietary", source="#tocsin")
        for position in self.draft.positions.values():
            element = etree.SubElement(holder, f"{{{OURS}}}position")
            for key, value in (
                ("id", position.id),
                ("by", self.agent(position.stakeholder)),
                ("on", position.provision),
                ("kind", position.kind.value),
                ("known", "confirmed" if position.confirmed else "inferred" if position.inferred else "declared"),
                ("basis", position.basis),
                ("into", position.target or ""),
                ("generation", str(position.generation)),
            ):
                if value:
                    element.set(key, value)


def _spaces() -> dict[str, str]:
    return {"akn": AKN, "tocsin": OURS}


def _add(parent: Element, name: str, /, **attributes: str) -> Element:
    return etree.SubElement(parent, f"{{{AKN}}}{name}", attributes)


def _own(element: Element, **attributes: str) -> None:
    """Set attributes of our own vocabulary; an empty one is left out."""
    for key, value in attributes.items():
        if value:
            element.set(f"{{{OURS}}}{key}", value)


def _say(element: Element, text: str) -> None:
    """Append text; a line break is an element, as in HTML."""
    first, *rest = text.split("\n")
    _append(element, first)
    for line in rest:
        etree.SubElement(element, f"{{{AKN}}}br").tail = line


def _append(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
