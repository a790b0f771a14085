"""How the standby machine is, for people; and sending without one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.node.errors import SettingError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import join_sentences, say
from tocsin.node.standby import MEND_AWAY, MEND_FENCED, Standby, read_json
from tocsin.operations.standby_copy import newest_copy

_MISSED = 3  # copies in a row


@dataclass(frozen=True)
class StandbyState:
    """``words``: all of it in a sentence; ``problem``: what is wrong, or empty, and ``mend`` what to do."""

    made: datetime | None
    tried: datetime | None
    off: bool
    problem: str
    mend: str
    words: str


def standby_state(node: Node, now: datetime) -> StandbyState:
    """What the folder and this machine say.

    Raises:
        SettingError: there is no standby machine.

    """
    standby = _standby(node)
    newest, tried = newest_copy(standby), _tried(standby)
    made = newest[0] if newest else None
    problem, mend = standby.look_in_time(), MEND_FENCED if standby.fenced() else MEND_AWAY
    if not problem and standby.is_off:
        problem = say("Sending goes on without a second machine.")
        mend = say("Once there is one: 'tocsin standby on'.")
    elif not problem and made and now - made > _MISSED * timedelta(minutes=standby.settings.minutes):
        problem = say("The newest copy is old.")
        mend = say("'tocsin standby copy' says what is wrong.")
    age = say("newest copy: %(at)s UTC", at=f"{made:%Y-%m-%d %H:%M}") if made else say("no copy was made here yet")
    rehearsed = say("takeover tried: %(day)s", day=f"{tried:%Y-%m-%d}") if tried else say("takeover tried: never")
    words = join_sentences("; ", (*([problem] if problem else []), age, rehearsed))
    return StandbyState(made, tried, standby.is_off, problem, mend if problem else "", words)


def switch(node: Node, *, on: bool, now: datetime, actor: str) -> None:
    """Let mails leave only once a copy has them, or without.

    Raises:
        SettingError: there is no standby machine.
        ConflictError: another machine is the node.

    """
    standby = _standby(node)
    standby.turn_on() if on else standby.turn_off(by=actor, now=now)
    with node.database.begin() as session:
        audit(session, AuditAction.STANDBY_SWITCHED, at=now, actor=actor, subject="node", detail={"on": on})


def _standby(node: Node) -> Standby:
    if (found := node.standby) is None:
        raise SettingError(
            "There is no standby machine.", hint="Set [standby] folder and to; docs/operate.md shows how."
        )
    return found


def _tried(standby: Standby) -> datetime | None:
    try:
        found = read_json(standby.folder.tried)
    except OSError:
        return None
    return datetime.fromisoformat(str(found["at"])) if found else None
