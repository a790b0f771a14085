"""Reports that are one document: tables of HTML, elements of XML; bounded in size and depth, without entities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

import polars as pl
from lxml import etree, html

from tocsin.events.encoding import as_text, utf8
from tocsin.events.sources import Batch, Chunk, Unreadable
from tocsin.events.sources.delimited import distinct
from tocsin.events.sources.mapped.json_paths import used_columns
from tocsin.events.sources.mapped.mapping import ABOVE, FeedMapping, Pairs
from tocsin.events.sources.mapped.steps import COLUMN
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

MOST_BYTES: Final = 1 << 26
"""Longest document: it has to be in memory as a whole, as a tree."""

_MOST_TAGS: Final = 5_000_000
_MOST_RAW: Final = 4 * MOST_BYTES  # of all records, each with what stands above it
_LONGEST_ABOVE: Final = 1_000  # characters
_SET_ASIDE: Final = "tocsin-records"
"""The element around records that were set aside: they stand behind each other, without one around them."""

_Rows = list[tuple[int, str, dict[str, str]]]


class DocumentRecords:
    """A reader of one document (`tocsin.events.sources.Reader`)."""

    header: str = ""

    def __init__(self, stream: BinaryIO, mapping: FeedMapping, field_limit: int) -> None:
        read = utf8(stream)
        data = b""
        while block := read(1 << 20):
            data += block
            if len(data) > MOST_BYTES:
                raise InputError(
                    say("The document is longer than %(most)s bytes.", most=MOST_BYTES),
                    hint=say("Ask its sender for smaller reports."),
                )
        if not data.strip():
            raise InputError(say("The report is empty."), hint=say("Ask its sender for the report again."))
        self._data, self._mapping, self._limit = data, mapping, field_limit
        self.columns: Sequence[str] = mapping.names
        self._unfit = ""  # why none of it is a record; then all of it is set aside
        self._whole = ""
        self._found = self._rows(as_text(data)[0].replace("\x00", ""))

    def chunks(self) -> Iterator[Chunk]:
        """The document."""
        yield Chunk(self._data, 1, 1)

    def parse(self, chunk: Chunk) -> Batch:
        """Its records as columns."""
        del chunk  # it is the whole document
        rows: _Rows = []
        unreadable = [Unreadable(1, self._unfit, self._whole)] if self._unfit else []
        for line, raw, values in self._found:
            if any(len(value) > self._limit for value in values.values()):
                reason = say("A value is longer than %(limit)s characters.", limit=self._limit)
                unreadable.append(Unreadable(line, reason, raw))
            else:
                rows.append((line, raw, values))
        names = dict.fromkeys(name for _, _, values in rows for name in values)
        columns = {COLUMN + name: [values.get(name) for _, _, values in rows] for name in names}
        frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
        return Batch(frame, unreadable, partial(_places, [(line, raw) for line, raw, _ in rows]))

    def _rows(self, text: str) -> _Rows:
        raise NotImplementedError


class HtmlRecords(DocumentRecords):
    """The rows of the table that ``records`` names, else of the first that has a mapped column.

    ``records``: its id, its place from 0, or an attribute (``class=list``).
    """

    def _rows(self, text: str) -> _Rows:
        # encoding: the text was recoded, whatever it says of itself
        parser = html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True)
        try:
            tree = html.document_fromstring(text.encode(), parser=parser)
        except etree.LxmlError as error:
            raise InputError(
                say("This is not HTML: %(error)s", error=error), hint=say("Ask its sender for the report again.")
            ) from error
        for place, table in enumerate(tree.iter("table")):
            names = {
                str(place),
                table.get("id", "").lower(),
                *("=".join(map(str, pair)).lower() for pair in table.items()),
            }
            if self._mapping.records and self._mapping.records not in names:
                continue
            columns, found = self._of_table(table)
            if self._mapping.records or (self._mapping.names and found) or self._mapping.columns.keys() & set(columns):
                return found
        self._unfit = say("There is no table in it that the mapping describes.")
        self._whole = text
        return []

    def _of_table(self, table: html.HtmlElement) -> tuple[Sequence[str], _Rows]:
        names: Sequence[str] = self._mapping.names
        found: _Rows = []
        for row in _own_rows(table):
            cells = [_cell(cell) for cell in row if cell.tag in {"td", "th"}]
            if not names:
                names = distinct(cell.lower() for cell in cells)
                self.header = self.header or f"<table><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>"
            elif any(cells) and not all(cell.tag == "th" for cell in row):
                raw = etree.tostring(row, encoding="unicode", method="html", with_tail=False)
                found.append((_line(row), raw, dict(zip(names, cells, strict=False))))
        return names, found


def _own_rows(table: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """The rows of a table, not those of tables in its cells."""
    for part in table.iterchildren("tr", "thead", "tbody", "tfoot"):
        yield from [part] if part.tag == "tr" else part.iterchildren("tr")


def _cell(cell: html.HtmlElement) -> str:
    """The text of a cell; of one without any what stands in its first input."""
    text = " ".join(cell.text_content().split())
    return text or next((one.get("value", "").strip() for one in cell.iter("input")), "")


class XmlRecords(DocumentRecords):
    """The elements whose name ``records`` says: members, attributes (``@name``) and text (``value``) by their path.

    What comes several times is put together with semicolons. A record of which the mapping names something that stands
    above it is kept below that, so that it can be read again.
    """

    def _rows(self, text: str) -> _Rows:
        if text.count("<") > _MOST_TAGS:  # each takes many times its bytes
            raise _too_many()
        parser = etree.XMLParser(  # encoding: the text was recoded, whatever it says of itself
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            load_dtd=False,
            remove_comments=True,
        )
        try:
            tree = _tree(text, parser)
            if tree.getroottree().docinfo.internalDTD is not None:
                raise ValueError(say("it has a document type, which no feed needs"))  # noqa: TRY301
        except (etree.LxmlError, ValueError) as error:
            raise InputError(
                say("This XML cannot be read: %(error)s", error=error), hint=say("Ask its sender for the report again.")
            ) from error
        around, _, wanted = (self._mapping.records or "item").rpartition(".")
        around_name = around.rpartition(".")[2]
        paths = [name for name in used_columns(self._mapping) if name.startswith(ABOVE)]
        found: _Rows = []
        length, fits = 0, False
        for document in tree if tree.tag == _SET_ASIDE else [tree]:
            above = {path: found_at for path in sorted(paths) if (found_at := _text_at(document, path))}
            fits = fits or bool(above) or (bool(around) and any(True for _ in _records(document, around_name)))
            for element in _records(document, wanted):
                raw = etree.tostring(_below(document, above, element), encoding="unicode", with_tail=False)
                paired = _joined(pair for pairs in self._mapping.pairs for pair in _paired(element, pairs))
                found.append((_line(element), raw, _joined(_members(element, "")) | paired | above))
                length += len(raw)
                if length > _MOST_RAW:
                    raise _too_many()
        if not found and not fits:
            self._unfit = say("There is no element <%(name)s> in it.", name=wanted)
            self._whole = etree.tostring(tree, encoding="unicode")  # behind others it must have no declaration
        return found


def xml_samples(text: str, most: int) -> list[tuple[str, list[dict[str, str]]]]:
    """The elements that are there more than once, outer ones first: their name, and the first of them as columns.

    The text may be cut off. ``most``: of elements, and of each.
    """
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    tree = etree.fromstring(text.encode(), parser)
    names = Counter(_local(one.tag) for one in ([] if tree is None else tree.iter(etree.Element)))
    several = [name for name, count in names.items() if count > 1][:most]
    return [(name, [_joined(_members(one, "")) for one in islice(_records(tree, name), most)]) for name in several]


def html_samples(text: str, most: int) -> list[tuple[str, list[dict[str, str]]]]:
    """The tables of a page: their place, and the first rows below the names of columns. ``most``: of both."""
    try:
        tree = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", no_network=True))
    except etree.LxmlError:
        return []
    found = []
    for place, table in enumerate(islice(tree.iter("table"), most)):
        rows = [[_cell(cell) for cell in row if cell.tag in {"td", "th"}] for row in islice(_own_rows(table), most + 1)]
        names = distinct(cell.lower() for cell in rows[0]) if rows else []
        found.append((str(place), [dict(zip(names, row, strict=False)) for row in rows[1:]]))
    return found


def _records(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The elements of a name, but not those in one another; at most as deep as libxml2 reads."""
    if isinstance(element.tag, str) and _local(element.tag) == name:
        yield element
    else:
        for member in element:
            yield from _records(member, name)


