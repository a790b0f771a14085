"""The rule of decision itself: from the nodes that match to the teams that must know."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from tocsin.directory import ResponsibilityRole, RuleKind
from tocsin.sharing.routing.decision import RoutingDecision, RuleMatch
from tocsin.sharing.routing.table import KINDS, ROLES, RoutingTable


def decide(compiled: RoutingTable, nodes: Sequence[int], why_muted: Callable[[int], str]) -> RoutingDecision:
    """Who must know of something whose most specific nodes, one per level and 0 for none, are ``nodes``.

    The nearest node with a responsible team decides, walking each level from its most specific node outwards before
    the next level; teams that want to know are added wherever they match. ``why_muted`` says of a team why it is not
    told, or an empty text.
    """
    claims: list[RuleMatch] = []
    wants: list[RuleMatch] = []
    passed_over: list[RuleMatch] = []
    overruled: list[RuleMatch] = []
    for rules in _outwards(compiled, nodes):
        overruled += [match for match in rules if match.overruled]
        answers = [match for match in rules if match.role is ResponsibilityRole.RESPONSIBLE and not match.overruled]
        (passed_over if claims else claims).extend(answers)
        wants += [match for match in rules if match.role is ResponsibilityRole.INFORMED and not match.overruled]
    matches: dict[int, RuleMatch] = {}
    for match in (*claims, *wants):
        matches.setdefault(match.team_id, match)
    passed_over += [match for match in (*claims, *wants) if matches[match.team_id] is not match]
    told = (replace(match, muted=why_muted(match.team_id)) for match in matches.values())
    return _ordered(told, passed_over, overruled)


def unite(decisions: Iterable[RoutingDecision]) -> RoutingDecision:
    """Who must know of several things together: whoever must know of any; muted only who is muted for each."""
    decisions = list(decisions)
    matches: dict[int, RuleMatch] = {}
    every = [match for decision in decisions for match in decision.matches]
    for match in sorted(every, key=_strength):
        matches.setdefault(match.team_id, match)
    rest = dict.fromkeys(replace(match, muted="") for match in every)
    rest |= dict.fromkeys(match for decision in decisions for match in decision.passed_over)
    named = {replace(match, muted="") for match in matches.values()}
    overruled = dict.fromkeys(match for decision in decisions for match in decision.overruled)
    return _ordered(matches.values(), [match for match in rest if match not in named], overruled)


def _outwards(compiled: RoutingTable, nodes: Sequence[int]) -> Iterator[list[RuleMatch]]:
    """The rules of each node that holds, from the most specific on."""
    for kind, most_specific in zip(KINDS, nodes, strict=True):
        node = most_specific
        while node:
            yield _rules(compiled, kind, node)
            node = int(compiled.parent[node])


def _rules(compiled: RoutingTable, kind: RuleKind, node: int) -> list[RuleMatch]:
    start, end = compiled.rule_start[node : node + 2].tolist()
    if start == end:
        return []
    value = compiled.name(kind, node)
    return [
        RuleMatch(int(compiled.rule_team[rule]), ROLES[compiled.rule_role[rule]], kind, value, *compiled.bases[basis])
        for rule, basis in zip(range(start, end), compiled.rule_basis[start:end].tolist(), strict=True)
    ]


def _strength(match: RuleMatch) -> tuple[bool, int, int]:
    return bool(match.muted), ROLES.index(match.role), KINDS.index(match.level)


def _ordered(
    matches: Iterable[RuleMatch], passed_over: Iterable[RuleMatch], overruled: Iterable[RuleMatch]
) -> RoutingDecision:
    ordered = sorted(matches, key=lambda match: (ROLES.index(match.role), match.team_id))
    return RoutingDecision(tuple(ordered), tuple(passed_over), tuple(overruled))
