"""Numbers that Word prints before paragraphs of a list, such as ``a)``: kept as levels, printed by counting.

ECMA-376 part 1, section 17.9. Paragraphs hold no label in the file; without this, a clause "k" would come in nameless.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tocsin.interface.word import (
    Block,
    Element,
    ListLevel,
    Paragraph,
    TableRow,
    WordDocument,
    WordTable,
    attribute,
    child,
    children,
    value,
    whole,
)

LEVELS = 9
Place = tuple[int, int]
Lists = dict[int, tuple[ListLevel, ...]]

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_ROMAN_SMALL = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def with_lists(document: WordDocument, numbering: Element | None, styles: Element | None) -> WordDocument:
    """The document with its lists, each paragraph in the list that it or its style names, and labels."""
    lists, same = _lists(numbering)
    places = _style_places(styles)
    used: set[int] = set()

    def place(paragraph: Paragraph) -> Paragraph:
        own = paragraph.numbering or places.get(paragraph.style)
        if own is None or own[0] not in same:
            return replace(paragraph, numbering=None)
        used.add(same[own[0]])
        return replace(paragraph, numbering=(same[own[0]], own[1]))

    blocks = _mapped(document.blocks, place)
    notes = tuple(replace(note, blocks=_mapped(note.blocks, place)) for note in document.notes)
    kept = tuple((number, lists[number]) for number in sorted(used))
    return labelled(replace(document, blocks=blocks, notes=notes, lists=kept))


def labelled(document: WordDocument) -> WordDocument:
    """The document with the label of each list paragraph counted anew, over all its paragraphs, marked or not."""
    counter = _ListCounter(dict(document.lists))

    def label(paragraph: Paragraph) -> Paragraph:
        return (
            paragraph if paragraph.numbering is None else replace(paragraph, label=counter.next(*paragraph.numbering))
        )

    return replace(document, blocks=_mapped(document.blocks, label))


def _mapped(blocks: Iterable[Block], change: Callable[[Paragraph], Paragraph]) -> tuple[Block, ...]:
    return tuple(
        change(block)
        if isinstance(block, Paragraph)
        else WordTable(
            tuple(
                TableRow(tuple(replace(cell, blocks=_mapped(cell.blocks, change)) for cell in row.cells), row.marks)
                for row in block.rows
            )
        )
        for block in blocks
    )


@dataclass
class _ListCounter:
    lists: Lists
    counts: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def next(self, number: int, level: int) -> str:
        """The label of the next paragraph of this list at this level."""
        levels = self.lists.get(number, ())
        if level >= len(levels):
            return ""
        counts = self.counts[number]
        counts[level] = counts.get(level, levels[level].start - 1) + 1
        for deeper in range(level + 1, LEVELS):
            counts.pop(deeper, None)
        return _label(levels, level, counts)


def _label(levels: tuple[ListLevel, ...], level: int, counts: dict[int, int]) -> str:
    text = levels[level].text
    if levels[level].format == "bullet":
        return "•" if len(text) == 1 and 0xE000 <= ord(text) < 0xF900 else text
    for index, one in enumerate(levels[: level + 1]):
        text = text.replace(f"%{index + 1}", count_as(one.format, counts.get(index, one.start)))
    return text


def count_as(number_format: str, number: int) -> str:
    """The number in an ECMA-376 number format (17.18.59); a format not known here counts in decimals."""
    if number_format == "none":
        return ""
    if number_format in {"lowerLetter", "upperLetter"} and 0 < number <= 26 * 4:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if number_format == "upperLetter" else letters
    if number_format in {"lowerRoman", "upperRoman"} and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN + _ROMAN_SMALL:
            roman += sign * (number // value)
            number %= value
        return roman.upper() if number_format == "upperRoman" else roman
    return f"{number:02}" if number_format == "decimalZero" else str(number)


def _lists(numbering: Element | None) -> tuple[Lists, dict[int, int]]:
    """Lists by number, and for each number of the file the list it counts in."""
    if numbering is None:
        return {}, {}
    abstract = {attribute(entry, "abstractNumId"): _levels(entry) for entry in children(numbering, "abstractNum")}
    lists: Lists = {}
    same: dict[int, int] = {}
    first: dict[str, int] = {}
    for entry in children(numbering, "num"):
        number, base = whole(attribute(entry, "numId")), value(entry, "abstractNumId")
        levels = abstract.get(base)
        if not number or levels is None:
            continue
        over = list(children(entry, "lvlOverride"))
        same[number] = number if over else first.setdefault(base, number)
        if same[number] == number:
            lists[number] = _overridden(levels, over)
    return lists, same


def _levels(entry: Element) -> tuple[ListLevel, ...]:
    found = {whole(attribute(level, "ilvl")): _level(level) for level in children(entry, "lvl")}
    last = max((index for index in found if index < LEVELS), default=-1)
    return tuple(found.get(index, ListLevel(text=f"%{index + 1}.")) for index in range(last + 1))


def _level(level: Element) -> ListLevel:
    return ListLevel(
        value(level, "numFmt") or "decimal", value(level, "lvlText")[:100], whole(value(level, "start"), 1)
    )


def _overridden(levels: tuple[ListLevel, ...], over: list[Element]) -> tuple[ListLevel, ...]:
    changed = list(levels)
    for entry in over:
        index = whole(attribute(entry, "ilvl"))
        if index >= len(changed):
            continue
        level = child(entry, "lvl")
        if level is not None:
            changed[index] = _level(level)
        start = value(entry, "startOverride")
        if start:
            changed[index] = replace(changed[index], start=whole(start, 1))
    return tuple(changed)


def _style_places(styles: Element | None) -> dict[str, Place]:
    """The list and level of each style that has one, or inherits one."""
    above: dict[str, str] = {}
    own: dict[str, Place] = {}
    for style in () if styles is None else children(styles, "style"):
        name = attribute(style, "styleId")
        above[name] = value(style, "basedOn")
        properties = child(style, "pPr")
        place = None if properties is None else place_of(properties)
        if place is not None:
            own[name] = place
    return {name: place for name in above if (place := _inherited(name, above, own)) is not None}


def _inherited(name: str, above: dict[str, str], own: dict[str, Place]) -> Place | None:
    for _ in range(20):
        if name in own:
            return own[name]
        name = above.get(name, "")
    return None


def place_of(properties: Element) -> Place | None:
    """The list and level that paragraph properties name."""
    numbering = child(properties, "numPr")
    if numbering is None:
        return None
    return whole(value(numbering, "numId")), min(whole(value(numbering, "ilvl")), LEVELS - 1)
