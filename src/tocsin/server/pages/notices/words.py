"""What the closed lists of notices are called on pages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tocsin.incidents.arrivals import Notice
from tocsin.incidents.notices import KINDS, NoticeField, NoticeFieldKind, NoticeKind, NoticeLaw, NoticeState
from tocsin.server.pages.words import N_, PageTexts

STATES: Final[Mapping[str, str]] = {
    NoticeState.RECEIVED: N_("Received"),
    NoticeState.ANSWERED: N_("Answered"),
    NoticeState.WAIVED: N_("No answer needed"),
    NoticeState.SUPERSEDED: N_("Corrected since"),
}
SHAPES: Final[Mapping[str, str]] = {
    NoticeState.RECEIVED: "busy",
    NoticeState.ANSWERED: "good",
    NoticeState.WAIVED: "quiet",
    NoticeState.SUPERSEDED: "quiet",
}
_OPTIONS: Final[Mapping[str, str]] = {"yes": N_("Yes"), "no": N_("No"), "unknown": N_("Unknown")}
_VOLUNTARY: Final = N_("Voluntary notice")


def law_name(law: NoticeLaw, words: PageTexts) -> str:
    """The short name of an act."""
    return law.title if law.mandatory else words.say(_VOLUNTARY)


def notice_name(law: NoticeLaw, kind: str, words: PageTexts) -> str:
    """What a notice is called: ``Early warning (NIS2)``."""
    return words.say("%(what)s (%(act)s)", what=words.say(KINDS[NoticeKind(kind)]), act=law_name(law, words))


def option_name(value: str, words: PageTexts) -> str:
    """What an option is called; codes of an act as they are, with blanks."""
    return words.say(_OPTIONS[value]) if value in _OPTIONS else value.replace("_", " ")


def value_name(field: NoticeField, value: Any, words: PageTexts) -> str:
    """The value of a field."""
    if field.kind is NoticeFieldKind.TIME:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return option_name("yes" if value else "no", words)
    if isinstance(value, list):
        return ", ".join(option_name(one, words) for one in value)
    return option_name(value, words) if value in _OPTIONS else str(value)


def filed_fields(law: NoticeLaw, notice: Notice, words: PageTexts) -> list[tuple[str, str]]:
    """The fields of a notice that something was said in, each with its name."""
    return [
        (one.name_in(words.language), value_name(one, notice.fields[one.id], words))
        for one in law.fields_of(notice.kind)
        if one.id in notice.fields
    ]
