"""The rules of release as data: what is not allowed by one of these does not leave.

The first rule that matches decides, so each label ends with the rule that says no. How the labels are read, and why,
is written down in docs/design/release.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from tocsin.events import Privacy
from tocsin.node.sentences import say
from tocsin.sharing.gate.markings import Pap, Tlp
from tocsin.sharing.gate.terms import Audience, ReleasePurpose

_ANYONE = frozenset(Audience)
_ANYTHING = frozenset(ReleasePurpose)
_KNOWN = _ANYONE - {Audience.PUBLIC}
_PARTNER = frozenset({Audience.PARTNER})
_WORK = frozenset({ReleasePurpose.REMEDIATION, ReleasePurpose.COORDINATION})


@dataclass(frozen=True)
class ReleaseRule:
    """For one label: whether items go to these audiences for these purposes. ``named`` None: it does not matter.

    ``consent``: only where the item is ours, or its source's consent is on record; else its source is asked.
    """

    id: str
    tlp: Tlp
    audiences: frozenset[Audience]
    purposes: frozenset[ReleasePurpose]
    allowed: bool
    words: str
    named: bool | None = None
    consent: bool = False


RULES: tuple[ReleaseRule, ...] = (
    ReleaseRule(
        "tlp-red-named",
        Tlp.RED,
        frozenset({Audience.OWN, Audience.CLIENT}),
        _WORK,
        True,
        say("TLP:RED goes to named people only, and this is one."),
        named=True,
    ),
    ReleaseRule(
        "tlp-red-partner",
        Tlp.RED,
        _PARTNER,
        _WORK,
        True,
        say("TLP:RED goes to one named person at a partner, by that person's own key: its source lets it."),
        named=True,
        consent=True,
    ),
    ReleaseRule(
        "tlp-red-role",
        Tlp.RED,
        _ANYONE,
        _ANYTHING,
        False,
        say("TLP:RED goes to named people only, never to a role address, a list or a file."),
    ),
    ReleaseRule(
        "tlp-amber-strict-own",
        Tlp.AMBER_STRICT,
        frozenset({Audience.OWN}),
        _ANYTHING,
        True,
        say("TLP:AMBER+STRICT stays in our organisation, and this recipient belongs to it."),
    ),
    ReleaseRule(
        "tlp-amber-strict-partner",
        Tlp.AMBER_STRICT,
        _PARTNER,
        _WORK,
        True,
        say("TLP:AMBER+STRICT goes to a partner, and stays in its organisation: its source lets it, by this label."),
        consent=True,
    ),
    ReleaseRule(
        "tlp-amber-strict-others",
        Tlp.AMBER_STRICT,
        _ANYONE,
        _ANYTHING,
        False,
        say("TLP:AMBER+STRICT stays in our organisation; clients get it only when its source agrees to a wider label."),
    ),
    ReleaseRule(
        "tlp-amber-own",
        Tlp.AMBER,
        frozenset({Audience.OWN}),
        _ANYTHING,
        True,
        say("TLP:AMBER may be used in our organisation."),
    ),
    ReleaseRule(
        "tlp-amber-client",
        Tlp.AMBER,
        frozenset({Audience.CLIENT}),
        frozenset({ReleasePurpose.REMEDIATION}),
        True,
        say("TLP:AMBER goes to clients who need to know: the item is about this team's networks."),
    ),
    ReleaseRule(
        "tlp-amber-partner",
        Tlp.AMBER,
        _PARTNER,
        _WORK,
        True,
        say("TLP:AMBER goes to a partner who needs it for the work: its source lets it."),
        consent=True,
    ),
    ReleaseRule(
        "tlp-amber-others",
        Tlp.AMBER,
        _ANYONE,
        _ANYTHING,
        False,
        say("TLP:AMBER goes only to our organisation and to clients who need it to protect their own networks."),
    ),
    ReleaseRule(
        "tlp-green-community",
        Tlp.GREEN,
        _KNOWN,
        _ANYTHING,
        True,
        say("TLP:GREEN may go round in the community, and this recipient belongs to it."),
    ),
    ReleaseRule(
        "tlp-green-public", Tlp.GREEN, _ANYONE, _ANYTHING, False, say("TLP:GREEN does not leave the community.")
    ),
    ReleaseRule("tlp-clear-anyone", Tlp.CLEAR, _ANYONE, _ANYTHING, True, say("TLP:CLEAR may go to anyone.")),
)


@dataclass(frozen=True)
class FieldRule:
    """Which classes of fields go along. ``third_party``: also what is personal of the other side (destination)."""

    id: str
    audiences: frozenset[Audience]
    purposes: frozenset[ReleasePurpose]
    classes: frozenset[Privacy]
    third_party: bool
    words: str


FIELD_RULES: tuple[FieldRule, ...] = (
    FieldRule(
        "fields-statistics",
        _ANYONE,
        frozenset({ReleasePurpose.STATISTICS}),
        frozenset({Privacy.PUBLIC}),
        False,
        say("Counts need no address and no name."),
    ),
    FieldRule(
        "fields-public",
        frozenset({Audience.PUBLIC}),
        _ANYTHING,
        frozenset({Privacy.PUBLIC}),
        False,
        say("An outsider sees only what says nothing of one network or person."),
    ),
    FieldRule("fields-own", frozenset({Audience.OWN}), _ANYTHING, frozenset(Privacy), True, say("Our own data.")),
    FieldRule(
        "fields-client",
        frozenset({Audience.CLIENT}),
        frozenset({ReleasePurpose.REMEDIATION}),
        frozenset(Privacy),
        False,
        say(
            "A team gets all that is said of its own machines; of the other side, what finds the "
            "connection but no person."
        ),
    ),
    FieldRule(
        "fields-peer",
        frozenset({Audience.CLIENT, Audience.PARTNER, Audience.COMMUNITY}),
        _WORK,
        frozenset({Privacy.PUBLIC, Privacy.TECHNICAL}),
        False,
        say("A partner needs the technical facts of a case, not the people in it."),
    ),
)


class ReleaseAction(StrEnum):
    """What one may want to do with an item."""

    PASSIVE = "passive"  # search own logs: nobody outside can notice
    LOOKUP = "lookup"  # ask a third party about it: WHOIS, passive DNS, a sandbox
    ACTIVE = "active"  # touch it: connect, scan, block


@dataclass(frozen=True)
class ActionRule:
    """What PAP allows to whoever holds the item, ourselves included."""

    pap: Pap
    actions: frozenset[ReleaseAction]
    words: str


ACTION_RULES: tuple[ActionRule, ...] = (
    ActionRule(Pap.RED, frozenset({ReleaseAction.PASSIVE}), "PAP:RED allows only what nobody outside can notice."),
    ActionRule(
        Pap.AMBER,
        frozenset({ReleaseAction.PASSIVE, ReleaseAction.LOOKUP}),
        "PAP:AMBER allows asking third parties, not touching the resource.",
    ),
    ActionRule(Pap.GREEN, frozenset(ReleaseAction), "PAP:GREEN allows active steps such as connecting and blocking."),
    ActionRule(Pap.CLEAR, frozenset(ReleaseAction), "PAP:CLEAR sets no limit."),
)
