"""The answer to one thing that somebody typed, the same on the page, in the palette, by the API and by the command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import TOLD, Delivery, DeliveryItem
from tocsin.directory import ResponsibilityRole
from tocsin.events import ContextListing, EventFilter, TeamSet
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import find_report
from tocsin.networks import Networks, format_address
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.pipeline.feed_files import listings
from tocsin.pipeline.search.contact import ContactAnswer, find_contact
from tocsin.pipeline.search.incidents import find_in_incidents, find_named, find_observed
from tocsin.pipeline.search.words import SHOWN, Hit, HitKind, find_teams_of, find_words, notification_hits
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.lookup import FoundReference, ReferenceKind, ResponsibilityLookup, Subject, resolve
from tocsin.sharing.visibility import event_scope_of

_PAGES: Final = {
    ReferenceKind.DIGEST: (Permission.DELIVERIES_READ, "/deliveries/{}"),
    ReferenceKind.REPORT: (Permission.REPORTS_READ, "/reports/{}"),
    ReferenceKind.PUBLIC_REPORT: (Permission.INBOX_READ, "/reports/public/{}"),
    ReferenceKind.HOTLINE: (Permission.NEVER_HELD_WORK, "/never-held/{}"),
    ReferenceKind.PROBLEM: (Permission.EVENTS_READ, "/problems/{}"),
    ReferenceKind.HASH: (Permission.EVENTS_READ, "/events?text={}"),
    ReferenceKind.CVE: (Permission.EVENTS_READ, "/events?text={}"),
}
_OBSERVED: Final = frozenset({ReferenceKind.HASH, ReferenceKind.CVE})
"""References that may be observables of incidents."""


@dataclass(frozen=True)
class SearchAnswer:
    """What was found. ``kind``: what the text is, as ``address``, ``network``, ``mail``, ``digest`` or ``name``.

    ``page``: where it leads, at once where nothing else was found; else empty. ``contact``: None of other things, and
    of what the visitor may not ask about (``outside``). ``events``: of the last 30 days that the visitor sees; None
    where they are not counted. ``lists``: of a CVE, the context lists that it is on, for who sees all.
    """

    query: str
    kind: str
    page: str = ""
    contact: ContactAnswer | None = None
    outside: bool = False
    events: int | None = None
    notifications: tuple[Hit, ...] = ()
    hits: tuple[Hit, ...] = ()
    lists: tuple[ContextListing, ...] = ()


@dataclass(frozen=True)
class Searcher:
    """Answers for one visitor."""

    node: NodeWithStores
    guide: ResponsibilityLookup
    visitor: Principal
    clock: Callable[[], datetime]

    @property
    def reader(self) -> IncidentReader:
        """As whom incidents are read."""
        return IncidentReader(self.visitor.person, self.clock())

    def answer(self, typed: str) -> SearchAnswer:
        """All that is known of what somebody typed."""
        if (incident := self._incident(typed)) is not None:
            return incident
        found = self.read(typed)
        if isinstance(found, FoundReference):
            return self._named(found)
        contact = find_contact(self.node, self.guide, self.visitor, found, now=self.clock())
        return SearchAnswer(
            query=found.query,
            kind=kind_of(found),
            contact=contact,
            outside=contact is None,
            events=self._count_events(found),
            notifications=self._notifications(found),
            hits=self._hits(found),
        )

    def read(self, typed: str) -> Subject | FoundReference:
        """What the text is; what cannot be anything else is words."""
        try:
            found = resolve(typed)
        except UsageError:
            return FoundReference(ReferenceKind.NAME, typed.strip())
        is_report = isinstance(found, FoundReference) and found.kind is ReferenceKind.PUBLIC_REPORT
        return FoundReference(ReferenceKind.NAME, typed.strip()) if is_report and not self._is_report(typed) else found

    def quick(self, typed: str) -> SearchAnswer:
        """The same for whoever is still typing: of an address only the teams to notify, without events."""
        if (incident := self._incident(typed)) is not None:
            return incident
        found = self.read(typed)
        if isinstance(found, FoundReference):
            return self._named(found)
        return SearchAnswer(query=found.query, kind=kind_of(found), hits=(*self._to_notify(found), *self._hits(found)))

    def _to_notify(self, subject: Subject) -> list[Hit]:
        reach, answer = self.visitor.reach(Permission.LOOKUP), self.guide.ask(subject)
        matches = [match for match in answer.decision.matches if reach.everything or match.team_id in reach.teams]
        teams = [answer.teams[match.team_id] for match in matches if match.role is ResponsibilityRole.RESPONSIBLE]
        return [Hit(HitKind.TEAM, team.name, team.key, f"/teams/{quote(team.key)}") for team in teams[:SHOWN]]

    def _named(self, found: FoundReference) -> SearchAnswer:
        if found.kind is ReferenceKind.NAME:
            with self.node.database.reading() as session:
                hits = find_words(session, Networks.open(self.node.home), self.visitor, found.value)
                hits += find_in_incidents(session, self.visitor, self.reader, found.value)
            return SearchAnswer(found.value, found.kind.value, hits=tuple(hits))
        permission, page = _PAGES[found.kind]
        may = self.visitor.may(permission)
        if found.kind is ReferenceKind.PROBLEM and not self.visitor.reach(permission).everything:
            page = "/events?problem={}"  # the page of a problem is of all its teams
        with self.node.database.reading() as session:
            hits = find_observed(session, self.visitor, self.reader, found.value) if found.kind in _OBSERVED else []
        leads = page.format(quote(found.value)) if may else ""
        lists: Sequence[ContextListing] = ()
        if found.kind is ReferenceKind.CVE and self.visitor.reach(Permission.EVENTS_READ).everything:
            lists = listings(self.node, [found.value]).get(found.value, ())
        return SearchAnswer(found.value, found.kind.value, page=leads, hits=tuple(hits), lists=tuple(lists))

    def _incident(self, typed: str) -> SearchAnswer | None:
        """The incident that is called so."""
        with self.node.database.reading() as session:
            found = find_named(session, self.visitor, self.reader, typed)
        return None if found is None else SearchAnswer(found.name, found.kind.value, page=found.page, hits=(found,))

    def _is_report(self, typed: str) -> bool:
        """Whether it is the reference of a report, not a word that looks like one; nobody else learns it."""
        if not self.visitor.may(Permission.INBOX_READ):
            return False
        try:
            with self.node.database.reading() as session:
                return bool(find_report(session, IncidentReader(self.visitor.person, self.clock()), typed))
        except NotFoundError:
            return False

    def _count_events(self, subject: Subject) -> int | None:
        reach = self.visitor.reach(Permission.EVENTS_READ)
        if not reach:
            return None
        sight = event_scope_of(self.node, self.node.events, reach)
        return self.node.events.figures(_events_of(subject), now=self.clock(), sight=sight).total

    def _notifications(self, subject: Subject) -> tuple[Hit, ...]:
        """The newest digests with events of it, of those that the visitor may look at."""
        reach = self.visitor.reach(Permission.DELIVERIES_READ)
        if not reach or not (subject.address or subject.network or subject.asn):
            return ()
        told = self.node.events.history(_events_of(subject), now=self.clock()).told
        if not told:
            return ()
        with self.node.database.reading() as session:
            sets = select(TeamSet.number, TeamSet.members).where(TeamSet.number.in_({number for _, number in told}))
            members = dict(session.execute(sets).all())
            owed = {
                (ingest, team)
                for ingest, number in told
                for team in members.get(number, ())
                if reach.everything or team in reach.teams
            }
            return tuple(notification_hits(session, _deliveries(session, owed, own=not reach.everything)))

    def _hits(self, subject: Subject) -> tuple[Hit, ...]:
        with self.node.database.reading() as session:
            if not (subject.mailbox or subject.domain or subject.country):
                return tuple(find_observed(session, self.visitor, self.reader, subject.query))
            if subject.mailbox:
                hits = find_teams_of(session, self.visitor, subject.mailbox)
            else:
                hits = find_words(session, None, self.visitor, subject.domain or subject.query)
            return (*hits, *find_in_incidents(session, self.visitor, self.reader, subject.mailbox or subject.query))


def _events_of(subject: Subject) -> EventFilter:
    """Those of the last 30 days."""
    return EventFilter(
        address=format_address(*subject.address) if subject.address else subject.network or "",
        asn=subject.asn,
        country=subject.country or "",
        text=subject.domain or "",
        last="30d",
    )


def kind_of(subject: Subject) -> str:
    """What a subject is, in one word."""
    kinds = {"mail": subject.mailbox, "address": subject.address, "network": subject.network, "AS": subject.asn}
    return next((kind for kind, given in kinds.items() if given), "domain" if subject.domain else "country")


def _deliveries(session: Session, owed: set[tuple[int, int]], *, own: bool) -> list[int]:
    """The numbers of the newest digests that told these teams of these ingests; ``own``: only what has left."""
    items = select(DeliveryItem.ingest, DeliveryItem.team_id, DeliveryItem.delivery_id).where(
        DeliveryItem.ingest.in_({ingest for ingest, _ in owed}),
        DeliveryItem.team_id.in_({team for _, team in owed}),  # an ingest may owe something to thousands of others
        DeliveryItem.delivery_id.is_not(None),
    )
    numbers = {row.delivery_id for row in session.execute(items) if (row.ingest, row.team_id) in owed}
    newest = sorted(numbers, reverse=True)[: 20 * SHOWN]
    query = select(Delivery.id).where(Delivery.id.in_(newest), *([Delivery.state.in_(TOLD)] if own else []))
    return list(session.scalars(query.order_by(Delivery.id.desc()).limit(SHOWN)))
