"""Why things did not go to a partner, in sentences for people here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.exchange.sharing.packages import NOT_CHOSEN
from tocsin.node.sentences import say
from tocsin.sharing.gate import TransferCode
from tocsin.sharing.rules import rule_words

_BY_CODE: Final[Mapping[str, str]] = {
    TransferCode.AGREEMENT: say("A rule of the agreement withholds it."),
    TransferCode.CONSENT: say("Its source has to agree first."),
    TransferCode.CHANNEL: say("Its source asks for encryption, and this recipient has none."),
    TransferCode.VOLUNTARY: say("It was reported voluntarily, and goes to no supervisor and no police."),
    TransferCode.RESTRICTED: say("It is in a restricted incident that does not name the partner."),
    TransferCode.RECALLED: say("Its source has recalled it, so it goes to nobody else."),
    TransferCode.NEVER_HELD: say("It has what must never be held. Purge it here, unseen."),
    TransferCode.SIZE: say("All parts together would be larger than a message may be."),
    NOT_CHOSEN: say("It was not selected."),
}
"""What codes say by themselves; of others the rule says it: the table of the gate, or a rule of this node."""


def why_withheld(session: Session, rows: Iterable[Iterable[Any]]) -> list[tuple[str, str, int]]:
    """Class of data, the reason as a sentence, and how many things; ``rows``: class, rule, code and how many."""
    given = list(rows)
    words = rule_words(session, {rule for _, rule, code, _ in given if code not in _BY_CODE})
    counted = Counter[tuple[str, str]]()
    for data, rule, code, count in given:
        counted[data, _BY_CODE.get(code) or words[rule]] += count
    return [(*reason, count) for reason, count in counted.items()]
