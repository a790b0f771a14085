"""The heads of a table beside each of its cells: on a phone a row stands as a block, with no head above it."""

import re
from html import unescape
from typing import Final

from markupsafe import Markup, escape

_HEADS: Final = re.compile(r"<th scope=\"col\"[^<>]*+>(.*?)(?:</th>|\Z)", re.DOTALL)
_ROW: Final = re.compile(r"<tr[ >].*?(?:</tr>|\Z)", re.DOTALL)
_CELL: Final = re.compile(r"<(t[dh])([^<>]*+)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*+>")
_NOTHING: Final = "\N{EN DASH}"


def with_labels(table: Markup) -> Markup:
    """The head and body of a table of ours, each cell but the first of a row with its column's head as ``data-label``.

    None where what is in the cell begins with the same word. What says nothing is marked with ``data-none``.
    """
    head, mark, body = str(table).partition("<tbody")
    heads = [_text(one) for one in _HEADS.findall(head)]

    def row(found: re.Match[str]) -> str:
        labels = iter(heads)

        def cell(of: re.Match[str]) -> str:
            kind, attributes, inside = of.groups()
            label, said = next(labels, ""), _text(inside)
            if kind == "td" and said == _NOTHING:
                attributes += " data-none"
            elif kind == "td" and label and not said.startswith(label):
                attributes += f' data-label="{escape(label)}"'
            return f"<{kind}{attributes}>{inside}</{kind}>"

        return _CELL.sub(cell, found.group())

    return Markup(head + mark + _ROW.sub(row, body))  # noqa: S704 (it was markup before, and labels are escaped)


def _text(inside: str) -> str:
    return " ".join(unescape(_TAG.sub("", inside)).split())
