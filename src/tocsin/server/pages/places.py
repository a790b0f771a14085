"""The places of the navigation: named after the work, at most eight, only those that the visitor may enter."""

from dataclasses import dataclass

from tocsin.interface.capabilities import capabilities
from tocsin.node.accounts import Act, Visitor
from tocsin.server.pages.words import N_


@dataclass(frozen=True)
class Place:
    """One entry of the navigation: its name (to be translated), its path and the act that opens it.

    ``also``: other paths whose pages belong to it. ``key``: the letter that leads there after ``g``.
    """

    name: str
    path: str
    act: Act
    also: tuple[str, ...] = ()
    key: str = ""

    def above(self, path: str) -> int:
        """How long a path of this place is that lies above a page; 0: the page is not of this place."""
        mine = (one for one in (self.path, *self.also) if path == one or path.startswith(f"{one}/"))
        return max(map(len, mine), default=0)


_OF_TEAMS = ("/networks", "/coverage", "/conflicts", "/merges", "/claims", "/verifications")
_PLACES = (
    Place(N_("Today"), "/today", Act.TODAY_READ, key="t"),
    Place(N_("Events"), "/events", Act.EVENTS_READ, key="e"),
    Place(N_("Reports"), "/reports", Act.REPORTS_READ, key="r"),
    Place(N_("Who must know"), "/lookup", Act.LOOKUP, key="l"),
    Place(N_("Teams and networks"), "/teams", Act.DIRECTORY_READ, also=_OF_TEAMS, key="n"),
    Place(N_("Deliveries"), "/deliveries", Act.DELIVERIES_READ, key="d"),
    Place(N_("Rules"), "/rules", Act.RULES_READ, key="u"),
    Place(N_("Administration"), "/admin", Act.ADMIN_READ, also=("/audit",), key="a"),
)
_OWN = (
    Place(N_("My networks"), "/portal", Act.PORTAL_READ, key="m"),
    Place(N_("Events"), "/events", Act.EVENTS_READ, key="e"),
    Place(N_("Contacts and ranges"), "/portal/contacts", Act.PORTAL_READ, key="c"),
    Place(N_("What we were told"), "/deliveries", Act.DELIVERIES_READ, key="d"),
)
_ASIDE = tuple(Place(one.title, one.path, Act(one.permission)) for one in capabilities())


def places_for(visitor: Visitor) -> list[Place]:
    """The places of one visitor: operators see their own networks, others the work of the whole node."""
    if visitor.person is None:
        return []
    if visitor.may(Act.PORTAL_READ):
        return [place for place in _OWN if visitor.may(place.act)]
    main = [place for place in _PLACES if visitor.may(place.act)]
    return main or [place for place in _ASIDE if visitor.may(place.act)]


def besides_for(visitor: Visitor, places: list[Place]) -> list[Place]:
    """What the visitor may enter besides the ``places`` of the work: it stands at the foot of the page."""
    if visitor.person is None:
        return []
    return [place for place in _ASIDE if visitor.may(place.act) and place not in places]


def place_of(path: str, places: list[Place]) -> Place | None:
    """The place that a page belongs to: the one with the longest path above it."""
    found = max(places, key=lambda place: place.above(path), default=None)
    return found if found and found.above(path) else None
