"""The form of an act on an incident, made from its request."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo
from sqlalchemy.orm import Session

from tocsin.events import RSIT_TYPES
from tocsin.incidents import people_for
from tocsin.incidents.closing import UNKNOWN, causes_for, read_causes
from tocsin.incidents.playbooks import listed_playbooks
from tocsin.interface import Act, FormField, Wording, is_several, names_in, wording_of
from tocsin.node.accounts import Permission
from tocsin.server.pages.words import N_, OURS, PageTexts, languages

_Options = Sequence[tuple[str, str]]

NOTHING: Final[Mapping[str, Any]] = {
    "incident": None, "error": None, "said": "", "selected": (), "hidden": (), "others": (), "notes": None,
    "questions": (), "preview": None, "previews": False, "seen": "", "made": "", "reference": "", "entry": "",
}  # fmt: skip
"""What the template of a form, ``incidents/act.html``, takes besides; most forms have only some of it."""


def fields_of(
    act: Act,
    words: PageTexts,
    session: Session,
    *,
    given: Mapping[str, Any],
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str],
    choices: Mapping[str, _Options] = MappingProxyType({}),
) -> list[FormField]:
    """The fields of an act. ``given``: values at first; ``typed``: what was typed; ``wrongs``: what is wrong.

    ``choices``: what fields offer that depend on the incident, by the names that their `Wording` has.
    """
    made, named = [], {"reference", *names_in(act.page)}
    for name, field in sorted(act.request.model_fields.items(), key=lambda one: wording_of(act, one[0]).order):
        wording = wording_of(act, name)
        if wording.hidden or name in named:
            continue
        offered = choices.get(str(wording.choices), _offered(wording.choices, words, session))
        if offered is not None and wording.nothing:
            offered = [("", words.say(wording.nothing)), *offered]
        value = typed.get(name, given.get(name, "" if field.is_required() or field.default is None else field.default))
        kind = "several" if is_several(act, name) else "choice" if offered is not None else _kind(field, wording)
        wrong = words.say(wrongs[name]) if name in wrongs else ""
        needed = field.is_required() and kind != "several"
        made.append(
            FormField(
                name, words.say(field.title or name), kind, _shown(value),
                words.say(wording.hint) if wording.hint else "", wrong, needed, offered or (),
            )
        )  # fmt: skip
    return made


def cause_options(home: Path, rsit_type: str, words: PageTexts) -> list[tuple[str, str]]:
    """The root causes of a node, those first that are usual for a type."""
    shown = words.catalogue.gettext
    found = causes_for(read_causes(home), rsit_type)
    return [(UNKNOWN, words.say(N_("Unknown"))), *((one.id, shown(one.title)) for one in found)]


def _kind(field: FieldInfo, wording: Wording) -> str:
    if field.annotation is bool:
        return "box"
    return "time" if _is_time(field.annotation) else "area" if wording.lines else "text"


def _is_time(annotation: Any) -> bool:
    return annotation is datetime or any(map(_is_time, get_args(annotation)))


def _offered(choices: Mapping[str, str] | str, words: PageTexts, session: Session) -> _Options | None:
    """What a field offers; None: it is typed."""
    match choices:
        case "people" | "readers":
            permission = Permission.INCIDENTS_READ if choices == "readers" else Permission.INCIDENTS_WRITE
            return [(str(one.id), one.name) for one in people_for(session, permission)]
        case "types":
            types = sorted(RSIT_TYPES.items(), key=lambda pair: (pair[1], pair[0]))
            return [(one, f"{of}/{one}") for one, of in types]
        case "playbooks":
            shown = words.catalogue.gettext
            return [(one.key, shown(one.playbook.name)) for one in listed_playbooks(session)]
        case "languages":
            return [(one, words.name_of(one)) for one in languages(OURS)]
        case str():
            return None
        case _:
            return [(str(value), words.say(said)) for value, said in choices.items()]


def _shown(value: Any) -> Any:
    """A value as a field of a form has it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    return getattr(value, "value", value)
