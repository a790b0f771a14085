"""XML from elsewhere: bounded before it is parsed, and never with a DTD, an entity or the network."""

import re
from itertools import accumulate
from typing import Any, Final, TypeAlias

from lxml import etree

from tocsin.exchange.formats.json_documents import check_size
from tocsin.node.errors import InputError

Element: TypeAlias = etree._Element  # noqa: SLF001  (lxml has no public name for its elements)
Tree: TypeAlias = dict[str, Any]
"""An element as JSON has it: attributes by name, lists of children by local name, its text as ``value``."""

MOST_TAGS: Final = 4_000_000
MOST_DEPTH: Final = 100

_ENCODINGS: Final = {"utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}
_DECLARED: Final = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION: Final = re.compile(r"\A\ufeff?\s*<\?xml\s[^>]*\?>")
_DTD: Final = re.compile(r"\A(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse_xml(data: bytes) -> Element:
    """The root element.

    Raises:
        InputError: it is too large or too deep, has a DTD, or is no well-formed XML.

    """
    check_size(data)
    text = _DECLARATION.sub("", _decoded(data)).removeprefix("\ufeff")
    if _DTD.match(text):
        raise InputError("It has a document type definition (DTD), which is never read.")
    if text.count("<") > MOST_TAGS:
        raise InputError(f"It has more than {MOST_TAGS:,} tags.")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeError) as error:
        raise InputError(f"It is no XML: {error}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError("It has a document type definition (DTD), which is never read.")
    steps = accumulate(1 if event == "start" else -1 for event, _ in etree.iterwalk(root, events=("start", "end")))
    if any(depth > MOST_DEPTH for depth in steps):
        raise InputError(f"It is nested more than {MOST_DEPTH} levels deep.")
    return root


def tree_of(element: Element) -> Tree:
    """The element as JSON has it; names lose their namespaces."""
    tree: Tree = {local_name(name): value for name, value in element.attrib.items()}
    for child in element:
        if isinstance(child.tag, str):
            tree.setdefault(local_name(child.tag), []).append(tree_of(child))
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    return tree | ({"value": text} if text.strip() else {})


def local_name(name: Any) -> str:
    """A name without its namespace."""
    return str(name).rpartition("}")[2]


def _decoded(data: bytes) -> str:
    """The text: UTF-16 by its mark, else in the encoding that it declares, of those that are plain.

    The parser never chooses, since some encodings that it knows hide a DTD (UTF-7, EBCDIC).
    """
    found = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    name = found[1].decode().lower() if found else "utf-8"
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        name = "utf-16"
    elif name not in _ENCODINGS:
        raise InputError(f"Its encoding {name} is not read: write it in UTF-8.")
    try:
        return data.decode(name)
    except UnicodeError:
        raise InputError(f"It is not in its encoding, {name}.") from None
