"""What is said after ``tocsin directory assert``, ``deny`` and ``withdraw``."""

from typing import TYPE_CHECKING

from tocsin.interface import say

if TYPE_CHECKING:
    from tocsin.directory import AssertionResult

_FEW = 10


def show_asserted(done: "AssertionResult") -> None:
    """What came of a word that something is a team's."""
    _print(done, "it is theirs now")


def show_denied(done: "AssertionResult") -> None:
    """What came of a word that something is not a team's."""
    _print(done, "it is not theirs")


def show_withdrawn(done: "AssertionResult") -> None:
    """What came of taking a word back."""
    _print(done, "taken back")


def _print(done: "AssertionResult", words: str) -> None:
    thing = f"AS{done.value}" if done.kind == "asn" else f"{done.kind} {done.value}"
    if not done.changed:
        say(f"{done.team}, {thing}: it was said already; nothing was changed.")
        return
    say(f"{done.team}, {thing}: {words}.")
    if done.overruled_by:
        say(f"But a decision overrules it: {done.overruled_by}. 'tocsin directory decide' makes a new one.")
    for title, effects in (
        ("Overruled by it", [effect for effect in done.effects if effect.overruled]),
        ("In force again", [effect for effect in done.effects if not effect.overruled]),
    ):
        if effects:
            say(f"{title}, {len(effects):,}:")
            for effect in effects[:_FEW]:
                say(
                    f"  {effect.team}, {effect.kind} {effect.value}, {effect.role or 'theirs'} (source {effect.source})"
                )
            if len(effects) > _FEW:
                say(f"  and {len(effects) - _FEW:,} more; --json shows all.")
