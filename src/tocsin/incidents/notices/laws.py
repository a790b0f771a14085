"""What each act asks an entity to notify: short lists of fields as texts that come along, and a form read by them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from math import isfinite
from typing import Any, Final

from pydantic import Field, model_validator

from tocsin.incidents.text_files import Identifier, TextPart, parse_document, read_model, shipped_in
from tocsin.interface import N_
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

FORMATS: Final = "formats"
MOST_LETTERS: Final = 10_000
"""Of a text."""

_LINE: Final = 500
_LACKING: Final = N_("Fill this in.")
_LONG: Final = N_("This is too long.")
_WHEN: Final = N_("Write a time such as 2026-11-27 14:30.")
_NUMBER: Final = N_("Write a number.")
_LISTED: Final = N_("Choose from the list.")


class NoticeKind(StrEnum):
    """The notices of one incident, in the order in which they are due."""

    EARLY_WARNING = "early_warning"
    NOTIFICATION = "notification"
    INTERMEDIATE = "intermediate"
    FINAL_REPORT = "final_report"


class NoticeFieldKind(StrEnum):
    """What stands in a field of a notice."""

    LINE = "line"
    TEXT = "text"
    TIME = "time"  # in UTC, ISO 8601
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    SEVERAL = "several"  # of a list, or empty


class NoticeField(TextPart):
    """One field. ``label`` by language. ``options``: of a choice; ``list``: they are that list of the act's format.

    ``path``: where it stands in the document of that format; ``only``: there with this criterion alone.
    """

    id: Identifier
    kind: NoticeFieldKind
    label: dict[str, str]
    required: bool = False
    options: tuple[str, ...] = ()
    list: str = ""
    path: str = ""
    only: str = ""

    def name_in(self, language: str) -> str:
        """What it is called in a language, else in English."""
        return self.label.get(language) or self.label.get(language.partition("-")[0]) or self.label["en"]


class NoticeForm(TextPart):
    """A kind of notice of an act: where the act says so, and the ids of its fields."""

    kind: NoticeKind
    cite: str
    fields: tuple[Identifier, ...]


class NoticeLaw(TextPart):
    """An act under which notices are filed. ``mandatory``: it demands them."""

    id: Identifier
    title: str
    act: str
    edition: str
    restated: date
    source: str
    mandatory: bool = True
    notice: tuple[NoticeForm, ...] = Field(min_length=1)
    field: tuple[NoticeField, ...]

    @model_validator(mode="after")
    def _whole(self) -> "NoticeLaw":
        known = {one.id for one in self.field}
        if lacking := {name for form in self.notice for name in form.fields} - known:
            raise ValueError(f"There is no field {min(lacking)}.")
        return self

    @property
    def kinds(self) -> tuple[NoticeKind, ...]:
        """The kinds of notices, in the order in which they are due."""
        return tuple(one.kind for one in self.notice)

    def form(self, kind: str) -> NoticeForm:
        """The form of a kind.

        Raises:
            NotFoundError: the act knows none of this kind.

        """
        if (found := next((one for one in self.notice if one.kind == kind), None)) is None:
            raise NotFoundError(say("%(law)s has no notice of the kind %(kind)s.", law=self.title, kind=kind[:40]))
        return found

    def fields_of(self, kind: str) -> list[NoticeField]:
        """The fields of a kind of notice, in order."""
        by_id = {one.id: one for one in self.field}
        return [by_id[name] for name in self.form(kind).fields]

    def next_after(self, kind: str) -> NoticeKind | None:
        """What is due after a notice of this kind; None: nothing. An intermediate report is due only on request."""
        later = self.kinds[self.kinds.index(NoticeKind(kind)) + 1 :]
        return next((one for one in later if one is not NoticeKind.INTERMEDIATE or self.id == "dora"), None)


@cache
def notice_laws() -> Mapping[str, NoticeLaw]:
    """The acts that come along, by id."""
    shipped = shipped_in("tocsin.incidents.notices", "laws")
    laws = [_read(content, name) for name, content in sorted(shipped.items(), key=lambda one: one[0] == "voluntary")]
    return {one.id: one for one in laws}


def find_law(name: str) -> NoticeLaw:
    """The act of an id.

    Raises:
        NotFoundError: there is none.

    """
    if (found := notice_laws().get(name)) is None:
        known = ", ".join(notice_laws())
        raise NotFoundError(say("There is no act %(name)s.", name=name[:60]), hint=say("Known: %(names)s", names=known))
    return found


def read_values(law: NoticeLaw, kind: str, typed: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What a form says as it is kept, without what is empty; and what is wrong, by field. Pure.

    A time is kept in UTC, a number as one, a choice of several as a list.
    """
    kept: dict[str, Any] = {}
    wrongs: list[tuple[str, str]] = []
    fields = law.fields_of(kind)
    for field in fields:
        try:
            value = _read_value(field, typed.get(field.id))
        except ValueError as error:
            wrongs.append((field.id, str(error)))
            continue
        if value not in ("", [], None):
            kept[field.id] = value
        elif field.required:
            wrongs.append((field.id, _LACKING))
    wrongs += [(name, N_("The form has no such field.")) for name in typed if name not in {one.id for one in fields}]
    return kept, wrongs


