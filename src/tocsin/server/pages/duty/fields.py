"""The fields of a form of duty, made from the request of its act."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.fields import FieldInfo
from sqlalchemy.orm import Session

from tocsin.incidents import people_for
from tocsin.incidents.duty import live_rosters
from tocsin.interface import Act, is_several, names_in, wording_of
from tocsin.node.accounts import Permission
from tocsin.pipeline.call_outs import CALLABLE
from tocsin.pipeline.to_do import KINDS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.duty.words import CHANNELS
from tocsin.server.pages.incidents import SEVERITIES, FormField
from tocsin.server.pages.words import N_, PageTexts

_HINTED: Final = {"text", "keeper", "start", "end", "phone", "remark", "quiet_from", "quiet_to"}
_PEOPLE: Final = {"add", "remove", "keeper", "person", "people"}
_SAID: Final = {"once", "revoke"}


def fields_of(
    desk: PageContext,
    act: Act,
    words: PageTexts,
    session: Session,
    *,
    given: Mapping[str, Any],
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str],
) -> list[FormField]:
    """The fields of an act, but for those in its address. ``given``: values at first; ``typed``: what was typed."""
    made = []
    for name, field in sorted(act.request.model_fields.items(), key=lambda one: one[0] != "name"):
        if name in _SAID or name in names_in(act.page):
            continue
        options = _options(desk, act, name, words, session)
        value = typed.get(name, given.get(name, _default(field)))
        made.append(
            FormField(
                name, words.say(field.title or name), _kind(act, name, field, options), value,
                words.say(field.description or "") if name in _HINTED else "",
                words.translate(words.say(wrongs[name])) if name in wrongs else "",
                field.is_required() and not is_several(act, name), options or (),
            )
        )  # fmt: skip
    return made


def _default(field: FieldInfo) -> Any:
    return "" if field.is_required() or field.default is None else field.default


def _kind(act: Act, name: str, field: FieldInfo, options: list[tuple[str, str]] | None) -> str:
    if is_several(act, name):
        return "several"
    if options is not None:
        return "choice"
    if field.annotation is bool:
        return "box"
    return "time" if name in {"start", "end"} else "area" if wording_of(act, name).lines else "text"


def _options(
    desk: PageContext, act: Act, name: str, words: PageTexts, session: Session
) -> list[tuple[str, str]] | None:
    """What a field offers; None: it is typed."""
    none = (
        [] if act.request.model_fields[name].is_required() or is_several(act, name) else [("", words.say(N_("Nobody")))]
    )
    if name in _PEOPLE:
        return [*none, *((str(one.id), one.name) for one in people_for(session, Permission.INCIDENTS_WRITE))]
    if name in {"roster", "second"}:
        rosters = [(str(one.row.id), one.row.name) for one in live_rosters(session, desk.now)]
        return [*none, *rosters]
    if name in {"severity", "quiet_below"}:
        levels = [(value, words.say(said)) for value, said in SEVERITIES.items() if value != "unknown"]
        return [("", words.say(N_("None"))), *levels]
    if name == "kinds":
        return [(one.value, words.translate(KINDS[one].name)) for one in CALLABLE]
    if name == "channels":
        return [(one, words.say(said)) for one, said in CHANNELS.items()]
    return None
