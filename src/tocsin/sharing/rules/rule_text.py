"""Each rule in plain words, as a person would say it; texts to be translated, with what fills them in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tocsin.sharing.gate import TransferLevel, TransferRule
from tocsin.sharing.rules.document import SharingRule


def N_(text: str) -> str:  # noqa: N802 (the name by which gettext's tools know it)
    """Mark a text for translation."""
    return text


@dataclass(frozen=True, slots=True)
class RuleText:
    """A text in English with its values; ``str()`` fills them in."""

    text: str
    values: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The text in English."""
        return self.text % self.values


_EVENTS: Final = {
    "feed": N_("the feed is %(values)s"),
    "provider": N_("the feed comes from %(values)s"),
    "taxonomy": N_("the class is %(values)s"),
    "type": N_("the type is %(values)s"),
    "identifier": N_("the identifier is %(values)s"),
    "malware": N_("the malware is %(values)s"),
    "severity": N_("the severity is %(values)s"),
    "tlp": N_("the label is %(values)s"),
    "network": N_("the network is %(values)s"),
    "asn": N_("the AS is %(values)s"),
    "country": N_("the country is %(values)s"),
}
_TO: Final = {
    "team": N_("the recipient is the team %(values)s"),
    "kind": N_("the recipient is a team of kind %(values)s"),
    "country": N_("the recipient is a team of the country %(values)s"),
}
_EXCEPT: Final = {
    "team": N_("the recipient is not the team %(values)s"),
    "kind": N_("the recipient is not a team of kind %(values)s"),
    "country": N_("the recipient is not a team of the country %(values)s"),
}


_SENDS: Final = {
    TransferLevel.CONTENT: N_("Such data goes to partners, whatever these rules say: %(over)s."),
    TransferLevel.METADATA: N_("Of such data only name, type, size and hash go to partners."),
    TransferLevel.HASH: N_("Of such data only the hash goes to partners."),
    TransferLevel.NOTHING: N_("Nothing of such data goes to partners."),
}
_SETS: Final = {
    "classes": N_("the class of data is %(values)s"),
    "jurisdictions": N_("one of these countries claims it: %(values)s"),
    "teams": _TO["team"],
    "kinds": _TO["kind"],
    "countries": _TO["country"],
    "agreements": N_("it is sent under the agreement %(values)s"),
    "except_teams": _EXCEPT["team"],
    "except_kinds": _EXCEPT["kind"],
    "except_countries": _EXCEPT["country"],
    "except_agreements": N_("it is not sent under the agreement %(values)s"),
    "requires": N_("the partner has not shown all of these attestations: %(values)s"),
}
"""By the name of a set of a `TransferRule`."""


def effect(rule: SharingRule | TransferRule) -> RuleText:
    """What a rule does, in one sentence."""
    if isinstance(rule, TransferRule):
        over = {"over": ", ".join(sorted(rule.over))} if rule.level is TransferLevel.CONTENT else {}
        return RuleText(_SENDS[rule.level], over)
    if rule.refuse:
        return RuleText(N_("Such events are not shared."))
    if rule.up_to is not None:
        return RuleText(N_("Such events are shared up to TLP:%(label)s only."), {"label": rule.up_to.value})
    if rule.hide:
        return RuleText(
            N_("Such events are shared without these fields: %(fields)s."), {"fields": ", ".join(rule.hide)}
        )
    if rule.inform:
        return RuleText(
            N_("These teams are notified too of such events, for information: %(teams)s."),
            {"teams": ", ".join(rule.inform)},
        )
    return RuleText(N_("No team is notified of such events automatically."))


def conditions(rule: SharingRule | TransferRule) -> Iterator[RuleText]:
    """When it holds: each of these must be so."""
    if isinstance(rule, TransferRule):
        for name, text in _SETS.items():
            if values := getattr(rule, name):
                yield RuleText(text, {"values": ", ".join(sorted(values))})
        return
    for name, values in rule.when:
        yield RuleText(_EVENTS[name], {"values": ", ".join(values)})
    for name, values in rule.to:
        yield RuleText(_TO[name], {"values": ", ".join(values)})
    for name, values in rule.excepted:
        yield RuleText(_EXCEPT[name], {"values": ", ".join(values)})
    if rule.purposes:
        purposes = ", ".join(purpose.value for purpose in rule.purposes)
        yield RuleText(N_("the purpose is %(values)s"), {"values": purposes})
