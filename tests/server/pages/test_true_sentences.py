"""Sentences with a figure in them are true with 0, 1, 2, many, none and open, in every language."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import tocsin.server.pages
from tocsin.node.censoring import Median
from tocsin.server.pages.figures_pages import half, took
from tocsin.server.pages.words import words_for

_TEMPLATES: Final = Path(str(tocsin.server.pages.__file__)).parent / "templates"
_PLACES: Final = ("figures.html", "today/*.html", "teams/*.html", "public/*.html", "portal/*.html")
_PLAIN: Final = re.compile(r"(?<![a-z])_\(\s*\"((?:[^\"\\]|\\.)*)\"")
_COUNTED: Final = re.compile(
    r"%\((?:n|all|count|\w*s|answered)\)s (?:more |new |open |oldest |other )*(?!(?:is|has|was)\b)([a-z]+s)\b"
)
_NO_COUNT: Final = {
    "More than %(n)s teams",  # the most that are counted
    "No key of a team expires within %(days)s days",  # a setting of the house, more than one
    "A key of a team will be listed here %(days)s days before it expires.",
    "Seen in the last %(days)s days.",
    (
        "A figure is shown only where at least %(networks)s networks are in it, none of them has more than %(share)s "
        "of it, and the others beside the two largest weigh something."
    ),
    "%(n)s bytes",
}
"""Texts that look like a count and are none, or never of one thing."""

_MEDIANS: Final = {
    "none": None,
    "open": Median(9, 2, 40.0, math.inf, 30.0, math.inf),
    "open above": Median(9, 5, 4.0, 6.0, 3.0, math.inf),
    "zero": Median(2, 2, 0.0, 0.0, None, None),
    "one": Median(1, 1, 1.0, 1.0, None, None),
    "two": Median(5, 5, 2.0, 2.0, 1.0, 2.0),
    "many": Median(5000, 4000, 4711.0, 4812.0, 4000.0, 5000.0),
}


def _texts() -> Iterator[tuple[str, str]]:
    for pattern in _PLACES:
        for path in sorted(_TEMPLATES.glob(pattern)):
            for text in _PLAIN.findall(path.read_text(encoding="utf-8")):
                yield path.name, text


def test_nothing_is_counted_in_one_form_alone() -> None:
    """ "1 teams": a text with a number before a plural has a form for one (``ngettext``)."""
    found = list(_texts())
    assert len(found) > 200
    wrong = [(name, text) for name, text in found if _COUNTED.search(text) and text not in _NO_COUNT]
    assert wrong == []


@pytest.mark.parametrize("language", ["en", "es", "fr", "pt", "ar"])
@pytest.mark.parametrize("of", _MEDIANS)
def test_a_median_that_does_not_exist_is_not_named(language: str, of: str, tmp_path: Path) -> None:
    words, median = words_for(language, tmp_path, {}), _MEDIANS[of]
    sentence, cell = half(median, words), took(median, words)
    named = words.say("half were fixed within %(time)s", time=cell)
    assert sentence
    assert cell
    if median is None or math.isinf(median.latest):
        assert sentence != named, "half were fixed within open"
        assert not any(sign.isdigit() for sign in sentence + cell), "no time is named"
    else:
        assert sentence == named
    assert not {"inf", "nan"} & set(re.findall(r"[a-z]+", f"{sentence} {cell}"))
