"""What a digest says beside its events: the text of an incident that problems of it belong to, if the gate lets it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tocsin.delivery.columns import WIDTH, wrap
from tocsin.delivery.mime import plain
from tocsin.delivery.texts import Texts
from tocsin.directory import Team
from tocsin.sharing.gate import Marking, ReleasePurpose, decide, recipient_of


@dataclass(frozen=True)
class DigestNote:
    """The text of an incident: by language (BCP 47), each with its marking. The first stands in for what is missing.

    ``held_from``: the `Recipient.official` for whom nothing that came voluntarily is released.
    """

    reference: str
    texts: Mapping[str, tuple[str, Marking]]
    held_from: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ReleasedNote:
    """A text that one team gets."""

    reference: str
    text: str
    marking: Marking


def released_notes(
    notes: Sequence[DigestNote], team: Team, own: Collection[str], language: str
) -> tuple[ReleasedNote, ...]:
    """Those of the texts that the gate lets go to a team, each in its language. ``language``: else in this."""
    recipient = recipient_of(team, own=own)
    found = []
    for note in notes:
        chosen = next((one for one in (team.language, language) if one in note.texts), next(iter(note.texts)))
        text, marking = note.texts[chosen]
        voluntary = recipient.official in note.held_from
        if decide(marking, recipient, ReleasePurpose.REMEDIATION, voluntary=voluntary).allowed:
            found.append(ReleasedNote(note.reference, text, marking))
    return tuple(found)


def note_block(note: ReleasedNote, texts: Texts) -> str:
    """The text as a digest shows it, 76 columns wide."""
    lines = [wrap(plain(line)) for line in note.text.strip().splitlines()]
    return "\n".join([texts.say("incident", reference=note.reference), "-" * WIDTH, *lines])
