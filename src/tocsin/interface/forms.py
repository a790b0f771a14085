"""The form that a page sends, read within bounds for route functions that are not asynchronous; the act it asks for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser

from tocsin.interface.acts import Act, context_for, is_several, read_request, wording_of
from tocsin.interface.pages import PageMaker
from tocsin.node.accounts import Principal

# Until it is known what of a report may be kept, nothing of it is on a disk, not even in a file without a name. X-ARF
# allows 15 MB of evidence, which is 20 MB of JSON.
MultiPartParser.spool_max_size = 1 << 25

MOST_FIELDS: Final = 1_000
"""More fields than any form of ours has."""


async def _read(request: Request) -> AsyncIterator[FormData]:
    async with request.form(max_files=10, max_fields=MOST_FIELDS) as form:  # closes its files at the end
        yield form


Form: TypeAlias = Annotated[FormData, Depends(_read)]
"""The annotation of a route's form: ``form: Form``."""


def text_of(form: FormData, name: str, default: str = "") -> str:
    """The text of one field; ``default`` where the form has none, or a file in its place."""
    value = form.get(name, default)
    return value if isinstance(value, str) else default


def texts_of(form: FormData, name: str) -> list[str]:
    """All texts of one field, as of check boxes."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


def file_of(form: FormData, most: int, name: str = "file") -> bytes | None:
    """What a chosen file has, cut after so many bytes; None where none was chosen."""
    sent = form.get(name)
    return sent.file.read(most) if isinstance(sent, UploadFile) and sent.filename else None


def perform_form(
    maker: PageMaker, visitor: Principal, act: Act, form: FormData, **given: Any
) -> tuple[Any, int | None]:
    """Do an act with what a form says, and what its page knows besides.

    What it gives back, and the number by which it can be undone, None where it cannot.

    Raises:
        RequestError: something in the form is missing or not as it must be.

    """
    context = replace(context_for(maker.node, visitor, act, maker.now, maker.say), waits=False, holds=True)
    done = act.perform(context, read_request(act, _typed(act, form) | given))
    return done, next(iter(context.undos), None)


def _typed(act: Act, form: FormData) -> dict[str, Any]:
    """What the fields of a form say; an empty one is as if it were not there."""
    typed: dict[str, Any] = {}
    for name in act.request.model_fields:
        if is_several(act, name):
            typed[name] = tuple(texts_of(form, name))
        elif (most := wording_of(act, name).file) and (sent := file_of(form, most)) is not None:
            typed[name] = (
                sent if act.request.model_fields[name].annotation is bytes else sent.decode("utf-8-sig", "replace")
            )
        elif text := _text(act, name, text_of(form, name)):
            typed[name] = text
    return typed


def _text(act: Act, name: str, text: str) -> str:
    return text.replace("\r\n", "\n") if wording_of(act, name).lines else " ".join(text.split())
