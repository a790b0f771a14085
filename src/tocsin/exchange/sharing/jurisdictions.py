"""Countries that claim a thing, side by side, each with the rule that it brings. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tocsin.exchange.statements import Jurisdiction
from tocsin.sharing.gate import Recipient, ReleaseItem, TransferRule, strictest


@dataclass(frozen=True)
class JurisdictionRow:
    """A claim as it was made. ``disputed``: others name another country in the same role.

    ``rule``: the strictest rule that holds because of this country; ``decides``: it is the one that counts.
    """

    claim: Jurisdiction
    disputed: bool
    rule: TransferRule | None
    decides: bool


def countries(claims: Collection[Jurisdiction]) -> frozenset[str]:
    """All countries that anyone names, in whatever role: rules of each hold."""
    return frozenset(one.country for one in claims)


def side_by_side(
    claims: Collection[Jurisdiction], item: ReleaseItem, recipient: Recipient, rules: Sequence[TransferRule]
) -> list[JurisdictionRow]:
    """Each claim once, by role and country, also where they contradict each other: none is left out or decided here.

    The stricter rule holds, unless a rule says otherwise (`TransferRule.over`).
    """
    deciding = strictest(replace(item, jurisdictions=countries(claims)), recipient, rules)
    rows = []
    for claim in sorted(dict.fromkeys(claims), key=lambda one: (one.role.value, one.country, one.by)):
        theirs = [rule for rule in rules if claim.country in rule.jurisdictions]
        rule = strictest(replace(item, jurisdictions=frozenset({claim.country})), recipient, theirs)
        others = {one.country for one in claims if one.role is claim.role and one.by != claim.by}
        rows.append(JurisdictionRow(claim, bool(others - {claim.country}), rule, rule is not None and rule == deciding))
    return rows
