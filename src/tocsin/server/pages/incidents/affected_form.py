"""The form that attaches affected systems by a filter: a saved view of problems, or conditions."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import FormData

from tocsin.delivery import SEVERITIES
from tocsin.directory import team_names
from tocsin.events import vulnerability_lists
from tocsin.interface import FormField, RequestError
from tocsin.node.accounts import Principal
from tocsin.problems import ProblemSearch
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import views_of
from tocsin.server.pages.problems import NAMES, TOO_LONG, WRONGS
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import text_of

_TEAMS = 200  # that are offered


def filter_fields(
    desk: PageContext, visitor: Principal, words: PageTexts, typed: Mapping[str, Any], wrongs: Mapping[str, str]
) -> Iterator[FormField]:
    """The fields; ``typed``: what was typed before, and ``wrongs``, what is wrong with it."""
    views = [(urlsplit(view.path).query, view.name) for view in views_of(desk, visitor, "/problems")]
    if views:
        hint = words.say(N_("Or choose conditions below; they count besides."))
        none = "", words.say(N_("None"))
        value = typed.get("view", "")
        yield FormField("view", words.say(N_("Saved view")), "choice", value, hint, options=[none, *views])
    every = "", words.say(N_("All"))
    for name, options in _options(desk, words).items():
        label, value = words.say(NAMES[name]), typed.get(name, "")
        kind, wrong = "choice" if options else "text", words.say(wrongs[name]) if name in wrongs else ""
        yield FormField(name, label, kind, value, wrong=wrong, options=[every, *options] if options else [])


def filter_of(form: FormData) -> str:
    """What the form asks for, as the address of the list of problems says it.

    Raises:
        RequestError: a condition cannot be read.

    """
    typed = {name: text for name in NAMES if (text := text_of(form, name))}
    search, wrongs = ProblemSearch.read_valid(dict(parse_qsl(text_of(form, "view"))) | typed)
    if wrongs:
        raise RequestError([(name, WRONGS.get(name, TOO_LONG)) for name in wrongs], hint="")
    return urlencode(search.query())


def _options(desk: PageContext, words: PageTexts) -> dict[str, list[tuple[str, str]]]:
    """By condition what it offers; nothing: it is typed."""
    problems, feeds = desk.node.problems, desk.feed_names()
    with desk.node.database.reading() as session:
        teams = team_names(session, problems.teams(desk.now, _TEAMS)).values()
    return {
        "kind": [(one, one) for one in problems.kinds(desk.now)],
        "address": [],
        "team": sorted(teams, key=lambda pair: pair[1]),
        "severity": [(one, words.translate_word("severity", one)) for one in reversed(SEVERITIES)],
        "feed": [(code, feeds.get(code, code)) for code in sorted(filter(None, problems.feeds(desk.now)))],
        "listed": sorted(vulnerability_lists(desk.node.home).items()),
    }
