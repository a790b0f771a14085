"""The forms of a report: read within bounds, and what is wrong with what was typed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import canonical
from tocsin.incidents.arrivals import (
    MOST_BYTES,
    MOST_FILES,
    MOST_LETTERS,
    ReportAttachment,
    ReportForm,
    ReportKind,
    attached,
    kept_file,
)
from tocsin.server.pages.context import LANGUAGE, THEME
from tocsin.server.pages.words import N_
from tocsin.server.security import text_of

_LINE: Final = 500
_MOST_REQUEST: Final = MOST_FILES * MOST_BYTES + 500_000
_MOST_TEXT: Final = 200_000  # bytes of one field
_FIRST_KIND: Final = (
    f"kind-{next(iter(ReportKind))}"  # the id of the first choice, to which what is wrong with it leads
)


@dataclass(frozen=True)
class PublicReportForm:
    """What somebody wrote; ``trap`` is a field that people do not see, ``sum`` the answer where they were asked.

    ``files``: None for one that is not taken.

    ``switch``: language and colours, where the form was sent to be shown with these.
    """

    made: str = ""
    kind: str = ""
    what: str = ""
    place: str = ""
    happened: str = ""
    mailbox: str = ""
    trap: str = ""
    sum: str = ""
    files: Sequence[ReportAttachment | None] = ()
    switch: Mapping[str, str] | None = None

    def filed(self, language: str) -> ReportForm:
        """The report that it makes, where nothing is wrong with it."""
        mailbox = canonical.mailbox(self.mailbox) if self.mailbox else ""
        return ReportForm(ReportKind(self.kind), self.what, self.place, self.happened, mailbox, language)


def _fits(request: Request, most: int) -> bool:
    """Whether a form says its size, and it is no larger; the server holds the sender to what it says."""
    length = request.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= most


async def _message(request: Request) -> AsyncIterator[FormData]:
    if not _fits(request, _MOST_TEXT):
        raise HTTPException(413)
    async with request.form(max_files=0, max_fields=10) as form:
        yield form


Message: TypeAlias = Annotated[FormData, Depends(_message)]
"""The annotation of a route's form without files."""


async def _bounded(request: Request) -> FormData | None:
    """A form with files, or None where it is larger than one of ours may be: then nothing of it is read."""
    if not _fits(request, _MOST_REQUEST):
        return None
    try:
        return await request.form(max_files=20, max_fields=20, max_part_size=_MOST_TEXT)
    except HTTPException:
        return None


@dataclass(frozen=True)
class ReceivedForm:
    """A form as it came, in memory only; ``files``: name and bytes of each."""

    form: FormData
    files: Sequence[tuple[str, bytes]]

    def passed(self, intake: IntakeFilter) -> PublicReportForm:
        """What of it may be kept, after the rest was noted."""
        form = self.form
        files = [attached(name, kept_file(name, content, intake)) for name, content in self.files]
        return PublicReportForm(
            made=text_of(form, "made"),
            kind=text_of(form, "kind"),
            what=intake.kept_text(text_of(form, "what").replace("\r\n", "\n").strip()),
            place=_one_line(intake.kept_text(text_of(form, "place"))),
            happened=_one_line(intake.kept_text(text_of(form, "happened"))),
            mailbox=_one_line(text_of(form, "mailbox")),
            trap=text_of(form, "website"),
            sum=_number(text_of(form, "sum")),
            files=files,
            switch={name: text_of(form, name) for name in (LANGUAGE, THEME)} if "switch" in form else None,
        )


async def _typed(request: Request) -> ReceivedForm | None:
    form = await _bounded(request)
    if form is None:
        return None
    files = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    read = [(one.filename or "", await one.read(MOST_BYTES + 1)) for one in files[: MOST_FILES + 1]]
    await form.close()  # its files were held in memory
    return ReceivedForm(form, read)


Sent: TypeAlias = Annotated[ReceivedForm | None, Depends(_typed)]
"""The annotation of a route's report; None: it was too large."""

TOO_LARGE: Final = ("files", N_("Together this is too large. Send less, then tell us how to get the rest."))


def wrongs_of(typed: PublicReportForm) -> list[tuple[str, str]]:
    """What is wrong, as pairs of a field's id and a sentence to be translated."""
    checks = (
        (_FIRST_KIND, typed.kind not in set(ReportKind), N_("Choose what it is.")),
        ("what", not typed.what, N_("Say what happened.")),
        ("what", len(typed.what) > MOST_LETTERS, N_("Say what happened in at most 10,000 characters.")),
        (
            "mailbox",
            not _is_mailbox(typed.mailbox),
            N_("Write an email address such as name@example.org, or nothing."),
        ),
        ("files", len(typed.files) > MOST_FILES, N_("Send at most three files.")),
        ("files", None in typed.files, N_("Send only files of the types that are named, of at most 5 MB each.")),
        ("website", bool(typed.trap), N_("Leave the field “Website” empty: it finds programs that fill in forms.")),
    )
    return [(name, said) for name, wrong, said in checks if wrong]


def _is_mailbox(text: str) -> bool:
    try:
        return not text or bool(canonical.mailbox(text))
    except ValueError:
        return False


def _number(text: str) -> str:
    """A small number in whatever digits somebody writes; what is none as it is."""
    text = text.strip()[:10]
    return str(int(text)) if text.isdecimal() else text


def _one_line(text: str) -> str:
    return " ".join(text[:_LINE].split())
