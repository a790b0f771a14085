"""The words of the pages in one language: gettext catalogues, numbers, dates and countries as that language has them.

A text stands in English where it is used; ``locale/LANGUAGE/LC_MESSAGES/tocsin.po`` holds its translations, and a
folder ``locale`` in the home folder may hold more languages, or better words. Names in ``%(…)s`` are filled in.
"""

import gettext
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_skeleton, format_timedelta, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit
from markupsafe import Markup, escape

from tocsin.directory import DAYS
from tocsin.networks import country_names
from tocsin.node.errors import SettingError, TocsinError
from tocsin.node.records import AtLeast
from tocsin.node.sentences import translate

OURS: Final = Path(__file__).parent / "locale"
_FILE = Path("LC_MESSAGES", "tocsin.po")
_SOURCE = "en"


def N_(text: str) -> str:  # noqa: N802 (the name by which gettext's tools know it)
    """Mark a text of a program for translation; the page that shows it translates it."""
    return text


def NN_(one: str, several: str) -> tuple[str, str]:  # noqa: N802 (as above; extracted as ``NN_:1,2``)
    """Mark a text for one and for several for translation, for `Words.count`."""
    return one, several


def NC_(_context: str, text: str) -> str:  # noqa: N802 (as above; extracted as ``NC_:1c,2``)
    """Mark a text of several meanings for translation, for `Words.meant` and `Words.translate_word`."""
    return text


_TERMS: Final = {"csirt": N_("CSIRT"), "cybersecurity": N_("cybersecurity")}
"""What a node may call otherwise (`[node] terms`)."""


@dataclass(frozen=True)
class PageTexts:
    """How the pages speak in one language; ``direction`` is ``ltr`` or ``rtl``.

    ``terms``: words that fill in anywhere. ``countries``: what the node calls countries, by code. A text writes a
    percent sign as ``%%``.
    """

    language: str
    direction: str
    catalogue: gettext.NullTranslations
    terms: Mapping[str, str] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)

    def say(self, text: str, /, **values: object) -> str:
        """A text in this language, with its names filled in."""
        return self._fill(self.catalogue.gettext(text), values)

    def meant(self, context: str, text: str, /, **values: object) -> str:
        """A text of several meanings; ``context`` says which."""
        return self._fill(self.catalogue.pgettext(context, text), values)

    def translate_word(self, kind: str, word: str) -> str:
        """A word of a kind of `tocsin.server.pages.closed_lists`, such as a severity; else as it is."""
        return self.catalogue.pgettext(kind, word)

    def translate(self, text: str | None) -> str:
        """A sentence (`tocsin.node.sentences`) in this language; any other text as it is, and nothing for None."""
        return translate(text or "", self.catalogue, self._fill)

    def translate_error(self, error: TocsinError) -> str:
        """What happened, and what one can do about it, in this language; commands are not at hand on a page.

        An error without values may also be a text of the pages, as those are that forms of acts raise.
        """
        texts = (str(error), "" if names_command(error.hint) else error.hint)
        said = (self.translate(text) for text in texts)
        return " ".join(new if new != text else self.say(text) for new, text in zip(said, texts, strict=True) if text)

    def count(self, one: str, several: str, n: int, /, **values: object) -> str:
        """The text for so many; ``%(n)s`` is the number as this language writes it."""
        return self._fill(self.catalogue.ngettext(one, several, n), {"n": self.number(n), **values})

    def number(self, value: float) -> str:
        """A number as this language writes it, in Western digits: addresses stand beside it."""
        more = "+" if isinstance(value, AtLeast) else ""
        return _number(value, self.language) + more

    def percent(self, share: float) -> str:
        """A share (0 to 1) in whole percent."""
        return format_percent(share, locale=self._locale, numbering_system="latn")

    def day(self, at: datetime) -> str:
        """A day, as ``24 Nov 2026``."""
        return format_date(at, "medium", locale=self._locale)

    def weekday_and_time(self, at: datetime) -> str:
        """A moment of the coming week as ``Monday 08:00``, by the clock of its own zone."""
        day = self._locale.days["stand-alone"]["wide"][at.weekday()]
        return f"{day} {_apart(f'{at:%H:%M}')}" if self.direction == "rtl" else f"{day} {at:%H:%M}"

    def hours(self, hours: str) -> str:
        """Hours as the directory writes them (``24x7``, ``mon-fri 08:00-17:00``), with this language's days."""
        days, _, span = hours.partition(" ")
        if not span:
            return self.say("Day and night, every day")
        names = self._locale.days["stand-alone"]["abbreviated"]
        shown = re.sub(r"[a-z]{3}", lambda found: names[DAYS.index(found[0])], days.replace(",", ", "))
        times = str(_apart(span) if self.direction == "rtl" else span)
        return f"{shown} {times}".replace("-", "\N{EN DASH}")

    def span(self, length: timedelta) -> str:
        """How long something took or is ago, in its largest unit, as ``3 hours``."""
        return format_timedelta(length, locale=self._locale)

    def took(self, hours: float) -> str:
        """How long something takes on the whole, as ``13 hr``, or ``6.5 days`` from two days on."""
        unit, count = ("hour", hours) if hours < 48 else ("day", hours / 24)
        shown = round(count, 1) if count < 10 else round(count)
        return format_unit(shown, f"duration-{unit}", "short", locale=self._locale, numbering_system="latn")

    def month(self, day: date) -> str:
        """The month of a day, as ``November 2026``."""
        return format_skeleton("yMMMM", day, locale=self._locale)

    def country(self, code: str) -> str:
        """The name of a country by its ISO 3166-1 code, or as the node calls it; the code where it has none."""
        if named := self.countries.get(code):
            return named
        return str(self._locale.territories.get(code, code)) if code in country_names() else code

    def zone(self, country: str) -> str:
        """What the time of a country is called, such as ``Mauritius Time``; UTC where it has several, or none."""
        zones = get_global("territory_zones").get(country, ())
        named = {get_timezone_name(zone, locale=self._locale) for zone in zones}
        return str(named.pop()) if len(named) == 1 else "UTC"

    @staticmethod
    def name_of(language: str) -> str:
        """The name of a language in itself, as its speakers look for it."""
        return str(_locale(language).display_name or language).capitalize()

    def language_name(self, code: str) -> str:
        """The name of another language (BCP 47); the code where it has none."""
        known = self._locale.languages
        return str(known.get(code.replace("-", "_")) or known.get(code[:2], code))

    @property
    def _locale(self) -> Locale:
        return _locale(self.language)

    def _fill(self, text: str, values: Mapping[str, object]) -> str:
        given = {**self.terms, **values}
        if self.direction == "rtl":
            given = {name: _apart(value) for name, value in given.items()}
        marked = any(isinstance(value, Markup) for value in given.values())
        return (escape(text) if marked else text) % given


