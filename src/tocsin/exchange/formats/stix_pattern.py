"""STIX patterns, one a line, by the grammar of OASIS (`stix2-patterns`, extra ``formats``); never evaluated."""

from collections.abc import Iterator
from typing import Final

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.json_documents import text_lines

NOT_INSTALLED: Final = "Not checked: install tocsin[formats]."
_LONGEST: Final = 100_000  # characters; the parser's time grows faster than the pattern


def check(data: bytes) -> Iterator[Verdict]:
    """One verdict for each line that is not empty."""
    for number, line in text_lines(data):
        try:
            found = pattern_faults(line.decode())
        except UnicodeError:
            found = ["It is not UTF-8."]
        except ImportError:
            yield Verdict("2.1", valid=None, faults=(Fault(f"line {number}", "", NOT_INSTALLED),))
            continue
        yield Verdict("2.1", not found, tuple(Fault(f"line {number}", "", one) for one in found), objects=1)


def pattern_faults(pattern: str) -> list[str]:
    """What is wrong with a pattern.

    Raises:
        ImportError: the grammar is not installed.

    """
    from stix2patterns.validator import run_validator

    if len(pattern) > _LONGEST:
        return [f"It has more than {_LONGEST:,} characters."]
    return [str(one).removeprefix("FAIL: ") for one in run_validator(pattern.strip(), "2.1")]


def is_rule(kind: str, text: str) -> bool:
    """Whether a text can be the pattern of an indicator; of STIX's own only what its grammar allows."""
    if kind != "stix":
        return bool(text)
    try:
        return not pattern_faults(text)
    except ImportError:
        return text.startswith(("[", "("))
