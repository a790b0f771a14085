"""What cannot go on with one team until a person acts: it has no email address, or gave up a network with problems."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import DeliveryItem, DueNews, ItemState, due_news
from tocsin.directory import GivenUp, RuleKind, given_up, team_names, teams_without_mailbox
from tocsin.events import EventQuery
from tocsin.networks import parse_network
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind, accepted


@dataclass(frozen=True, slots=True)
class GivenUpNetwork:
    """What a team gave up although problems go on there; ``subject`` names it: key of the team, kind, and value."""

    subject: str
    team: tuple[str, str]
    kind: RuleKind
    value: str
    at: datetime
    problems: int

    @property
    def shown(self) -> str:
        """It as people write it."""
        return f"AS{self.value}" if self.kind is RuleKind.ASN else self.value


def unreachable_teams(session: Session) -> list[DueNews]:
    """What teams without an email address are owed, the most events first."""
    waiting = select(DeliveryItem.team_id).where(DeliveryItem.state == ItemState.QUEUED.value)
    owed = due_news(session, teams=teams_without_mailbox(session, waiting))
    return sorted(owed, key=lambda one: (-one.events, one.team_id))


def given_up_networks(node: NodeWithStores, session: Session, now: datetime) -> list[GivenUpNetwork]:
    """What teams gave up with open problems, and no person has accepted since; the newest first."""
    found = given_up(session)
    if not found:
        return []
    names = team_names(session, {one.team_id for one in found})
    accepted_at = accepted(session, ItemKind.GIVEN_UP, now)
    items = []
    for one in found:
        team = names.get(one.team_id, ("", "?"))
        subject = f"{team[0]} {one.kind} {one.value}"
        if subject in accepted_at and accepted_at[subject] >= one.at:
            continue
        problems = node.problems.going_on(_query(one), now=now, team_id=one.team_id).total
        if problems:
            items.append(GivenUpNetwork(subject, team, one.kind, one.value, one.at, problems))
    return items


def _query(one: GivenUp) -> EventQuery:
    network = parse_network(one.value) if one.kind is RuleKind.PREFIX else None
    match one.kind:
        case RuleKind.ASN:
            return EventQuery(asn=int(one.value))
        case RuleKind.COUNTRY:
            return EventQuery(country=one.value)
        case RuleKind.PREFIX if network is not None:
            return EventQuery(ranges=network.ranges)
        case _:
            return EventQuery(domain=one.value)