def options_of(field: NoticeField) -> tuple[str, ...]:
    """What a field offers."""
    return _lists()[field.list] if field.list else field.options


def _read(content: bytes, name: str) -> NoticeLaw:
    read, text = parse_document(content, name)
    return read_model(NoticeLaw, read, text, hint="Reinstall Tocsin.")


@cache
def _lists() -> Mapping[str, tuple[str, ...]]:
    content = shipped_in("tocsin.incidents.notices", FORMATS)["dora"]
    return {name: tuple(values) for name, values in parse_document(content, "dora")[0]["lists"].items()}


def _read_value(field: NoticeField, value: Any) -> Any:
    if field.kind is NoticeFieldKind.SEVERAL:
        chosen = [value] if isinstance(value, str) and value else list(value or ())
        if not set(chosen) <= set(options_of(field)):
            raise ValueError(_LISTED)
        return [one for one in options_of(field) if one in chosen]
    if value is None or value == "":
        return None
    return _ONE[field.kind](field, value)


def _text(field: NoticeField, value: Any) -> str:
    text = str(value).replace("\r\n", "\n").strip()
    text = text if field.kind is NoticeFieldKind.TEXT else " ".join(text.split())
    if len(text) > (MOST_LETTERS if field.kind is NoticeFieldKind.TEXT else _LINE):
        raise ValueError(_LONG)
    return text


def _time(_field: NoticeField, value: Any) -> str:
    try:
        at = datetime.fromisoformat(str(value).strip().removesuffix("UTC").strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (OverflowError, ValueError):
        raise ValueError(_WHEN) from None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(_field: NoticeField, value: Any) -> int | float:
    try:
        number = float(str(value).replace(" ", ""))
    except ValueError:
        raise ValueError(_NUMBER) from None
    if not isfinite(number) or abs(number) > 1e15:  # beyond it, a double counts no cents
        raise ValueError(_NUMBER)
    return int(number) if number.is_integer() else number


def _choice(field: NoticeField, value: Any) -> str:
    if value not in options_of(field):
        raise ValueError(_LISTED)
    return str(value)


def _boolean(_field: NoticeField, value: Any) -> bool:
    if str(value).lower() not in {"true", "false", "yes", "no"}:
        raise ValueError(_LISTED)
    return str(value).lower() in {"true", "yes"}


_ONE: Final = {
    NoticeFieldKind.LINE: _text,
    NoticeFieldKind.TEXT: _text,
    NoticeFieldKind.TIME: _time,
    NoticeFieldKind.NUMBER: _number,
    NoticeFieldKind.CHOICE: _choice,
    NoticeFieldKind.BOOLEAN: _boolean,
}
