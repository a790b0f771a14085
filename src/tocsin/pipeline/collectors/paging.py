"""Answers that come in pages: the same request with a page number or a cursor in it, until nothing more comes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

PAGE: Final = "{page}"
CURSOR: Final = "{cursor}"


@dataclass(frozen=True)
class PagedRequest:
    """An address and the body of a POST (empty: a GET), in which ``{page}`` and ``{cursor}`` stand for the page.

    ``records``, ``following``: where an answer has its list, and the cursor of the next page (``data.items``).
    """

    url: str
    post: str
    records: str
    following: str

    @property
    def is_paged(self) -> bool:
        """Whether it asks for pages at all."""
        return any(mark in self.url + self.post for mark in (PAGE, CURSOR))

    @cached_property
    def _json(self) -> Any:
        """The body as JSON; None: it is a form."""
        return json.loads(self.post) if self.post.lstrip().startswith(("{", "[")) else None

    def check(self) -> None:
        """Raise `ValueError` where it could not be asked, or would not end."""
        try:
            _ = self._json
        except ValueError:
            raise ValueError("'post' begins like JSON and is none") from None
        if CURSOR in self.url + self.post and not self.following:
            raise ValueError("{cursor} needs 'next', which says where an answer names it")
        if PAGE in self.url + self.post and not (self.records or self.following):
            raise ValueError("{page} needs 'records', which says where an answer has its list")

    def at(self, page: int, cursor: str) -> tuple[str, bytes, dict[str, str]]:
        """The address, the body and its headers for one page."""
        url = self.url.replace(PAGE, str(page)).replace(CURSOR, quote(cursor, safe=""))
        if self._json is not None:
            body = json.dumps(_filled(self._json, page, cursor)).encode()
            return url, body, {"Content-Type": "application/json"}
        pairs = [
            (name, str(_filled(value, page, cursor))) for name, value in parse_qsl(self.post, keep_blank_values=True)
        ]
        return url, urlencode(pairs).encode(), {"Content-Type": "application/x-www-form-urlencoded"}

    def look_at(self, answer: bytes) -> tuple[bool, str | None]:
        """Whether an answer holds records, and the cursor of the next page; None: it was the last.

        Where pages are only numbered, the cursor is empty. What is not JSON is the last, and the source that reads
        it says what it is.
        """
        try:
            document = json.loads(answer)
        except (ValueError, RecursionError):
            return True, None
        if self.records and not _at(document, self.records):
            return False, None
        following = _at(document, self.following) if self.following else ""
        return True, str(following) if following or not self.following else None


def _at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, Mapping) else None
    return document


def _filled(value: Any, page: int, cursor: str) -> Any:
    """A part of a body for one page; what is ``{page}`` alone becomes a number."""
    if isinstance(value, dict):
        return {name: _filled(one, page, cursor) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, page, cursor) for one in value]
    if value == PAGE:
        return page
    return value.replace(PAGE, str(page)).replace(CURSOR, cursor) if isinstance(value, str) else value
