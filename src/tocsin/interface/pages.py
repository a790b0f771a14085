"""What pages of a capability are made with."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from fastapi import Request
from fastapi.responses import Response

from tocsin.node.node import Node


class PageWords(Protocol):
    """Says texts in the language of whoever reads a page."""

    def say(self, text: str, /, **values: object) -> str:
        """A text of ours, filled in."""

    def translate(self, text: str | None) -> str:
        """A sentence (`tocsin.node.sentences`); any other text as it is."""


class PageMaker(Protocol):
    """Makes pages from templates, in the visitor's language and with the frame that all pages have."""

    @property
    def node(self) -> Node:
        """The node whose pages they are."""

    def page(
        self, request: Request, template: str, *, status: int = 200, language: str = "", **context: Any
    ) -> Response:
        """A page from a template; ``context``: what it shows, as the template names it."""

    @property
    def now(self) -> datetime:
        """The time, UTC."""

    def words(self, request: Request) -> PageWords:
        """The words for a visitor."""

    def say(self, language: str, text: str, **values: object) -> str:
        """A text in the language of whoever is written to."""

    def go(self, path: str, *, undo: int | None = None) -> Response:
        """Lead to another page after a form; ``undo``: the number by which it offers to undo what was done."""

    def kept(self, content: bytes, place: str) -> bytes:
        """What may be kept of bytes that somebody sent in; ``place``: the name of the way in."""

    def own_facts(self, query: str, *, unit: str, at: datetime) -> Sequence[Mapping[str, str]]:
        """As `Invocation.own_facts`."""
