"""Whom to call: the confirmed help lines with their hours, and this CSIRT itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Request

from tocsin.directory import HELP_LINE_KINDS, HelpLine, TeamKind, in_hours, next_opening
from tocsin.incidents.arrivals import ReportKind
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.public.public_page import card_of
from tocsin.server.security import address_of
from tocsin.sharing.public_lookup import PublicLookup

_POLICE: Final = (TeamKind.POLICE,)
_LINES: Final = {
    ReportKind.HURT: HELP_LINE_KINDS,
    ReportKind.MONEY: _POLICE,
    ReportKind.RANSOMWARE: _POLICE,
    ReportKind.BREAK_IN: _POLICE,
    ReportKind.DECEIT: _POLICE,
}
"""Which help lines are named for a kind of incident; none for the others."""

PERSONAL: Final = frozenset({ReportKind.HURT})
"""Kinds that others in the house should not learn of: their pages are not kept and can be left quickly."""


@dataclass(frozen=True)
class HelpLineCard:
    """A help line as it is at the moment: whether it is open (None: not known), and when it opens next."""

    line: HelpLine
    there: bool | None
    opens: datetime | None


def line_cards(
    desk: PageContext, helps: PublicLookup, country: str, kinds: Collection[TeamKind] = HELP_LINE_KINDS
) -> dict[str, Any]:
    """The help lines of a visitor's country and the node's, for `parts.html`; ``several``: of several countries."""
    cards = [_card(line, desk.now) for line in helps.help_lines(country) if line.kind in kinds]
    return {"cards": cards, "several": len({card.line.country for card in cards}) > 1}


def cards_for(desk: PageContext, helps: PublicLookup, request: Request, kind: ReportKind) -> dict[str, Any]:
    """Whom to call for a kind of incident.

    ``csirt``: how this CSIRT is reached, where its own profile says so; ``fraud_number``: the national one, where money
    is lost. Only for what is `PERSONAL` the visitor's own country counts too: other pages are the same for everybody.
    """
    country = helps.country_at(address_of(request)) if kind in PERSONAL else ""
    team = helps.own_team()
    csirt = card_of(helps.profile(team)) if team else None
    fraud = desk.node.settings.node.fraud_number if kind is ReportKind.MONEY else ""
    return {**line_cards(desk, helps, country, _LINES.get(kind, ())), "csirt": csirt, "fraud_number": fraud}


def _card(line: HelpLine, now: datetime) -> HelpLineCard:
    there = in_hours(line.hours, line.timezone, now) if line.hours else None
    return HelpLineCard(line, there, None if there else next_opening(line.hours, line.timezone, now))
