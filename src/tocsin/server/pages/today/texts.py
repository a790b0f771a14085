"""How the page of today puts items: by whose they are, and the state in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.pipeline.to_do import Item
from tocsin.server.pages.today.figures import Today
from tocsin.server.pages.words import N_, NN_, PageTexts


@dataclass(frozen=True)
class Groups:
    """The items of one page, each list by when they are due."""

    mine: Sequence[Item]
    unassigned: Sequence[Item]
    others: Sequence[Item]
    snoozed: Sequence[Item]

    @property
    def open(self) -> int:
        """How many are not snoozed."""
        return len(self.mine) + len(self.unassigned) + len(self.others)


def groups_of(items: Sequence[Item], person: int | None, now: datetime) -> Groups:
    """The items by whose they are, for one person. Pure."""
    awake = [one for one in items if not one.is_snoozed(now)]
    owned = [one for one in awake if one.owner is not None]
    mine = [one for one in owned if one.owner is not None and one.owner[0] == person]
    return Groups(
        mine=mine,
        unassigned=[one for one in awake if one.owner is None],
        others=[one for one in owned if one not in mine],
        snoozed=[one for one in items if one.is_snoozed(now)],
    )


def standing(today: Today, groups: Groups, words: PageTexts) -> str:
    """The state of the page in one sentence."""
    if not today.started:
        return words.say(N_("No report yet"))
    if not groups.open:
        return words.say(N_("Nothing waits"))
    return words.count(*NN_("%(n)s item needs action", "%(n)s items need action"), groups.open)
