"""What people and the chair say of a text, as acts: commands and pages make them here, with the text as it is."""

from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

from tocsin.drafting import acts
from tocsin.drafting.agreement import (
    POSITION_WORDS,
    ContestedSpan,
    alternatives,
    comparable,
    in_brackets,
    place_in_brackets,
    stakeholders,
)
from tocsin.drafting.difference import Edit, apply_edits, words
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.positions import states_only
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.sentences import say

BRACKETS = -1
"""In the place of the number of a wording: the base and every wording, in brackets."""


def fresh(kind: str) -> str:
    """A new id that no other copy of the text will make: ``e-`` entries, ``p-`` positions, ``c-`` comments."""
    return f"{kind}-{uuid4().hex[:10]}"


def proposal(
    draft: TextState,
    provision: str,
    stakeholder: str,
    text: str,
    *,
    identity: str = "",
    group: str | None = None,
    members: Sequence[str] | None = None,
    base: int | None = None,
    language: str = "",
    reason: str = "",
) -> acts.Propose:
    """A stakeholder's words for a provision, on the present base unless another is named.

    Raises:
        UsageError: nobody is named, or the words only state a position ("Support.") and would replace the provision.

    """
    refuse_position(text)
    organisations, role = known_stakeholder(draft, stakeholder, group, members)
    generation = draft.generation if base is None else base
    entry = identity or fresh("e")
    return acts.Propose(entry, provision, stakeholder, organisations, role, text, generation, language, reason)


def refuse_position(text: str) -> None:
    """Refuse words for a provision that state a position on it and are no words for it.

    Raises:
        UsageError: they are such.

    """
    if kind := states_only(text):
        raise UsageError(
            say("'%(words)s' states a position and is no text for the provision.", words=text.strip()),
            hint=say("Record the position '%(kind)s' instead.", kind=POSITION_WORDS[kind]),
        )


def known_stakeholder(
    draft: TextState, name: str, group: str | None, members: Sequence[str] | None
) -> tuple[tuple[str, ...], str | None]:
    """The organisations and group of a stakeholder: as given, else as the record knows them."""
    if not name:
        raise UsageError("Whose words are these?", hint="Name the stakeholder with --stakeholder.")
    known = next((person for person in stakeholders(draft) if person.name == name), None)
    organisations = tuple(members) if members else known.organisations if known else (name,)
    return organisations, group or (known.role if known else None)


def bracketed(draft: TextState, provision: str, entries: Sequence[str] | None = None) -> acts.PutInBrackets:
    """Every place that differs in brackets, from some entries or all.

    Raises:
        ConflictError: one of the entries has no words on the present base.

    """
    there = [one.id for one in comparable(draft, provision)]
    if missing := [name for name in entries or () if name not in there]:
        raise ConflictError(
            f"{missing[0]} has no words on the present base of {provision}.",
            hint="Rebase it first, or leave it out.",
        )
    chosen = tuple(entries or there)
    found = in_brackets(draft.provisions[provision].base, alternatives(draft, provision, chosen))
    return acts.PutInBrackets(provision, found, chosen)


def decision(
    draft: TextState, provision: str, choices: Mapping[int, int], own: str = ""
) -> acts.Accept | acts.Combine | acts.PutInBrackets | acts.Leave:
    """The chair's step for one provision out of a wording for each place, or ``own`` words.

    ``choices``: the number of a place (from 1; 0 is the whole provision) → that of its wording (from 1; 0 is the base,
    `BRACKETS` all of them). A wording of the whole goes before all places.
    """
    base = draft.provisions[provision].base
    if own and words(own) != words(base):
        return acts.Combine(provision, own, ())
    found = alternatives(draft, provision)
    if found.whole and (chosen := _chosen(found.whole, choices.get(0, 0))):
        return acts.Accept(provision, chosen[1][0])
    if found.whole and choices.get(0) == BRACKETS:
        return bracketed(draft, provision)
    edits: list[Edit] = []
    entries: list[str] = []
    for number, place in enumerate(found.places, 1):
        text, whose = _wording(place, choices.get(number, 0))
        edits.append(Edit(place.start, place.end, text))
        entries += whose
    text, names = apply_edits(base, edits), tuple(dict.fromkeys(entries))
    if BRACKETS in choices.values():
        return acts.PutInBrackets(provision, text, names)
    if words(text) == words(base):
        return acts.Leave(provision)
    same = (entry.id for entry in comparable(draft, provision) if words_for(entry, provision) == text)
    entry = next(same, None)
    return acts.Accept(provision, entry) if entry else acts.Combine(provision, text, names)


def decided_text(draft: TextState, act: acts.Act) -> str:
    """The words that a provision gets by a step of `decision`."""
    match act:
        case acts.Accept(provision=provision, entry=str() as entry):
            return words_for(draft.entries[entry], provision)
        case acts.Combine(text=text) | acts.PutInBrackets(text=text):
            return text
        case acts.Leave(provision=provision):
            return draft.provisions[provision].base
        case _:
            return ""


def _wording(place: ContestedSpan, number: int) -> tuple[str, Collection[str]]:
    if number == BRACKETS:
        return place_in_brackets(place), [name for option in place.options for name in option.entries]
    chosen = _chosen(place, number)
    return chosen or (place.base, ())


def _chosen(place: ContestedSpan, number: int) -> tuple[str, tuple[str, ...]] | None:
    """The words of a numbered wording and whose they are; None for the base."""
    if not 1 <= number <= len(place.options):
        return None
    option = place.options[number - 1]
    return option.text, option.entries
