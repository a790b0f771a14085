"""One to-do item, and what ends it."""

from dataclasses import dataclass
from datetime import datetime

from tocsin.pipeline.tables import ItemKind


@dataclass(frozen=True, slots=True)
class Item:
    """One to-do item: how many of its things there are, and since when the oldest (None: not known).

    ``subject``: what it is about; empty where its kind has one item alone. ``due``: when it should be done.
    ``team``: the key and the name of the team that it is about; ``what``: its network, or whoever held a mail.
    ``owner``: number and name of who has it. ``snoozed_until``: nobody wants to see it before.
    """

    kind: ItemKind
    count: int
    since: datetime | None = None
    due: datetime | None = None
    subject: str = ""
    team: tuple[str, str] = ("", "")
    what: str = ""
    owner: tuple[int, str] | None = None
    snoozed_until: datetime | None = None

    def is_snoozed(self, now: datetime) -> bool:
        """Whether it sleeps still."""
        return self.snoozed_until is not None and self.snoozed_until > now

    @property
    def reference(self) -> str:
        """How the audit log and comments name it."""
        return item_reference(self.kind, self.subject)


@dataclass(frozen=True, slots=True)
class Resolution:
    """One way to end an item: what one does, and on which page; ``act``: its command, or empty."""

    says: str
    path: str
    act: str


def item_reference(kind: ItemKind, subject: str) -> str:
    """How the audit log and comments name an item."""
    return f"item:{kind}:{subject}" if subject else f"item:{kind}"