def _too_many() -> InputError:
    return InputError(
        say("The XML has more records than can be read at once."),
        hint=say("Ask its sender for smaller reports."),
    )


def _tree(text: str, parser: etree.XMLParser) -> etree._Element:
    """The document, or `_SET_ASIDE` with several."""
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        if text.lstrip().startswith(("<?", "<!")):
            raise
        return etree.fromstring(f"<{_SET_ASIDE}>{text}</{_SET_ASIDE}>".encode(), parser)


def _text_at(document: etree._Element, path: str) -> str:
    """The text at a path from the top of the document, or an attribute (``@name``); empty where there is none."""
    *steps, last = path.removeprefix(ABOVE).split(".")
    element: etree._Element | None = document
    for step in [*steps, *([] if last.startswith("@") else [last])]:
        members = () if element is None else element.iterchildren()
        element = next((one for one in members if isinstance(one.tag, str) and _local(one.tag) == step), None)
    if element is None:
        return ""
    names = {_local(str(key)): str(value) for key, value in element.attrib.items()}
    text = names.get(last[1:], "") if last.startswith("@") else (element.text or "").strip()
    return text if len(text) <= _LONGEST_ABOVE else ""  # it is repeated with every record


def _below(document: etree._Element, above: Mapping[str, str], record: etree._Element) -> etree._Element:
    """The record in a document of the same form, with what is above it; by itself where nothing is."""
    if not above:
        return record
    made = etree.Element(_local(str(document.tag)))
    for path, text in above.items():
        *steps, last = path.removeprefix(ABOVE).split(".")
        element = made
        for step in [*steps, *([] if last.startswith("@") else [last])]:
            known = element.find(step)
            element = etree.SubElement(element, step) if known is None else known
        if last.startswith("@"):
            element.set(last[1:], text)
        else:
            element.text = text
    alone = deepcopy(record)
    alone.tail = None
    made.append(alone)
    return made


