"""The decisions: may this leave, with which fields, and what may be done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tocsin.directory import Team
from tocsin.events import FIELDS, Field, Privacy
from tocsin.node.sentences import say
from tocsin.sharing.gate.local import LocalRule
from tocsin.sharing.gate.markings import Marking, Pap, Tlp, read_marking
from tocsin.sharing.gate.rules import ACTION_RULES, FIELD_RULES, RULES, FieldRule, ReleaseAction, ReleaseRule
from tocsin.sharing.gate.terms import Audience, Recipient, ReleasePurpose, recipient_of


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Yes or no, the id of the rule that said so, and its words."""

    allowed: bool
    rule: str
    words: str


_NO_RULE = GateVerdict(False, "no-rule", say("No rule allows it, and what no rule allows does not leave."))
VOLUNTARY = GateVerdict(
    False,
    "voluntary-official",
    say("What was reported voluntarily goes to no supervisor and no police without recorded consent or a cited order."),
)


def decide(
    marking: Marking,
    recipient: Recipient,
    purpose: ReleasePurpose,
    local: Iterable[LocalRule] = (),
    *,
    voluntary: bool = False,
) -> GateVerdict:
    """Whether an item of this marking may go to this recipient for this purpose.

    ``local``: the rules of this node that hold for the item. They are asked after the table, so that they only narrow
    what it allows. ``voluntary``: it holds what was reported voluntarily, without consent or order for this recipient.
    """
    if voluntary and recipient.official:
        return VOLUNTARY
    verdict = _by_table(marking, recipient.audience, recipient.named, recipient.ceiling, purpose)
    if not verdict.allowed:
        return verdict
    stopping = (rule for rule in local if rule.concerns(recipient, purpose) and rule.stops(marking))
    rule = next(stopping, None)
    return verdict if rule is None else GateVerdict(False, rule.name, rule.words)


def fields_for(
    recipient: Recipient, purpose: ReleasePurpose, marking: Marking, local: Iterable[LocalRule] = ()
) -> tuple[str, ...]:
    """The names of the schema fields that may go along, in the schema's order; none where `decide` says no."""
    local = tuple(local)
    if not decide(marking, recipient, purpose, local).allowed:
        return ()
    fields = _fields(recipient.audience, purpose)
    closed = {name for rule in local if rule.hide and rule.concerns(recipient, purpose) for name in rule.hide}
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
def _by_table(marking: Marking, audience: Audience, named: bool, ceiling: Tlp, purpose: ReleasePurpose) -> GateVerdict:
    rule = next((rule for rule in RULES if _applies(rule, marking, Recipient(audience, named), purpose)), None)
    if rule is None:
        return _NO_RULE
    if rule.allowed and marking.tlp.rank > ceiling.rank:
        return GateVerdict(
            False, "recipient-ceiling", say("The recipient wants nothing above TLP:%(ceiling)s.", ceiling=ceiling)
        )
    return GateVerdict(rule.allowed, rule.id, rule.words)


@cache
def _fields(audience: Audience, purpose: ReleasePurpose) -> tuple[str, ...]:
    rule = next((rule for rule in FIELD_RULES if audience in rule.audiences and purpose in rule.purposes), None)
    return tuple(field.name for field in FIELDS if _goes(field, rule)) if rule else ()


def _applies(rule: ReleaseRule, marking: Marking, recipient: Recipient, purpose: ReleasePurpose) -> bool:
    return (
        rule.tlp is marking.tlp
        and recipient.audience in rule.audiences
        and purpose in rule.purposes
        and rule.named in {None, recipient.named}
    )


def _goes(field: Field, rule: FieldRule) -> bool:
    third_party = field.name.startswith("destination.") and field.privacy is Privacy.PERSONAL
    return field.privacy in rule.classes and (rule.third_party or not third_party)