def names_command(hint: str) -> bool:
    """Whether a hint is for whoever sits at the command line of the node."""
    return "tocsin " in hint or "--" in hint


def languages(own: Path) -> list[str]:
    """The languages that the pages can speak: ours and those of the node's own folder ``own``."""
    found = {path.parent.parent.name for folder in (OURS, own) for path in folder.glob(f"*/{_FILE}")}
    return [_SOURCE, *sorted(found - {_SOURCE})]


def choose(wanted: Sequence[str], offered: Sequence[str]) -> str:
    """The first of ``wanted`` (BCP 47) that is ``offered``, by itself or by its main language; else English."""
    for tag in wanted:
        code = tag.replace("-", "_")
        for of in (code, code.partition("_")[0].lower()):
            if of in offered:
                return of
    return _SOURCE


def words_for(
    language: str, own: Path, terms: Mapping[str, str], countries: Mapping[str, str] | None = None
) -> PageTexts:
    """The words of one language that `languages` names; ``own``: the node's folder of languages.

    Raises:
        SettingError: a catalogue of the node's own cannot be read; names the file.

    """
    direction = "rtl" if _locale(language).text_direction == "rtl" else "ltr"
    catalogue = _catalogue(language, own)
    ours = {name: catalogue.gettext(term) for name, term in _TERMS.items()}
    return PageTexts(language, direction, catalogue, {**ours, **terms}, countries or {})


def say_in(own: Path, terms: Mapping[Any, str], language: str) -> Callable[..., str]:
    """What says texts in the language that is nearest to one, for mails; ``own``, ``terms``: the node's."""
    chosen = choose([language], languages(own))
    return words_for(chosen, own, {str(name): term for name, term in terms.items()}).say


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="_") if "_" in language else Locale.parse(language)


@lru_cache(maxsize=10_000)
def _number(value: float, language: str) -> str:
    return format_decimal(value, locale=_locale(language), numbering_system="latn")


@lru_cache(maxsize=64)
def _catalogue(language: str, own: Path) -> gettext.NullTranslations:
    """Texts of the node's own before ours."""
    ours, path = _our_catalogue(language), own / language / _FILE
    if not path.is_file():
        return ours
    found = _compiled(_read(path, language))
    found.add_fallback(ours)
    return found


@lru_cache(maxsize=64)
def _our_catalogue(language: str) -> gettext.NullTranslations:
    path = OURS / language / _FILE
    return _compiled(_read(path, language)) if path.is_file() else gettext.NullTranslations()


def _read(path: Path, language: str) -> Catalog:
    try:
        with path.open("rb") as file:
            return read_po(file, locale=language, abort_invalid=True)
    except (OSError, PoFileError, ValueError) as error:
        raise SettingError(f"The texts in {path} cannot be read: {error}.", hint="Check it with: msgfmt -c") from error


def _compiled(catalogue: Catalog) -> gettext.GNUTranslations:
    packed = io.BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return gettext.GNUTranslations(packed)


def _apart(value: object) -> object:
    """An address or a date as it is within words from right to left, where its parts would change places (UAX #9)."""
    if isinstance(value, str) and not isinstance(value, Markup) and value.isascii():
        return f"\N{LEFT-TO-RIGHT ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}"
    return value
