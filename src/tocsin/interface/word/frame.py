"""The parts of a Word file around its text: types, relations, styles, lists, settings (ECMA-376 parts 1 and 2)."""

from collections.abc import Iterable, Sequence

from lxml import etree

from tocsin.interface.word.elements import add, root
from tocsin.interface.word.model import ListLevel, WordDocument
from tocsin.interface.word.names import W15, Element

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"
_DC = "http://purl.org/dc/elements/1.1/"
_KINDS = {
    "word/document.xml": ("officeDocument", f"{_WORD_TYPE}.document.main+xml"),
    **{
        f"word/{kind}.xml": (kind, f"{_WORD_TYPE}.{kind}+xml")
        for kind in "comments commentsExtended footnotes endnotes numbering styles settings".split()
    },
    "docProps/core.xml": ("core-properties", _CORE_TYPE),
}
_MARKS = (
    ("CommentText", "annotation text", "paragraph", ("sz", "20")),
    ("CommentReference", "annotation reference", "character", ("sz", "16")),
    ("FootnoteReference", "footnote reference", "character", ("vertAlign", "superscript")),
    ("EndnoteReference", "endnote reference", "character", ("vertAlign", "superscript")),
)
"""The styles of comments and notes: name in the file, name shown, kind, look."""


def content_types(parts: Iterable[str]) -> Element:
    """What kind each part is."""
    space = f"{_PACKAGE}/content-types"
    types = _plain_root("Types", space)
    for extension, kind in (
        ("rels", "application/vnd.openxmlformats-package.relationships+xml"),
        ("xml", "application/xml"),
    ):
        etree.SubElement(types, f"{{{space}}}Default", Extension=extension, ContentType=kind)
    for part in parts:
        etree.SubElement(types, f"{{{space}}}Override", PartName=f"/{part}", ContentType=_KINDS[part][1])
    return types


def relations(folder: str, parts: Iterable[str], links: dict[str, str]) -> Element:
    """What the file (folder empty) or the text part (``word/``) refers to, and the links by target."""
    space = f"{_PACKAGE}/relationships"
    found = _plain_root("Relationships", space)
    for number, part in enumerate(_referred(folder, parts), 1):
        kind = _KINDS[part][0]
        base = f"{space}/metadata" if kind == "core-properties" else _OFFICE
        if kind == "commentsExtended":
            base = "http://schemas.microsoft.com/office/2011/relationships"
        target = part.removeprefix(folder)
        etree.SubElement(found, f"{{{space}}}Relationship", Id=f"rId{number}", Type=f"{base}/{kind}", Target=target)
    for target, name in links.items():
        link = etree.SubElement(found, f"{{{space}}}Relationship", Id=name, Type=f"{_OFFICE}/hyperlink", Target=target)
        link.set("TargetMode", "External")
    return found


def _plain_root(name: str, space: str) -> Element:
    """A root whose vocabulary needs no prefix: some readers know these parts only so."""
    return etree.fromstring(f'<{name} xmlns="{space}"/>')


def _referred(folder: str, parts: Iterable[str]) -> Iterable[str]:
    """The file refers to its text and title, the text to its own parts."""
    for part in parts:
        top = part in {"word/document.xml", "docProps/core.xml"}
        if top == (folder == ""):
            yield part


def comments_extended(document: WordDocument) -> Element:
    """Which comment answers which, and which are resolved (MS-DOCX 2.5.4)."""
    found = etree.Element(f"{{{W15}}}commentsEx", nsmap={"w15": W15})
    for comment in document.comments:
        entry = etree.SubElement(found, f"{{{W15}}}commentEx")
        entry.set(f"{{{W15}}}paraId", f"{comment.number:08X}")
        if comment.parent:
            entry.set(f"{{{W15}}}paraIdParent", f"{comment.parent:08X}")
        entry.set(f"{{{W15}}}done", "1" if comment.resolved else "0")
    return found


def numbering(lists: Sequence[tuple[int, tuple[ListLevel, ...]]]) -> Element:
    """The lists by number (17.9): each counts by itself."""
    found = root("numbering")
    for number, levels in lists:
        abstract = add(found, "abstractNum", abstractNumId=str(number))
        for index, level in enumerate(levels):
            element = add(abstract, "lvl", ilvl=str(index))
            add(element, "start", val=str(level.start))
            add(element, "numFmt", val=level.format)
            add(element, "lvlText", val=level.text)
            add(add(element, "pPr"), "ind", left=str(360 * (index + 2)), hanging="360")
    for number, _ in lists:
        add(add(found, "num", numId=str(number)), "abstractNumId", val=str(number))
    return found


def settings() -> Element:
    """Changes stay tracked when somebody goes on writing in the file."""
    found = root("settings")
    add(found, "trackRevisions")
    uri = "http://schemas.microsoft.com/office/word"
    add(add(found, "compat"), "compatSetting", name="compatibilityMode", uri=uri, val="15")
    return found


def core(title: str) -> Element:
    """The title of the document."""
    space = f"{_PACKAGE}/metadata/core-properties"
    found = etree.Element(f"{{{space}}}coreProperties", nsmap={"cp": space, "dc": _DC})
    etree.SubElement(found, f"{{{_DC}}}title").text = title
    return found


def styles(used: Iterable[str], *, rtl: bool = False) -> Element:
    """The styles that the text names, headings larger, and those of notes, comments and tables."""
    found = root("styles")
    if rtl:
        defaults = add(found, "docDefaults")
        add(add(add(defaults, "rPrDefault"), "rPr"), "rtl")
        add(add(add(defaults, "pPrDefault"), "pPr"), "bidi")
    normal = add(found, "style", type="paragraph", default="1", styleId="Normal")
    add(normal, "name", val="Normal")
    _spacing(normal)
    for style in sorted(set(used) - {"Normal", "TableGrid", *(mark[0] for mark in _MARKS)}):
        _paragraph_style(found, style)
    for style, name, kind, (look, value) in _MARKS:
        element = add(found, "style", type=kind, styleId=style)
        add(element, "name", val=name)
        add(add(element, "rPr"), look, val=value)
    _grid_style(found)
    return found


def _paragraph_style(parent: Element, style: str) -> None:
    element = add(parent, "style", type="paragraph", styleId=style)
    level = style.removeprefix("Heading")
    heading = level != style and level.isascii() and level.isdigit() and len(level) == 1 and level != "0"
    add(element, "name", val=f"heading {level}" if heading else style)
    add(element, "basedOn", val="Normal")
    if heading:
        add(add(element, "pPr"), "outlineLvl", val=str(int(level) - 1))
    if heading or style == "Title":
        look = add(element, "rPr")
        add(look, "b")
        add(look, "sz", val=str(max(34 - 4 * int(level), 22)) if heading else "36")


def _spacing(style: Element) -> None:
    add(add(style, "pPr"), "spacing", after="120")
    add(add(style, "rPr"), "sz", val="22")


def _grid_style(parent: Element) -> None:
    element = add(parent, "style", type="table", styleId="TableGrid")
    add(element, "name", val="Table Grid")
    borders = add(add(element, "tblPr"), "tblBorders")
    for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
        add(borders, side, val="single", sz="4", space="0", color="auto")
