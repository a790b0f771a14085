"""Events in the IntelMQ Data Format: JSON, one object a line, keys flat (``source.ip``) or nested."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from tocsin.events.encoding import as_text
from tocsin.events.extra import too_deep
from tocsin.events.fields import BY_NAME
from tocsin.events.sources import Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT
from tocsin.events.sources.json_records import JsonRecords, Row

NAME = "idf"
TIME_FORMAT = "%+"  # ISO 8601 with a zone

_MARKS = ("classification.type", "time.source", "feed.name", "source.ip", "source.fqdn", "source.url")
_TEXT = r'"(?:[^"\\]|\\.){0,999}"'
_ENVELOPE = re.compile(rf"\s*\{{(?:\s*{_TEXT}\s*:\s*(?:{_TEXT}|[-+.\w]+)\s*,){{0,20}}\s*{_TEXT}\s*:\s*(?=\[\s*\{{)")
_TEXTS = re.compile(r'"((?:[^"\\]++|\\.)*+)"?(\s*+:)?')  # with a colon where it is a key
_GROUPS = {name.split(".")[0] for name in BY_NAME if "." in name}


class Idf:
    """The source (`tocsin.events.sources.FeedSource`); any name is one of its feeds."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """``idf`` when the first object, by itself or in a list, has fields of the format."""
        del filename
        text, _ = as_text(head.removeprefix(b"\xef\xbb\xbf"))
        try:
            first, _ = json.JSONDecoder().raw_decode(text[_list_at(text) :].lstrip("[ \r\n\t"))
        except (ValueError, RecursionError):
            return None
        if too_deep(first):
            return None
        return NAME if isinstance(first, dict) and any(mark in _row(first) for mark in _MARKS) else None

    def feed(self, code: str) -> Feed:
        """A feed of that name; its events say themselves who provides them."""
        return Feed(source=NAME, code=code, name=code, time_format=TIME_FORMAT)

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        del code
        return JsonRecords(stream, chunk_bytes, _row, field_limit, _list_at)


def source(_: Sequence[Path] = ()) -> Idf:
    """The source, as the registry asks for it."""
    return Idf()


def _list_at(text: str) -> int:
    """Where the list of events begins in a document such as ``{"count": 2, "events": [{…}]}``; 0 in all others."""
    found = _ENVELOPE.match(text)
    keys = [text for text, colon in _TEXTS.findall(found[0]) if colon] if found else []
    return found.end() if found and not any(_is_of_events(key) for key in keys) else 0


def _is_of_events(key: str) -> bool:
    return key in BY_NAME or key.partition(".")[0] in {*_GROUPS, "extra"}


def _row(event: Mapping[str, object]) -> Row:
    """The values of an event by field name; groups of fields are opened, ``extra`` stays as it is."""
    return dict(item for item in _flat(event, "") if item[0] != "__type")


def _flat(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name.split(".", maxsplit=1)[0] in _GROUPS:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
