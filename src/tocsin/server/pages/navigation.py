"""The places of the navigation: named after the work, at most eight, only those that the visitor may enter."""

from dataclasses import dataclass

from tocsin.interface import capabilities
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.words import N_


@dataclass(frozen=True)
class NavigationEntry:
    """One entry of the navigation: its name (to be translated), its path and the act that opens it.

    ``also``: other paths whose pages belong to it. ``key``: the letter that leads there after ``g``.
    """

    name: str
    path: str
    act: Permission
    also: tuple[str, ...] = ()
    key: str = ""

    def above(self, path: str) -> int:
        """How long a path of this place is that lies above a page; 0: the page is not of this place."""
        mine = (one for one in (self.path, *self.also) if path == one or path.startswith(f"{one}/"))
        return max(map(len, mine), default=0)


_OF_TEAMS = ("/networks", "/coverage", "/conflicts", "/merges", "/claims", "/verifications")
_PLACES = (
    NavigationEntry(N_("Today"), "/today", Permission.TODAY_READ, key="t"),
    NavigationEntry(N_("Events"), "/events", Permission.EVENTS_READ, key="e"),
    NavigationEntry(N_("Reports"), "/reports", Permission.REPORTS_READ, key="r"),
    NavigationEntry(N_("Who must know"), "/lookup", Permission.LOOKUP, key="l"),
    NavigationEntry(N_("Teams and networks"), "/teams", Permission.DIRECTORY_READ, also=_OF_TEAMS, key="n"),
    NavigationEntry(N_("Deliveries"), "/deliveries", Permission.DELIVERIES_READ, key="d"),
    NavigationEntry(N_("Hotline"), "/never-held", Permission.NEVER_HELD_WORK, key="h"),
    NavigationEntry(N_("Rules"), "/rules", Permission.RULES_READ, key="u"),
    NavigationEntry(N_("Administration"), "/admin", Permission.ADMIN_READ, also=("/audit",), key="a"),
)
_OWN = (
    NavigationEntry(N_("My networks"), "/portal", Permission.PORTAL_READ, key="m"),
    NavigationEntry(N_("Events"), "/events", Permission.EVENTS_READ, key="e"),
    NavigationEntry(N_("Contacts and ranges"), "/portal/contacts", Permission.PORTAL_READ, key="c"),
    NavigationEntry(N_("What we were told"), "/deliveries", Permission.DELIVERIES_READ, key="d"),
)
_ASIDE = (
    NavigationEntry(N_("Purge"), "/purge", Permission.CONTENT_PURGE),
    *(NavigationEntry(one.title, one.path, Permission(one.permission)) for one in capabilities()),
)


def places_for(visitor: Principal) -> list[NavigationEntry]:
    """The places of one visitor: operators see their own networks, others the work of the whole node."""
    if visitor.person is None:
        return []
    if visitor.may(Permission.PORTAL_READ):
        return [place for place in _OWN if visitor.may(place.act)]
    main = [place for place in _PLACES if visitor.may(place.act)]
    return main or [place for place in _ASIDE if visitor.may(place.act)]


def besides_for(visitor: Principal, places: list[NavigationEntry]) -> list[NavigationEntry]:
    """What the visitor may enter besides the ``places`` of the work: it stands at the foot of the page."""
    if visitor.person is None:
        return []
    return [place for place in _ASIDE if visitor.may(place.act) and place not in places]


def place_of(path: str, places: list[NavigationEntry]) -> NavigationEntry | None:
    """The place that a page belongs to: the one with the longest path above it."""
    found = max(places, key=lambda place: place.above(path), default=None)
    return found if found and found.above(path) else None
