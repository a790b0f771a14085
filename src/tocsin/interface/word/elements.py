"""Making elements of the Word vocabulary."""

from datetime import UTC, datetime

from lxml import etree

from tocsin.interface.word.names import MC, W14, W15, Element, R, W

_NAMES = {"w": W, "r": R, "mc": MC, "w14": W14, "w15": W15}


def root(name: str) -> Element:
    """The root of a part; older programs may pass over the newer vocabularies in it (ECMA-376 part 3, Ignorable)."""
    element = etree.Element(f"{{{W}}}{name}", nsmap=_NAMES)
    element.set(f"{{{MC}}}Ignorable", "w14 w15")
    return element


def add(parent: Element, name: str, /, **attributes: str) -> Element:
    """A new last child with Word attributes."""
    element = etree.SubElement(parent, f"{{{W}}}{name}")
    for key, value in attributes.items():
        element.set(f"{{{W}}}{key}", value)
    return element


def stamp(date: datetime) -> str:
    """A time as Word writes it: UTC, whole seconds."""
    return date.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
