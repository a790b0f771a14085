"""The ``[[transfer]]`` rules of a document: how much of which class of data goes to which partner."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol
from uuid import UUID

from tocsin.networks import country_names
from tocsin.node.sentences import say
from tocsin.sharing.gate import RULE_CODES, DataClass, TransferCode, TransferLevel, TransferRule
from tocsin.sharing.rules.document import Given

TRANSFER: Final = "transfer"
AGREEMENT_TYPES: Final = ("treaty", "law", "mou", "code", "norm")
"""What binds the parties of an agreement."""

_RECIPIENT: Final = ("team", "kind", "country", "agreement")
_KNOWN: Final = frozenset(
    {"id", "why", "class", "jurisdiction", "send", "code", "cites", "over", "requires"}
    | {f"{word}_{name}" for word in ("to", "except") for name in _RECIPIENT}
)


class DocumentReader(Protocol):
    """What reads the parts of rules that all kinds have; ``line``: where the rule begins."""

    def fault(self, line: int, name: str, words: str) -> None:
        """Note that the value of this name is wrong."""

    def blocks(self, kind: str, read: object) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rules of a kind, each with its line."""

    def recipients(self, line: int, read: dict[str, Any], prefix: str) -> Given:
        """The recipients that names with this prefix give."""

    def id(self, line: int, read: dict[str, Any]) -> str:
        """The id of a rule."""

    def text(self, line: int, read: dict[str, Any], name: str) -> str:
        """A text of one line."""

    def texts(self, line: int, read: dict[str, Any], name: str) -> list[str]:
        """One value or several."""


def read_transfers(reader: DocumentReader, read: object, code: str) -> list[tuple[int, TransferRule]]:
    """The rules with the line of each; what is wrong with them goes to the reader. ``code``: the document's type."""
    found = [(line, _rule(reader, line, one, code)) for line, one in reader.blocks(TRANSFER, read)]
    plain = {rule.id for _, rule in found if not rule.over}
    for line, rule in found:
        for other in sorted(rule.over - plain):
            words = say("'over' names [[transfer]] rules that have no 'over' themselves; '%(id)s' is none.", id=other)
            reader.fault(line, "over", words)
    return found


def _rule(reader: DocumentReader, line: int, read: dict[str, Any], code: str) -> TransferRule:
    for name in read.keys() - _KNOWN:
        reader.fault(line, name, say("There is no '%(name)s' in a [[%(kind)s]] rule.", name=name, kind=TRANSFER))
    to, excepted = dict(reader.recipients(line, read, "to_")), dict(reader.recipients(line, read, "except_"))
    classes = frozenset(DataClass(one) for one in _words(reader, line, read, "class", DataClass))
    countries = frozenset(_words(reader, line, read, "jurisdiction", country_names(), upper=True))
    agreements, but = (frozenset(_agreements(reader, line, read, f"{word}_agreement")) for word in ("to", "except"))
    rule = TransferRule(
        id=reader.id(line, read),
        teams=frozenset(to.get("team", ())),
        kinds=frozenset(to.get("kind", ())),
        countries=frozenset(to.get("country", ())),
        except_teams=frozenset(excepted.get("team", ())),
        except_kinds=frozenset(excepted.get("kind", ())),
        except_countries=frozenset(excepted.get("country", ())),
        level=_level(reader, line, read),
        classes=classes,
        jurisdictions=countries,
        agreements=agreements,
        except_agreements=but,
        code=TransferCode(next(_words(reader, line, read, "code", RULE_CODES), code)),
        cites=reader.text(line, read, "cites"),
        why=reader.text(line, read, "why"),
        over=frozenset(reader.texts(line, read, "over")),
        requires=frozenset(" ".join(one.split()) for one in reader.texts(line, read, "requires")),
    )
    if rule.over and rule.requires:
        words = say("A rule that is put over others lets more go, so it has no 'requires'.")
        reader.fault(line, "requires", words)
    if not (classes or to or excepted or countries or agreements or but or rule.requires):
        words = say("Rule '%(id)s' holds for everything: give at least one condition.", id=rule.id)
        reader.fault(line, "id", words)
    if not rule.cites and (rule.over or DataClass.REACHABILITY in classes):
        _lacks_text(reader, line, rule)
    return rule


def _lacks_text(reader: DocumentReader, line: int, rule: TransferRule) -> None:
    if rule.over:
        words = say("A rule that is put over others cites the text that allows it, by 'cites'.")
    else:
        words = say(
            "Network reachability data is open: a rule that closes it cites the text that demands it, by 'cites'."
        )
    reader.fault(line, "over" if rule.over else "class", words)


def _level(reader: DocumentReader, line: int, read: dict[str, Any]) -> TransferLevel:
    """How much goes; all of it only where the rule is put over another, since else it says nothing."""
    offered = [one for one in TransferLevel if one is not TransferLevel.CONTENT or "over" in read]
    given = list(_words(reader, line, read, "send", offered))
    if "send" not in read or len(given) > 1:
        words = say("A [[transfer]] rule says by 'send' how much goes: one of %(listed)s.", listed=", ".join(offered))
        reader.fault(line, "send" if "send" in read else "id", words)
    return TransferLevel(given[0]) if len(given) == 1 else TransferLevel.NOTHING


def _words(
    reader: DocumentReader, line: int, read: dict[str, Any], name: str, known: Iterable[str], *, upper: bool = False
) -> Iterator[str]:
    """The values of a key that are words of a list."""
    words = [str(one) for one in known]
    for text in reader.texts(line, read, name):
        word = text.strip().upper() if upper else text.strip().lower()
        if word in words:
            yield word
        else:
            takes = ", ".join(words) if len(words) < 20 else say("countries")
            values = {"text": text, "name": name, "takes": takes}
            reader.fault(line, name, say("'%(text)s' does not fit '%(name)s', which takes %(takes)s.", **values))


def _agreements(reader: DocumentReader, line: int, read: dict[str, Any], name: str) -> Iterator[str]:
    for text in reader.texts(line, read, name):
        word = text.strip().lower()
        try:
            yield word if word in AGREEMENT_TYPES else str(UUID(word))
        except ValueError:
            listed = ", ".join(AGREEMENT_TYPES)
            words = say("'%(text)s' is no agreement: give its UUID, or %(listed)s.", text=text, listed=listed)
            reader.fault(line, name, words)
