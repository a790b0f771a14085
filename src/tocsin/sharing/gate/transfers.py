"""Transfer policy: how much of which class of data may go to whom. Its rules only narrow what the gate allows.

The classes are closed, since partners name them to each other. Content is as in the Convention on Cybercrime,
personal data as in Convention 108+ and the GDPR.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from tocsin.interface import N_
from tocsin.node.sentences import say
from tocsin.sharing.gate.iep import NO_LIMITS, IepLimits
from tocsin.sharing.gate.local import RecipientRule
from tocsin.sharing.gate.markings import Marking
from tocsin.sharing.gate.terms import UNKNOWN_SOURCE, ItemSource, Recipient


class DataClass(StrEnum):
    """What sort of data a part holds."""

    CASE = "case"  # facts of a case: type, severity, what happened when
    ANALYSIS = "analysis"  # what people of the team wrote of it
    CONTENT = "content"  # content of communications: mails and what is attached to them
    PERSONAL = "personal"  # personal data: names, accounts, addresses of persons and of victims
    TECHNICAL = "technical"  # indicators, and what else was observed of machines
    EVIDENCE = "evidence"
    DOCUMENT = "document"
    STATISTICS = "statistics"  # counts
    REACHABILITY = "reachability"  # role contacts that registries publish, RFC 2350, security.txt; never persons


DATA_CLASSES: Final[Mapping[str, str]] = {
    DataClass.CASE: N_("Facts of the case"),
    DataClass.ANALYSIS: N_("What the team wrote"),
    DataClass.CONTENT: N_("Content of mails"),
    DataClass.PERSONAL: N_("Personal data"),
    DataClass.TECHNICAL: N_("Technical data"),
    DataClass.EVIDENCE: N_("Evidence"),
    DataClass.DOCUMENT: N_("Documents"),
    DataClass.STATISTICS: N_("Statistics"),
    DataClass.REACHABILITY: N_("Network contacts"),
}


class TransferLevel(StrEnum):
    """How much of a part goes, from all to nothing."""

    CONTENT = "content"
    METADATA = "metadata"  # its name, type, size and hash
    HASH = "hash"
    NOTHING = "nothing"

    @property
    def rank(self) -> int:
        """How little it is: 0 for all to 3 for nothing."""
        return _LEVEL_RANK[self]


_LEVEL_RANK = {level: rank for rank, level in enumerate(TransferLevel)}


class TransferCode(StrEnum):
    """Why a part does not go: a closed list that partners see."""

    POLICY = "policy"  # of this node
    AGREEMENT = "agreement"
    LAW = "law"
    MARKING = "marking"
    CONSENT = "consent"  # its source is asked first
    CHANNEL = "channel"  # it leaves encrypted only
    VOLUNTARY = "voluntary"
    RESTRICTED = "restricted"
    RECALLED = "recalled"  # by its source
    NEVER_HELD = "never-held"
    SIZE = "size"


RULE_CODES: Final = (TransferCode.POLICY, TransferCode.AGREEMENT, TransferCode.LAW)
"""Those that a rule may give: the types of a document of rules."""


@dataclass(frozen=True, slots=True)
class TransferRule(RecipientRule):
    """One rule of a transfer policy. Empty sets do not narrow.

    ``classes``: of data; without them all but reachability. ``jurisdictions``: countries of which one claims the item.
    ``agreements``: UUIDs or types, of the one under which it is sent. ``over``: rules of the same document that do not
    hold where this one does. ``requires``: attestations that the partner lacks (`for_partner`). ``cites``: the text
    that it follows from. ``document``: the UUID of the agreement that it is of; empty: this node's own.
    """

    level: TransferLevel = TransferLevel.NOTHING
    classes: frozenset[DataClass] = frozenset()
    jurisdictions: frozenset[str] = frozenset()
    agreements: frozenset[str] = frozenset()
    except_agreements: frozenset[str] = frozenset()
    code: TransferCode = TransferCode.POLICY
    cites: str = ""
    why: str = ""
    over: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    document: str = ""

    @property
    def name(self) -> str:
        """How verdicts name it."""
        return f"{'agreement' if self.document else 'local'}:{self.id}"

    @property
    def words(self) -> str:
        """Why, as its document says; of attestations which are missing."""
        if self.requires:
            names = ", ".join(sorted(self.requires))
            return say("The partner has not shown what this rule requires: %(names)s.", names=names)
        return self.why or self.cites or say("A transfer rule of this node keeps it back.")

    def holds(self, item: "ReleaseItem", recipient: Recipient) -> bool:
        """Whether it says anything of this item for this recipient."""
        classes = self.classes or frozenset(DataClass) - {DataClass.REACHABILITY}
        return (
            item.data in classes
            and (not self.jurisdictions or bool(self.jurisdictions & item.jurisdictions))
            and (not self.agreements or bool(self.agreements & set(recipient.agreement)))
            and not self.except_agreements & set(recipient.agreement)
            and self.names(recipient)
        )

    def for_partner(self, attested: Collection[str]) -> "TransferRule | None":
        """The rule with what this partner still lacks; None: it lacks nothing. ``attested``: keys of what counts."""
        lacking = frozenset(one for one in self.requires if attestation_key(one) not in attested)
        return replace(self, requires=lacking) if lacking or not self.requires else None


def attestation_key(name: str) -> str:
    """What the names of one attestation have in common, however they are written."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    """What the gate knows of a thing: its labels, class, source and policy.

    ``jurisdictions``: the countries that claim it. ``voluntary`` and ``restricted`` as in `gate.decide`.
    """

    marking: Marking
    data: DataClass = DataClass.TECHNICAL
    source: ItemSource = UNKNOWN_SOURCE
    iep: IepLimits = NO_LIMITS
    jurisdictions: frozenset[str] = field(default_factory=frozenset)
    voluntary: bool = False
    restricted: bool = False


def strictest(item: ReleaseItem, recipient: Recipient, rules: Iterable[TransferRule]) -> TransferRule | None:
    """The rule that decides: of all that hold, the strictest one that no other is put over; None: none holds.

    So where the laws of several countries meet in an item the stricter holds, unless a rule says otherwise.
    """
    holding = [rule for rule in rules if rule.holds(item, recipient)]
    lifted = {(rule.document, one) for rule in holding for one in rule.over}
    left = [rule for rule in holding if (rule.document, rule.id) not in lifted]
    return max(left, key=lambda rule: rule.level.rank, default=None)
