"""Plain text in 76 columns of one width: an ideograph takes two, a combining mark none."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from tocsin.delivery.direction import LEFT, as_word

__all__ = ["WIDTH", "fit", "table", "width", "wrap"]

WIDTH = 76
_FIRST_CELL = 20  # an IPv4 prefix and a bit; what is wider has a line of its own
_STAYS_BEHIND = re.compile(r"[:;?!»%]++[.,;:)]*")  # in French a blank stands before these, where no line may break


def width(text: str) -> int:
    """How many columns a line of visible text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, most: int) -> str:
    """The text in at most so many columns, with an ellipsis where it was cut."""
    return _head(text, max(0, most - 1)) + "…" if _is_over(text, most) else text


def wrap(text: str, first: str = "", indent: str = "") -> str:
    """The text in lines of at most 76 columns; ``first`` stands before the first line, ``indent`` before the others."""
    lines, line = [], first
    for word in _words(text, WIDTH - max(width(first), width(indent))):
        start = line in {first, indent}
        if not start and width(line) + 1 + width(word) > WIDTH:
            lines.append(line)
            line, start = indent, True
        line += word if start else f" {word}"
    return "\n".join([*lines, line])


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int], stretch: int, mirrored: bool = False) -> list[str]:
    """Rows in columns two blanks apart; the column ``stretch`` gives way, columns in ``right`` are flush right.

    A first cell that is wider than an IPv4 prefix and a bit has a line of its own: an address is never cut.
    ``mirrored``: the words are written from right to left; the columns, mostly numbers, still go from left to right.
    """
    # Each cell is measured once: tables are much of what a digest costs.
    lengths = [list(map(width, row)) for row in rows]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    widths[0] = max(of[0] for of in lengths if of[0] <= _FIRST_CELL)
    if stretch:
        widths[stretch] -= max(0, sum(widths) + 2 * len(widths) - WIDTH)
    start = LEFT if mirrored else ""
    lines = []
    for row, of in zip(rows, lengths, strict=True):
        cells, above = list(row), ""
        if stretch and _is_over(cells[stretch], widths[stretch]):
            cells[stretch] = fit(cells[stretch], widths[stretch])
            of[stretch] = width(cells[stretch])
        if of[0] > widths[0]:
            above, cells[0], of[0] = f"{start}  {fit(cells[0], WIDTH - 2)}\n", "", 0
        padded = [
            " " * (most - long) + cell if index in right else cell + " " * (most - long)
            for index, (cell, long, most) in enumerate(
                zip(map(as_word, cells) if mirrored else cells, of, widths, strict=True)
            )
        ]
        lines.append(f"{above}{start}  {'  '.join(padded)}".rstrip())
    return lines


def _words(text: str, most: int) -> Iterator[str]:
    """The words of a text, those that belong together as one; a word that is too wide comes in pieces."""
    whole: list[str] = []
    for word in text.split():
        if whole and (_STAYS_BEHIND.fullmatch(word) or whole[-1].endswith("«")):
            whole[-1] += f" {word}"
        else:
            whole.append(word)
    for word in whole:
        rest = word
        while _is_over(rest, most):
            piece = _head(rest, most)
            yield piece
            rest = rest[len(piece) :]
        yield rest


def _head(text: str, most: int) -> str:
    """As much of the text as so many columns hold."""
    used = 0
    for index, sign in enumerate(text[: 2 * most]):
        used += width(sign)
        if used > most:
            return text[:index]
    return text[: 2 * most]


def _is_over(text: str, most: int) -> bool:
    """Whether it is too wide, or has more marks on its letters than anybody writes."""
    return width(text) > most or len(text) > 2 * most