def _joined(members: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, text in members:
        found.setdefault(name, []).append(text)
    return {name: ";".join(texts) for name, texts in found.items()}


def _paired(record: etree._Element, pairs: Pairs) -> Iterator[tuple[str, str]]:
    """The values of a list of names and values, by columns below its path."""
    items = [record]
    for step in pairs.path.split("."):
        items = [one for of in items for one in of if isinstance(one.tag, str) and _local(one.tag) == step]
    for item in items:
        members = _joined(_members(item, ""))
        if (name := members.get(pairs.name)) and pairs.value in members:
            yield f"{pairs.path}.{name.lower()}", members[pairs.value]


def _line(element: etree._Element) -> int:
    line: object = element.sourceline
    return line if isinstance(line, int) else 1


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].lower()


def _members(element: etree._Element, prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        yield f"{prefix}@{_local(str(key))}", str(value)
    for member in element:
        if isinstance(member.tag, str):
            name = prefix + _local(member.tag)
            if member.text and member.text.strip():
                yield name, member.text.strip()
            yield from _members(member, f"{name}.")
    if not prefix and element.text and element.text.strip():
        yield "value", element.text.strip()


def _places(places: Sequence[tuple[int, str]], wanted: Sequence[int]) -> list[tuple[int, str]]:
    return [places[row] for row in wanted]
