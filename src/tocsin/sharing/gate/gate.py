"""The decisions: may this leave, with which fields, and what may be done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tocsin.directory import Team
from tocsin.events import FIELDS, Field, Privacy
from tocsin.node.sentences import say
from tocsin.sharing.gate.iep import NO_LIMITS, SOURCE_FIELDS, IepLimits
from tocsin.sharing.gate.local import LocalRule
from tocsin.sharing.gate.markings import Marking, Pap, Tlp, read_marking
from tocsin.sharing.gate.rules import ACTION_RULES, FIELD_RULES, RULES, FieldRule, ReleaseAction, ReleaseRule
from tocsin.sharing.gate.terms import (
    UNKNOWN_SOURCE,
    Audience,
    ItemSource,
    Recipient,
    ReleasePurpose,
    recipient_of,
)
from tocsin.sharing.gate.transfers import (
    DataClass,
    ReleaseItem,
    TransferCode,
    TransferLevel,
    TransferRule,
    strictest,
)


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Yes or no, the id of the rule that said so, and its words. ``ask``: whose consent would make it a yes."""

    allowed: bool
    rule: str
    words: str
    ask: ItemSource | None = None


@dataclass(frozen=True, slots=True)
class TransferVerdict:
    """How much of a part may go, the rule that said so, and why; ``code`` is None where all of it goes.

    ``words`` are for people here, ``cites`` is the text that the rule names, which the partner may read. ``ask``: whose
    consent would let more of it go; ``lacks``: the attestations of the partner that would.
    """

    level: TransferLevel
    rule: str
    words: str
    code: TransferCode | None = None
    ask: ItemSource | None = None
    cites: str = ""
    lacks: frozenset[str] = frozenset()


_NO_RULE = GateVerdict(False, "no-rule", say("No rule allows it, and what no rule allows does not leave."))
VOLUNTARY = GateVerdict(
    False,
    "voluntary-official",
    say("What was reported voluntarily goes to no supervisor and no police without recorded consent or a cited order."),
)
RESTRICTED = GateVerdict(
    False, "restricted-incident", say("What is in a restricted incident goes only to those whom the incident names.")
)
RECALLED = GateVerdict(False, "recalled", say("Its source has recalled it, so it goes to nobody else."))
_UNKNOWN_SOURCE = GateVerdict(
    False, "source-unknown", say("Only its source can let it go to a partner, and it is not recorded who that is.")
)
_RED_OPEN = GateVerdict(
    False, "tlp-red-open",
    say("TLP:RED goes to a person at a partner only from a restricted incident that names this person."),
)  # fmt: skip
_PLAIN = GateVerdict(False, "iep-encrypt", say("Its source asks for encryption, and this recipient has none."))
_NO_NOTIFICATION = GateVerdict(
    False, "iep-no-notification", say("Its source asks that those whom it is about are not notified.")
)
_CODES = {
    VOLUNTARY.rule: TransferCode.VOLUNTARY,
    RESTRICTED.rule: TransferCode.RESTRICTED,
    RECALLED.rule: TransferCode.RECALLED,
    _UNKNOWN_SOURCE.rule: TransferCode.CONSENT,
    _PLAIN.rule: TransferCode.CHANNEL,
}


def decide(
    marking: Marking,
    recipient: Recipient,
    purpose: ReleasePurpose,
    local: Iterable[LocalRule] = (),
    *,
    voluntary: bool = False,
    restricted: bool = False,
    source: ItemSource = UNKNOWN_SOURCE,
    iep: IepLimits = NO_LIMITS,
) -> GateVerdict:
    """Whether an item of this marking may go to this recipient for this purpose.

    ``local``: the rules of this node that hold for the item. They are asked after the table, so that they only narrow
    what it allows. ``voluntary``: it holds what was reported voluntarily, without consent or order for this recipient.
    ``restricted``: it is of a restricted incident. ``source``: who gave it its label, which counts for partners alone.
    ``iep``: what its source asks for beside the label.
    """
    if barred := _barred(recipient, source, voluntary=voluntary, restricted=restricted):
        return barred
    narrowed = marking if iep is NO_LIMITS else iep.narrowed(marking)
    verdict, consent = _by_table(narrowed, recipient.audience, recipient.is_person, recipient.ceiling, purpose)
    if not verdict.allowed:
        return verdict
    if stop := _stopped(narrowed, recipient, purpose, local, iep):
        return stop
    if consent and narrowed.tlp is Tlp.RED and not restricted:
        return _RED_OPEN
    return verdict if not consent or source.agrees(narrowed.tlp, recipient) else _ask(source)


def _barred(recipient: Recipient, source: ItemSource, *, voluntary: bool, restricted: bool) -> GateVerdict | None:
    """The no that no label and no rule opens."""
    if source.recalled and recipient.audience is not Audience.OWN:
        return RECALLED
    if voluntary and recipient.official:
        return VOLUNTARY
    return RESTRICTED if restricted and recipient.audience is not Audience.OWN and not recipient.in_case else None


def _stopped(
    marking: Marking, recipient: Recipient, purpose: ReleasePurpose, local: Iterable[LocalRule], iep: IepLimits
) -> GateVerdict | None:
    """The no of what narrows the table: the policy of the source, and the rules of this node."""
    if iep.encrypt and recipient.plain:
        return _PLAIN
    if iep.no_notifications and recipient.audience is Audience.CLIENT:
        return _NO_NOTIFICATION
    rule = next((rule for rule in local if rule.concerns(recipient, purpose) and rule.stops(marking)), None)
    return None if rule is None else GateVerdict(False, rule.name, rule.words)


