"""A text at one moment of its negotiation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.drafting.model import Comment, NegotiatedText, Position, Provision, StakeholderEntry, TextSection


class ProvisionOutcome(StrEnum):
    """What the chair did with a provision in this round."""

    ACCEPTED = "accepted"
    MERGED = "merged"
    BRACKETED = "bracketed"
    LEFT = "left"
    DELETED = "deleted"


@dataclass(frozen=True)
class ChairDecision:
    """The chair's decision on a provision: the words it will have, and out of whose entries."""

    outcome: ProvisionOutcome
    text: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaseVersion:
    """The words of a provision from base ``generation`` on."""

    generation: int
    text: str


@dataclass
class TextState:
    """The text after some acts. ``apply`` (apply.py) changes it in place; an older one is got by replaying.

    ``order`` are the ids of the provisions that are in the text, as printed; ``gone`` says of the others why,
    and ``left_at`` with which base they left, if with one.
    ``generation`` counts the acts that changed the words of the base; an entry is compared with the base of its own.
    """

    text: NegotiatedText
    generation: int = 0
    order: list[str] = field(default_factory=list)
    provisions: dict[str, Provision] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    left_at: dict[str, int] = field(default_factory=dict)
    bases: dict[str, list[BaseVersion]] = field(default_factory=dict)
    entries: dict[str, StakeholderEntry] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    decisions: dict[str, ChairDecision] = field(default_factory=dict)
    chair: str | None = None

    def printed(self) -> list[Provision]:
        """The provisions in the text, in print order."""
        return [self.provisions[name] for name in self.order]

    def entries_on(self, provision: str) -> list[StakeholderEntry]:
        """The entries that speak about a provision, in source order."""
        return [entry for entry in self.entries.values() if entry.speaks_of(provision)]

    def positions_on(self, provision: str) -> list[Position]:
        """The positions on a provision, and those on its whole section while it was in the base.

        Who speaks of "these targets" does not speak of those that others propose beside them.
        """
        section = self.provisions[provision].section
        return [
            position
            for position in self.positions.values()
            if position.provision == provision
            or (position.provision == section and self.base_at(provision, position.generation))
        ]

    def remarks_on(self, place: str) -> list[Comment]:
        """The comments on a provision or section that stand in nobody's entry."""
        return [c for c in self.comments.values() if c.provision == place and c.entry is None]

    def sections(self) -> Mapping[str, TextSection]:
        """The sections by id."""
        return {section.id: section for section in self.text.sections}

    def base_of(self, entry: StakeholderEntry, provision: str | None = None) -> str:
        """The words that an entry was written on."""
        return self.base_at(provision or entry.provision, entry.generation)

    def base_at(self, provision: str, generation: int) -> str:
        """The words of a provision in base ``generation``; empty before it existed."""
        versions = [version for version in self.bases.get(provision, []) if version.generation <= generation]
        return versions[-1].text if versions else ""

    def anchored_words(self, comment: Comment) -> str:
        """The words of the base that a comment made here stands on; empty when it stands on no words in particular."""
        if comment.anchor is None or comment.anchor.line:
            return ""
        return self.base_at(comment.provision, comment.generation)[comment.anchor.start : comment.anchor.end]

    def next_text(self, provision: str) -> str:
        """The words a provision will have if the round is closed now."""
        decision = self.decisions.get(provision)
        return self.provisions[provision].base if decision is None else decision.text


def begun(text: NegotiatedText) -> TextState:
    """The draft that a text begins with."""
    return TextState(
        text,
        order=[provision.id for provision in text.provisions],
        provisions={provision.id: provision for provision in text.provisions},
        bases={provision.id: [BaseVersion(0, provision.base)] for provision in text.provisions},
        entries={entry.id: entry for entry in text.entries},
        comments={comment.id: comment for comment in text.comments},
        positions={position.id: position for position in text.positions},
    )


def words_for(entry: StakeholderEntry, provision: str) -> str:
    """The words that an entry has for one provision; empty when it has none."""
    if entry.items:
        return next((item.text for item in entry.items if item.provision == provision), "")
    return entry.text if entry.provision == provision else ""


def writings(draft: TextState) -> dict[str, list[tuple[StakeholderEntry, str]]]:
    """For each provision the entries that have words for it, with those words."""
    found: dict[str, list[tuple[StakeholderEntry, str]]] = {}
    for entry in draft.entries.values():
        for name in dict.fromkeys([item.provision for item in entry.items] or [entry.provision]):
            if text := words_for(entry, name):
                found.setdefault(name, []).append((entry, text))
    return found
