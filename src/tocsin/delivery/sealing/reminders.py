"""Teams are asked in time, once, for a key that follows the one that will expire."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.delivery.mime import usable_mailboxes
from tocsin.delivery.sealing.key_letters import expiring
from tocsin.directory import Team
from tocsin.directory.keys import TeamKey, expiring_keys, judge_for, serves
from tocsin.node.letters import queue_letter
from tocsin.node.node_settings import NodeSettings

_KIND = "key-expires"
_DAYS_AHEAD = 30


def remind_of_keys(
    session: Session,
    teams: Iterable[Team],
    keys_of: Callable[[int], Sequence[TeamKey]],
    sender: NodeSettings,
    now: datetime,
) -> int:
    """Ask, in the caller's transaction, the teams whose mails must be encrypted and can be for 30 days more at most.

    Each mailbox is asked once for one end; who has another key that lasts longer is not. Returns how many letters that
    made. To be called once a day.
    """
    made = 0
    for team in teams:
        keys = [key for key in keys_of(team.id) if judge_for(key, team.mailboxes, now).good] if team.encrypt else []
        last = expiring_keys(keys, now, _DAYS_AHEAD)
        lasting = [key for key in keys if key not in [one for one, _ in last]]
        for mailbox in usable_mailboxes(team.mailboxes):
            mine = [pair for pair in last if serves(pair[0], mailbox)]
            if not mine or any(serves(key, mailbox) for key in lasting):
                continue
            key, until = mine[-1]
            letter = expiring(team, key, until, sender)
            made += queue_letter(
                session,
                key=f"{_KIND}:{key.facts.fingerprint}:{until:%Y-%m-%d}:{mailbox}",
                kind=_KIND,
                mailbox=mailbox,
                subject=letter.subject,
                body=letter.body,
                now=now,
            )
    return made