def _ask(source: ItemSource) -> GateVerdict:
    """The no where only the source could say yes: nothing else stands against it."""
    if not source.name and not source.party:
        return _UNKNOWN_SOURCE
    words = say("Its source has to be asked whether it may go to this partner: %(source)s.", source=source.name)
    return GateVerdict(False, "ask-source", words, source)


def decide_transfer(
    item: ReleaseItem,
    recipient: Recipient,
    purpose: ReleasePurpose,
    local: Iterable[LocalRule] = (),
    transfers: Iterable[TransferRule] = (),
) -> TransferVerdict:
    """How much of a part may go to this recipient: first `decide`, then the transfer policy, which only narrows.

    Network reachability data is open: local rules, which cite nothing, do not concern it.
    """
    verdict = decide(
        item.marking, recipient, purpose, () if item.data is DataClass.REACHABILITY else local,
        voluntary=item.voluntary, restricted=item.restricted, source=item.source, iep=item.iep,
    )  # fmt: skip
    if not verdict.allowed:
        code = _CODES.get(verdict.rule, TransferCode.POLICY if verdict.rule.startswith("local:") else None)
        code = code or (TransferCode.CONSENT if verdict.ask else TransferCode.MARKING)
        return TransferVerdict(TransferLevel.NOTHING, verdict.rule, verdict.words, code, verdict.ask)
    rule = strictest(item, recipient, transfers)
    if rule is None or rule.level is TransferLevel.CONTENT:
        return TransferVerdict(TransferLevel.CONTENT, verdict.rule, verdict.words)
    return TransferVerdict(rule.level, rule.name, rule.words, rule.code, cites=rule.cites, lacks=rule.requires)


def fields_for(
    recipient: Recipient,
    purpose: ReleasePurpose,
    marking: Marking,
    local: Iterable[LocalRule] = (),
    *,
    source: ItemSource = UNKNOWN_SOURCE,
    iep: IepLimits = NO_LIMITS,
) -> tuple[str, ...]:
    """The names of the schema fields that may go along, in the schema's order; none where `decide` says no."""
    local = tuple(local)
    if not decide(marking, recipient, purpose, local, source=source, iep=iep).allowed:
        return ()
    fields = _fields(recipient.audience, purpose)
    closed = {name for rule in local if rule.hide and rule.concerns(recipient, purpose) for name in rule.hide}
    closed |= SOURCE_FIELDS if iep.anonymous else frozenset()
    return tuple(name for name in fields if name not in closed) if closed else fields


def allowed_teams(
    tlp: str | None,
    pap: str | None,
    teams: Iterable[Team],
    *,
    own: frozenset[str] = frozenset(),
    local: Iterable[LocalRule] = (),
) -> tuple[frozenset[int], list[tuple[int, GateVerdict]]]:
    """Which of the teams that an event is routed to may be told of it: ids, and the others with the verdict.

    ``tlp`` and ``pap`` are the event's labels as stored; ``own`` as in `recipient_of`, ``local`` as in `decide`.
    """
    marking, local = read_marking(tlp, pap), tuple(local)
    verdicts = [
        (team.id, decide(marking, recipient_of(team, own=own), ReleasePurpose.REMEDIATION, local)) for team in teams
    ]
    return (
        frozenset(team for team, verdict in verdicts if verdict.allowed),
        [(team, verdict) for team, verdict in verdicts if not verdict.allowed],
    )


def may_act(pap: Pap | None, action: ReleaseAction) -> GateVerdict:
    """Whether PAP lets us do this with an item; where its source said nothing, as under PAP:AMBER."""
    pap = pap or Pap.AMBER
    rule = next(rule for rule in ACTION_RULES if rule.pap is pap)
    return GateVerdict(action in rule.actions, f"pap-{pap.value.lower()}", rule.words)


@cache
def _by_table(
    marking: Marking, audience: Audience, named: bool, ceiling: Tlp, purpose: ReleasePurpose
) -> tuple[GateVerdict, bool]:
    """What the table says, and whether that needs its source's consent."""
    rule = next((rule for rule in RULES if _applies(rule, marking, audience, named, purpose)), None)
    if rule is None:
        return _NO_RULE, False
    if rule.allowed and marking.tlp.rank > ceiling.rank:
        words = say("The recipient wants nothing above TLP:%(ceiling)s.", ceiling=ceiling)
        return GateVerdict(False, "recipient-ceiling", words), False
    return GateVerdict(rule.allowed, rule.id, rule.words), rule.consent


@cache
def _fields(audience: Audience, purpose: ReleasePurpose) -> tuple[str, ...]:
    rule = next((rule for rule in FIELD_RULES if audience in rule.audiences and purpose in rule.purposes), None)
    return tuple(field.name for field in FIELDS if _goes(field, rule)) if rule else ()


def _applies(rule: ReleaseRule, marking: Marking, audience: Audience, named: bool, purpose: ReleasePurpose) -> bool:
    return (
        rule.tlp is marking.tlp
        and audience in rule.audiences
        and purpose in rule.purposes
        and rule.named in {None, named}
    )


def _goes(field: Field, rule: FieldRule) -> bool:
    third_party = field.name.startswith("destination.") and field.privacy is Privacy.PERSONAL
    return field.privacy in rule.classes and (rule.third_party or not third_party)
