"""What is known of one address, network, AS, domain or country: whom to notify of it, and what goes on there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from tocsin.directory import RuleKind, Team, TeamKind, TeamSearch, read_conflict, search_teams
from tocsin.directory.contacts import Contact, contact_states, terms_of
from tocsin.events import ContextListing, EventQuery
from tocsin.networks import format_address, parse_network
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.escalation import next_asked
from tocsin.pipeline.feed_files import listings
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems.answers import OpenProblems
from tocsin.sharing.lookup import Explanation, ResponsibilityLookup, Subject

LATELY: Final = timedelta(days=30)
"""Problems that go on count where they were seen within so long."""

_MOST_TEAMS = 200  # whose contact states are read


@dataclass(frozen=True)
class Next:
    """A team that is asked next where nobody answers."""

    key: str
    name: str


@dataclass(frozen=True)
class ContactAnswer:
    """The answer. ``contacts``: by number of team. ``problems``: None where they are not counted for such a thing.

    ``whole``: the visitor sees all; else only what names their own teams. ``events``: the path of its events.
    ``conflict``: the path where it is decided whose it is; empty where one team at most answers for it. ``lists``:
    the context lists that it is on, for who sees all.
    """

    subject: Subject
    explanation: Explanation
    contacts: Mapping[int, list[Contact]]
    following: list[Next]
    problems: OpenProblems | None
    events: str
    whole: bool
    conflict: str = ""
    lists: Sequence[ContextListing] = ()


def find_contact(
    node: NodeWithStores, guide: ResponsibilityLookup, visitor: Principal, subject: Subject, *, now: datetime
) -> ContactAnswer | None:
    """What is known of a subject; None where it is outside what the visitor may ask about."""
    reach = visitor.reach(Permission.LOOKUP)
    explanation: Explanation | None = guide.ask(subject)
    if explanation and not reach.everything:
        explanation = explanation.within(reach.teams)
    if explanation is None:
        return None
    teams = list(dict.fromkeys(match.team_id for match in explanation.decision.matches))[:_MOST_TEAMS]
    with node.database.reading() as session:
        contacts = contact_states(session, now, terms_of(node.settings), teams=teams) if teams else []
        following = _following(session, node, explanation) if reach.everything else []
    by_team: dict[int, list[Contact]] = defaultdict(list)
    for contact in contacts:
        by_team[contact.team_id].append(contact)
    query = query_of(subject, now - LATELY) if reach.everything else None
    return ContactAnswer(
        subject=subject,
        explanation=explanation,
        contacts=by_team,
        following=following,
        problems=node.problems.going_on(query, now=now).counted(20) if query else None,
        events=events_path(subject),
        whole=reach.everything,
        conflict=_conflict_path(node, explanation) if reach.everything else "",
        lists=listings(node, [listed_as(subject)]).get(listed_as(subject), ()) if reach.everything else (),
    )


def listed_as(subject: Subject) -> str:
    """A subject as context lists name it; empty where they cannot."""
    address = format_address(*subject.address) if subject.address else subject.network
    return address or (f"AS{subject.asn}" if subject.asn else subject.domain or "")


def query_of(subject: Subject, since: datetime) -> EventQuery | None:
    """The events from then on at an address, in a network or an AS; None for other things."""
    if subject.asn:
        return EventQuery(asn=subject.asn, since=since)
    if subject.address:
        return EventQuery(ranges=[(*subject.address, *subject.address)], since=since)
    network = parse_network(subject.network) if subject.network else None
    return EventQuery(ranges=network.ranges, since=since) if network else None


def events_path(subject: Subject) -> str:
    """The path of the page with the events of a subject."""
    ask = {
        "address": format_address(*subject.address) if subject.address else subject.network or "",
        "asn": str(subject.asn or ""),
        "country": subject.country or "",
        "text": subject.domain or "",
    }
    return "/events?" + urlencode({**{name: value for name, value in ask.items() if value}, "last": "30d"})


def _conflict_path(node: NodeWithStores, found: Explanation) -> str:
    """Of the very thing for which several teams answer; that of all conflicts where theirs is none."""
    contested = next(iter(found.decision.overlaps), None)
    if contested is None:
        return ""
    value = f"AS{contested.value}" if contested.level is RuleKind.ASN else contested.value
    is_one = read_conflict(node.database, value) is not None
    return "/conflicts" + (f"/of?{urlencode({'value': value})}" if is_one else "")


def _following(session: Session, node: NodeWithStores, found: Explanation) -> list[Next]:
    """Who is asked where those who were told do not answer, as the setting ``tell.escalate_to`` says."""
    to, country = node.settings.tell.escalate_to, found.facts.country or ""
    if to == "upstream":
        return [_next(team) for team in next_asked(found.decision, found.teams, to=to, country=country)]
    if to != "national" or not country:
        return []
    named = {match.team_id for match in found.decision.matches}
    national = search_teams(session, TeamSearch(kind=TeamKind.NATIONAL, country=country))
    return [Next(team.key, team.name) for team in national if team.id not in named]


def _next(team: Team) -> Next:
    return Next(team.key, team.name)
