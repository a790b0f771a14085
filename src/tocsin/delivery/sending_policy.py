"""What may leave in a run, decided before anything is sent: by which way, how much, and for whom."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tocsin.node.tell_settings import TellSettings

FILE, SHADOW, REDIRECT = "file", "shadow", "redirect"
_STAYS = frozenset({FILE, SHADOW})


def way_of(tell: TellSettings, channel: str) -> str:
    """The way mails go: the channel's name, or ``shadow`` or ``redirect`` where the settings say so."""
    return channel if tell.mode == "live" else tell.mode


def leaves(way: str) -> bool:
    """Whether mails of this way leave the node."""
    return way not in _STAYS


def holds_first(tell: TellSettings, way: str) -> bool:
    """Whether the first mail to each team waits for a person: only where it would leave for that team."""
    return tell.hold_first_mail and leaves(way) and way != REDIRECT


def most_mails(tell: TellSettings, former: Sequence[int]) -> int:
    """How many mails may leave within a day without asking; ``former``: mails of each former day that had any."""
    usual = median(former) if former else 0
    return max(tell.brake_mails, int(tell.brake_factor * usual))


@dataclass
class MailAllowance:
    """How many mails each mailbox may still get; ``most`` 0 is any number, ``used`` counts by `same_mailbox`.

    A quarter more is kept for mails with something critical: small reports must not use up the day of what is bad.
    """

    most: int
    used: Counter[str] = field(default_factory=Counter)

    def is_full(self, mailboxes: Iterable[str], *, critical: bool = False) -> bool:
        """Whether one of these has had its mails."""
        most = self.most + (-(-self.most // 4) if critical else 0)
        return bool(self.most) and any(self.used[same_mailbox(mailbox)] >= most for mailbox in mailboxes)

    def take(self, mailboxes: Sequence[str], *, critical: bool = False) -> bool:
        """Count one mail to all of these; False, and nothing counted, where one of them has had its mails."""
        if self.is_full(mailboxes, critical=critical):
            return False
        self.used.update(same_mailbox(mailbox) for mailbox in mailboxes)
        return True

    def give_back(self, mailboxes: Iterable[str]) -> None:
        """A mail that was counted did not leave."""
        self.used.subtract(same_mailbox(mailbox) for mailbox in mailboxes)


def same_mailbox(mailbox: str) -> str:
    """One text for one mailbox: in practice all servers ignore case."""
    return mailbox.strip().casefold()
