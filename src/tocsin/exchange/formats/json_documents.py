"""Files of several JSON documents: an array of them, one a line, or a single one."""

from collections.abc import Iterator
from typing import Any

from tocsin.exchange.formats.documents import parse_json, text_lines
from tocsin.node.errors import InputError


def read_documents(data: bytes) -> Iterator[tuple[str, Any]]:
    """Each document with its place in the file; of a line that cannot be read, the `InputError` that says why.

    Raises:
        InputError: it is not one a line, and cannot be read.

    """
    lines = [(number, text.strip()) for number, text in text_lines(data.removeprefix(b"\xef\xbb\xbf"))]
    if len(lines) > 1 and all(text[:1] + text[-1:] == b"{}" for _, text in lines):
        for number, text in lines:
            yield f"line {number}", _value_or_error(text)
        return
    value = parse_json(data)
    if isinstance(value, list):
        yield from ((f"[{place}]", one) for place, one in enumerate(value))
    else:
        yield "", value


def _value_or_error(text: bytes) -> Any:
    try:
        return parse_json(text)
    except InputError as error:
        return error
