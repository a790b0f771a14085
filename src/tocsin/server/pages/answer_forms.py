"""The form that sets a status: read within bounds, from its own page only, and made for one list at one time."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from tocsin.node.errors import InputError
from tocsin.node.sentences import say
from tocsin.node.tokens import Tokens
from tocsin.problems import problem_text
from tocsin.problems.answers import NOTE_LENGTH, AnswerVerdict, ProblemRow
from tocsin.server.pages.words import N_

DAYS = (30, 90, 180, 365)
"""What one may choose for how long an accepted problem is not reminded of."""

PAGE: Final = "page"
FOUND: Final = "found"

_MOST_BYTES = 64_000
_MOST_FIELDS = 400
_TYPE = "application/x-www-form-urlencoded"
_PURPOSE = "answer-form"
_OPEN_SECONDS = 24 * 3600

Fields = Mapping[str, list[str]]
"""What a form has, each name with its values."""


@dataclass(frozen=True)
class AnswerForm:
    """What a person chose and wrote; ``problems`` are texts as they came.

    ``every``: what was selected at once: `PAGE`, `FOUND`, or the names of kinds; ``shown``: the problems of the page.
    ``seen``: see `tocsin.server.pages.form_version`.
    """

    made: str = ""
    verdict: str = ""
    problems: frozenset[str] = field(default=frozenset())
    note: str = ""
    days: int = DAYS[1]
    seen: str = ""
    every: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """From the fields as they came."""

        def one(name: str) -> str:
            return next(iter(fields.get(name, ())), "")

        days = one("days")
        return cls(
            made=one("made"),
            verdict=one("verdict"),
            problems=frozenset(fields.get("problem", ())),
            note=one("note").replace("\r\n", "\n"),
            days=int(days) if days in {str(of) for of in DAYS} else DAYS[1],
            seen=one("seen"),
            every=frozenset(fields.get("every", ())),
            shown=frozenset(one("shown").split()),
        )

    @property
    def said(self) -> AnswerVerdict | None:
        """The verdict, where it is one."""
        return AnswerVerdict(self.verdict) if self.verdict in set(AnswerVerdict) else None

    def chosen(self, found: Sequence[ProblemRow]) -> frozenset[str]:
        """The problems that are selected, one by one or at once; ``found``: all that match."""
        matching = {problem_text(line.key) for line in found if FOUND in self.every or line.topic in self.every}
        return self.problems | matching | (self.shown if PAGE in self.every else frozenset())

    def wrongs(self) -> list[tuple[str, str]]:
        """The fields that something is wrong with, each with what it is (to be translated)."""
        found = []
        if not self.problems:
            found.append(("problems", N_("Select at least one problem.")))
        if self.said is None:
            found.append(("verdicts", N_("Choose a status.")))
        if len(self.note) > NOTE_LENGTH:
            found.append(("note", N_("The note is too long.")))
        return found


async def read_form(request: Request) -> AnswerForm | None:
    """What the form of an answer says; None as of `read_fields`."""
    fields = await read_fields(request)
    return None if fields is None else AnswerForm.of(fields)


async def read_fields(request: Request) -> Fields | None:
    """The fields of a form; None where it is no form, or larger than one of ours can be."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return None
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None


def from_own_page(request: Request, url: str, *, names_origin: bool = False) -> bool:
    """Whether a form was sent from a page of ours, as far as the browser says so.

    ``url``: the public address. Our pages send no referrer, and a browser then names the origin ``null`` (Fetch
    standard, "append a request Origin header"); Sec-Fetch-Site says it all the same. ``names_origin``: the page of the
    form lets its origin be named, so that ``null`` is somebody else's where there is no Sec-Fetch-Site.
    """
    said = request.headers.get("sec-fetch-site")
    if said not in {None, "same-origin"}:
        return False
    origin = request.headers.get("origin")
    if origin in {None, "null"}:
        return origin is None or said is not None or not names_origin
    named = origin.partition("://")[2]  # a scheme, a host and a port are all that it has (RFC 6454, 6.2)
    return bool(named) and named in {request.headers.get("host"), urlsplit(url).netloc}


def new_form(tokens: Tokens, reference: str, now: datetime) -> str:
    """The hidden field of a form for the digest of a reference, made now."""
    return tokens.make(_PURPOSE, f"{reference}/{int(now.timestamp())}/{secrets.token_hex(8)}")


def act_of(made: str, tokens: Tokens, reference: str, now: datetime) -> str:
    """What one sending of a form is called, however often it arrives.

    Raises:
        InputError: it was not made for this digest, or more than a day ago.

    """
    name = tokens.read(_PURPOSE, made) or "//"
    of, at, _ = name.split("/")
    if of != reference or int(now.timestamp()) - int(at) > _OPEN_SECONDS:
        raise InputError(say("The form was not made for this page, or too long ago."), hint=say("Send it again."))
    return f"page:{name}"


def made_at(act: str) -> int:
    """When the form of an act was made, in seconds since 1970 UTC, rounded up."""
    return int(act.split("/")[1]) + 1
