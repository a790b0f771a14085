"""What is wrong with a setting, and on which line of its file."""

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def problem_of(error: "ErrorDetails") -> str:
    """What is wrong with a setting, in words for whoever wrote it."""
    if error["type"] == "extra_forbidden":
        return "there is no setting of this name"
    if error["type"] == "missing":
        return "it must be set"
    if error["type"] == "string_pattern_mismatch":
        return "its value does not have the form that is needed"  # not shown: an address may hold a secret
    return str(error["msg"]).removeprefix("Value error, ")


def line_of(text: str, parts: Sequence[int | str]) -> int:
    """The line of valid TOML on which the entry to which ``parts`` lead begins, else that of its table; 0 for neither.

    It begins after the last lines that could be read without it; ``tomllib`` does not say where it found something.
    """
    lines, begins, found, depth = text.splitlines(keepends=True), 1, 0, 0
    for number in range(1, len(lines) + 1):
        with suppress(tomllib.TOMLDecodeError):
            if (deeper := _depth(tomllib.loads("".join(lines[:number])), parts)) > depth:
                found, depth = begins, deeper
            begins = number + 1
    return found


def _depth(read: Any, parts: Sequence[int | str]) -> int:
    """How many of the parts lead to something."""
    for depth, part in enumerate(parts):
        try:
            read = read[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(parts)
