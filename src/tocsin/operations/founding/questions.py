"""What a question is, and how its answer is read.

An answer is one text, or a list of texts where several are asked for; empty where the person has none. ``read`` gives
its one form, as the directory has it, or raises ``ValueError`` with the reason.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from tocsin.directory import canonical, lines, paragraphs
from tocsin.networks import country_names, parse_network

Answer: TypeAlias = str | list[str]
Answers: TypeAlias = Mapping[str, Answer]


@dataclass(frozen=True)
class InterviewQuestion:
    """One question: ``asks`` is the sentence, ``why`` says more, ``example`` shows an answer.

    ``choices`` are words with their meaning, chosen by number or word. ``several``: one answer a line, up to an empty
    one. ``default`` gives the answer for an empty line from what was answered before.
    """

    name: str
    asks: str
    read: Callable[[str], str]
    why: str = ""
    example: str = ""
    default: Callable[[Answers], str] | None = None
    needed: bool = False
    several: bool = False
    choices: tuple[tuple[str, str], ...] = ()

    def suggestion(self, answers: Answers) -> str:
        """The answer for an empty line, or an empty text."""
        return self.default(answers) if self.default else ""


def understood(question: InterviewQuestion, text: str) -> str:
    """The one form of an answer; numbers of choices become their words.

    Raises:
        ValueError: it is no answer to this question; the message says what is wrong.

    """
    if not text.strip():
        if question.needed:
            raise ValueError("this one is needed")
        return ""
    return question.read(_chosen(question, text) if question.choices else text)


def _chosen(question: InterviewQuestion, text: str) -> str:
    words = [word for word, _ in question.choices]
    parts = [part.strip() for part in text.split(";" if ";" in text else ",")]
    named = [words[int(part) - 1] if part.isdecimal() and 0 < int(part) <= len(words) else part for part in parts]
    return "; ".join(named)


def each(read: Callable[[str], str], between: str = ",;") -> Callable[[str], str]:
    """The reader of several values on one line."""
    pattern = re.compile(f"[{between}]")

    def every(text: str) -> str:
        return "; ".join(dict.fromkeys(read(part.strip()) for part in pattern.split(text) if part.strip()))

    return every


def scope_kind(text: str) -> str:
    """Which list of a team a network, an AS number, a domain or a country code belongs to."""
    words = text.strip()
    if re.fullmatch(r"(?:AS)?\d{1,10}", words, re.IGNORECASE):
        return "asns"
    if "/" in words or parse_network(words):
        return "prefixes"
    return "countries" if re.fullmatch(r"[A-Za-z]{2}", words) else "domains"


def scope(text: str) -> str:
    """A network, an AS number as ``AS64500``, a domain, or a country code."""
    reader = {
        "asns": lambda words: f"AS{canonical.asn(words)}",
        "prefixes": canonical.prefix,
        "countries": canonical.country,
        "domains": canonical.domain,
    }
    return reader[scope_kind(text)](text)


def country(text: str) -> str:
    """A country by its code or by its English name."""
    names = {name.casefold(): code for code, name in country_names().items()}
    return canonical.country(names.get(text.strip().casefold(), text))


def person(text: str) -> str:
    """A person on duty, ``NAME <MAILBOX>`` or a name alone."""
    name, bracket, mailbox = text.strip().partition("<")
    shown = canonical.name(name)
    if not bracket:
        return shown
    return f"{shown} <{canonical.mailbox(mailbox.removesuffix('>'))}>"


def prose(text: str) -> str:
    """Paragraphs; a backslash and n, typed on one line, stand for a line break."""
    return paragraphs(text.replace("\\n", "\n"))


def postal_address(text: str) -> str:
    """Lines, typed with semicolons between them."""
    return lines(text.replace(";", "\n"))


def day(text: str) -> str:
    """A date."""
    return canonical.day(text).isoformat()


def renewal_day(today: date) -> Callable[[str], str]:
    """A day from tomorrow to a year from now (RFC 9116, section 2.5.5)."""

    def read(text: str) -> str:
        day = canonical.day(text)
        if not today < day <= today + timedelta(days=365):
            raise ValueError("the day must lie ahead, and less than a year away (RFC 9116)")
        return day.isoformat()

    return read
