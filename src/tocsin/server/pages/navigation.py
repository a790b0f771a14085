"""The places of the navigation, in groups: named after the work, at most nine, only those the visitor may enter."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin.interface import capabilities
from tocsin.node.accounts import Permission, Principal
from tocsin.node.settings import Settings
from tocsin.server.pages.words import N_


@dataclass(frozen=True)
class NavigationEntry:
    """One entry of the navigation: its name (to be translated), its path and the act that opens it.

    ``also``: other paths whose pages belong to it. ``key``: the letter that leads there after ``g``. ``below``: places
    that are shown while the visitor is in this one; who may not enter this one has them as places of their own.
    """

    name: str
    path: str
    act: Permission
    also: tuple[str, ...] = ()
    key: str = ""
    below: tuple["NavigationEntry", ...] = ()

    def above(self, path: str) -> int:
        """How long a path of this place is that lies above a page; 0: the page is not of this place."""
        mine = (self.path, *self.also, *(one.path for one in self.below))
        return max((len(one) for one in mine if path == one or path.startswith(f"{one}/")), default=0)


@dataclass(frozen=True)
class NavigationGroup:
    """Places under one heading (to be translated; empty: without one)."""

    name: str
    places: tuple[NavigationEntry, ...]


_ASSETS: Final = "/assets"

_OF_TEAMS = ("/networks", "/coverage", "/conflicts", "/merges", "/claims", "/verifications")
_EVENTS = NavigationEntry(N_("Events"), "/events", Permission.EVENTS_READ, key="e")
_LOOKUP = NavigationEntry(N_("Contact lookup"), "/lookup", Permission.LOOKUP, key="l")
_NOTICES = NavigationEntry(N_("Notices"), "/notices", Permission.INBOX_READ)
_PURGE = NavigationEntry(N_("Purge"), "/purge", Permission.CONTENT_PURGE)
_FIGURES = NavigationEntry(N_("Figures"), "/figures", Permission.REPORTS_READ)
_OF_INCIDENTS = (
    NavigationEntry(N_("Duty"), "/duty", Permission.INCIDENTS_READ),
    NavigationEntry(N_("Take-downs"), "/takedowns", Permission.INCIDENTS_READ, key="k"),
    NavigationEntry(N_("Deadlines"), "/clocks", Permission.INCIDENTS_READ),
    NavigationEntry(N_("Playbooks"), "/playbooks", Permission.INCIDENTS_READ),
    NavigationEntry(N_("Lessons"), "/incidents/lessons", Permission.INCIDENTS_READ),
    NavigationEntry(N_("Incident figures"), "/incidents/figures", Permission.INCIDENTS_READ),
)
_GROUPS = (
    NavigationGroup(
        N_("Work"),
        (
            NavigationEntry(N_("Today"), "/today", Permission.TODAY_READ, key="t"),
            NavigationEntry(N_("Problems"), "/problems", Permission.EVENTS_READ, key="p", below=(_EVENTS,)),
            NavigationEntry(N_("Inbox"), "/reports/public", Permission.INBOX_READ, key="i", below=(_NOTICES,)),
            NavigationEntry(N_("Incidents"), "/incidents", Permission.INCIDENTS_READ, key="c", below=_OF_INCIDENTS),
        ),
    ),
    NavigationGroup(
        N_("People"),
        (
            NavigationEntry(
                N_("Teams"), "/teams", Permission.DIRECTORY_READ, also=_OF_TEAMS, key="n", below=(_LOOKUP,)
            ),
            NavigationEntry(N_("Notifications"), "/deliveries", Permission.DELIVERIES_READ, key="d"),
            NavigationEntry(N_("Partners"), "/partners", Permission.PARTNERS_READ, also=("/exchange", "/agreements")),
        ),
    ),
    NavigationGroup(
        N_("Knowledge"),
        (
            NavigationEntry(N_("Reports"), "/reports", Permission.REPORTS_READ, key="r"),
            NavigationEntry(N_("Critical assets"), _ASSETS, Permission.ASSETS_READ, key="v"),
        ),
    ),
    NavigationGroup(
        N_("Keeping"),
        (
            NavigationEntry(N_("Rules"), "/rules", Permission.RULES_READ, key="u"),
            NavigationEntry(N_("Hotline"), "/never-held", Permission.NEVER_HELD_WORK, key="h"),
            NavigationEntry(
                N_("Administration"),
                "/admin",
                Permission.ADMIN_READ,
                also=("/audit",),
                key="a",
                below=(_PURGE, _FIGURES),
            ),
        ),
    ),
)
_OWN = (
    NavigationGroup(
        "",
        (
            NavigationEntry(N_("To fix"), "/portal", Permission.PORTAL_READ, key="f"),
            NavigationEntry(N_("Events"), "/events", Permission.EVENTS_READ, key="e"),
            NavigationEntry(N_("Notices"), "/portal/notices", Permission.PORTAL_READ),
            NavigationEntry(N_("Contacts and networks"), "/portal/contacts", Permission.PORTAL_READ, key="c"),
            NavigationEntry(N_("Notifications"), "/deliveries", Permission.DELIVERIES_READ, key="d"),
            NavigationEntry(N_("Critical assets"), _ASSETS, Permission.ASSETS_READ, key="v"),
        ),
    ),
)


def groups_for(visitor: Principal, off: Collection[str] = ()) -> list[NavigationGroup]:
    """The places of one visitor: operators see their own networks, others the work of the whole node.

    ``off``: paths of places that this node does not have.
    """
    if visitor.person is None:
        return []
    groups = _OWN if visitor.may(Permission.PORTAL_READ) else _GROUPS
    here = (NavigationGroup(group.name, tuple(of for of in group.places if of.path not in off)) for group in groups)
    open_ones = (NavigationGroup(group.name, tuple(_open(visitor, group.places))) for group in here)
    if found := [group for group in open_ones if group.places]:
        return found
    aside = tuple(_capabilities_for(visitor))
    return [NavigationGroup("", aside)] if aside else []


def places_off(settings: Settings) -> tuple[str, ...]:
    """The paths of places that a node does not have."""
    return () if settings.assets.enabled else (_ASSETS,)


def places_of(groups: Sequence[NavigationGroup]) -> list[NavigationEntry]:
    """The places of all groups, in their order."""
    return [place for group in groups for place in group.places]


def areas_for(visitor: Principal, places: Sequence[NavigationEntry]) -> list[NavigationEntry]:
    """What the visitor can switch between: the work of the node, and each capability; empty without a choice."""
    capable = [one for one in _capabilities_for(visitor) if one not in places]
    if visitor.person is None or not places or not capable:
        return []
    return [NavigationEntry(N_("Operations"), places[0].path, places[0].act), *capable]


def side_for(visitor: Principal, path: str, groups: Sequence[NavigationGroup]) -> Sequence[NavigationGroup]:
    """The places beside a page: of a capability its own, elsewhere those of the node's work (``groups``)."""
    for one in capabilities():
        act = Permission(one.permission)
        if one.places and visitor.may(act) and NavigationEntry(one.title, one.path, act).above(path):
            return [NavigationGroup("", tuple(NavigationEntry(name, at, act) for name, at in one.places))]
    return groups


def place_of(path: str, places: Sequence[NavigationEntry]) -> NavigationEntry | None:
    """The place that a page belongs to: the one with the longest path above it."""
    found = max(places, key=lambda place: place.above(path), default=None)
    return found if found and found.above(path) else None


def _open(visitor: Principal, places: Sequence[NavigationEntry]) -> list[NavigationEntry]:
    found = []
    for place in places:
        below = tuple(one for one in place.below if visitor.may(one.act))
        if visitor.may(place.act):
            found.append(NavigationEntry(place.name, place.path, place.act, place.also, place.key, below))
        else:
            found += below
    return found


def _capabilities_for(visitor: Principal) -> list[NavigationEntry]:
    own = (NavigationEntry(one.title, one.path, Permission(one.permission)) for one in capabilities())
    return [one for one in own if visitor.person is not None and visitor.may(one.act)]
