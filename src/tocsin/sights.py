"""What a visitor may see of the stored events, and what may leave with an export: the gate is asked for each label.

Who works on the node sees all of it, inside. A team sees the events that were routed or told to it, as far as the gate
lets it have them: the same question that a digest asks. What one team sees says nothing of another.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from tocsin.accounts import Reach
from tocsin.directory import teams_by_id
from tocsin.events.browse import Events, Figures
from tocsin.events.sight import EVERYTHING, Label, Sight, Window, merged
from tocsin.node.node import Node
from tocsin.release import (
    Audience,
    Marking,
    Purpose,
    Recipient,
    decide,
    fields_for,
    highest,
    read_marking,
    recipient_of,
)
from tocsin.rules import NO_RULES, Rules, rules_in_force

_PURPOSE: Final = Purpose.REMEDIATION


def sight_of(node: Node, events: Events, reach: Reach) -> Sight:
    """What somebody with this reach sees on the node's own pages."""
    return EVERYTHING if reach.everything else _of_teams(node, events, reach.teams)


def export_sight(node: Node, events: Events, reach: Reach) -> Sight:
    """What somebody with this reach may carry away in a file."""
    if not reach.everything:
        return _of_teams(node, events, reach.teams)
    # A file is read by nobody in particular, so what is for named people only stays.
    own = Recipient(Audience.OWN, named=False)
    return merged(_windows(None, own, events.labels()))


def marking_of(figures: Figures) -> Marking | None:
    """The marking of all these events together; None where there are none."""
    markings = [read_marking(tlp, pap) for tlp, pap in figures.labels]
    return highest(markings) if markings else None


def _of_teams(node: Node, events: Events, teams: Collection[int]) -> Sight:
    if not teams:
        return Sight()
    labels, own = events.labels(), frozenset(node.settings.node.own_teams)
    known = teams_by_id(node.database)
    with node.database.reading() as session:
        rules = rules_in_force(session).sharing
    mine = {number: team for number, team in known.items() if number in teams or team.id in teams}
    return merged(
        window
        for number, team in mine.items()
        for window in _windows(number, recipient_of(team, own=own), labels, rules)
    )


def _windows(
    team: int | None, recipient: Recipient, labels: Collection[Label], rules: Rules = NO_RULES
) -> Iterator[Window]:
    """A window for each set of fields that goes with some of the labels.

    What a rule of the node says of all events is asked here. Where one may keep some events back, the team sees what it
    was told, since that was asked then; what a rule hides of some events is hidden of all.
    """
    local = [rule for one in rules.document.rules if (rule := one.local) and rule.concerns(recipient, _PURPOSE)]
    some = {one.id for one in rules.document.rules if one.when}
    always = [replace(rule, refuse=False, up_to=None) if rule.id in some else rule for rule in local]
    told_only = any(rule.id in some and not rule.hide for rule in local)
    by_fields: dict[frozenset[str], set[Label]] = {}
    for label in labels:
        marking = read_marking(*label)
        if decide(marking, recipient, _PURPOSE, always).allowed:
            by_fields.setdefault(frozenset(fields_for(recipient, _PURPOSE, marking, always)), set()).add(label)
    teams = None if team is None else frozenset([team])
    for fields, of in by_fields.items():
        yield Window(teams, frozenset(of), fields, told_only)
