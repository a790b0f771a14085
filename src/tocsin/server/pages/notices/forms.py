"""The form of a notice: its fields from the list of the act, and what was typed into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import FormData

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.arrivals import TYPES, ReportAttachment, Ticket, form_word, ticket_of
from tocsin.incidents.notices import (
    KINDS,
    NoticeField,
    NoticeFieldKind,
    NoticeKind,
    NoticeLaw,
    find_law,
    kept_values,
    notice_laws,
    options_of,
    read_values,
)
from tocsin.interface import FormField, NotHereError
from tocsin.node.errors import NotFoundError
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox import FILES_WRONG, files_of
from tocsin.server.pages.notices.words import law_name, option_name
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import text_of

STALE: Final = N_("The form was open for more than a day. What you wrote is still there: send it again.")
_PREFIX = "field-"
_KINDS = {
    NoticeFieldKind.TEXT: "area",
    NoticeFieldKind.TIME: "time",
    NoticeFieldKind.CHOICE: "choice",
    NoticeFieldKind.BOOLEAN: "choice",
    NoticeFieldKind.SEVERAL: "several",
}


def law_and_kind(law: str, kind: str) -> tuple[NoticeLaw, NoticeKind]:
    """The act and the kind that an address names.

    Raises:
        NotHereError: there is no such notice.

    """
    try:
        found = find_law(law)
        return found, found.form(kind).kind
    except NotFoundError:
        raise NotHereError from None


@dataclass(frozen=True)
class SentNotice:
    """What a form of a notice was sent with.

    ``typed``: by the id of the field; ``values``: what may be kept of it. ``wrongs``: by field, and of the form itself.
    ``made``: which form it was; without ``ticket`` it is too old.
    """

    law: NoticeLaw
    kind: NoticeKind
    typed: Mapping[str, Any]
    values: Mapping[str, Any]
    wrongs: Mapping[str, str]
    made: str
    ticket: Ticket | None
    files: Sequence[ReportAttachment]

    @property
    def again(self) -> dict[str, Any]:
        """What the same form takes to be shown again."""
        return {"typed": self.typed, "wrongs": self.wrongs, "made": self.made}


def read_form(desk: PageContext, form: FormData, door: str) -> SentNotice:
    """What was sent; ``door``: how references to what must never be held name this way in.

    Raises:
        NotHereError: there is no such notice.

    """
    law, kind = law_and_kind(text_of(form, "law"), text_of(form, "kind"))
    typed, made = _typed_in(form, law, kind), text_of(form, "made")
    values, wrongs = read_values(law, kind, typed)
    values = kept_values(values, IntakeFilter(desk.node, door, desk.clock).kept_text)
    files, ticket = files_of(desk, form, door), ticket_of(made, desk.tokens, desk.now)
    stale, unfit = {"made": STALE} if ticket is None else {}, {"files": FILES_WRONG} if files is None else {}
    return SentNotice(law, kind, typed, values, {**dict(wrongs), **stale, **unfit}, made, ticket, files or ())


def _typed_in(form: FormData, law: NoticeLaw, kind: str) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for field in law.fields_of(kind):
        name = f"{_PREFIX}{field.id}"
        several = field.kind is NoticeFieldKind.SEVERAL
        typed[field.id] = [str(one) for one in form.getlist(name)] if several else text_of(form, name)
    return typed


def form_of(
    desk: PageContext,
    request: Request,
    law: NoticeLaw,
    kind: NoticeKind,
    *,
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str],
    made: str = "",
) -> dict[str, Any]:
    """What a template of the form takes. ``wrongs``: of the fields of the act, and others by their name."""
    words = desk.words(request)
    fields = [_field(one, words, typed.get(one.id, ""), wrongs.get(one.id, "")) for one in law.fields_of(kind)]
    ids = {one.id for one in law.field}
    said = [(f"{_PREFIX}{name}" if name in ids else name, words.say(text)) for name, text in wrongs.items()]
    return {
        "law": law, "kind": kind, "fields": fields, "wrongs": said, "accept": ",".join(f".{one}" for one in TYPES),
        "name": words.say(KINDS[kind]), "act": law_name(law, words), "cite": law.form(kind).cite,
        "made": made if ticket_of(made, desk.tokens, desk.now) else form_word(desk.tokens, desk.now),
    }  # fmt: skip


def offered(words: PageTexts) -> list[tuple[str, str, Sequence[tuple[str, str]]]]:
    """The acts with the kinds of notices of each: id, name, and pairs of kind and name."""
    return [
        (law.id, law_name(law, words), [(kind.value, words.say(KINDS[kind])) for kind in law.kinds])
        for law in notice_laws().values()
    ]


def _field(field: NoticeField, words: PageTexts, value: Any, wrong: str) -> FormField:
    kind = _KINDS.get(field.kind, "text")
    options = [(one, option_name(one, words)) for one in options_of(field)]
    if field.kind is NoticeFieldKind.BOOLEAN:
        options = [(one, option_name(of, words)) for one, of in (("true", "yes"), ("false", "no"))]
    if kind == "choice":
        options = [("", words.say("Choose")), *options]
    if isinstance(value, bool):
        value = str(value).lower()
    if field.kind is NoticeFieldKind.TIME:
        value = str(value).removesuffix("Z")[:16]
    required = field.required and kind != "several"
    label = field.name_in(words.language)
    said = words.say(wrong) if wrong else ""
    return FormField(f"{_PREFIX}{field.id}", label, kind, value, "", said, required, options)
