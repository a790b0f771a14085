"""The form that a page sends, read within bounds for route functions that are not asynchronous."""

from collections.abc import AsyncIterator
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartParser

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
