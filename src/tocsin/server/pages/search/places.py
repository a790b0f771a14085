"""Pages and settings that are found by their names, those that the visitor may open."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from tocsin.node.accounts import Permission, Principal
from tocsin.node.records import words_of
from tocsin.node.settings import Settings
from tocsin.pipeline.search import SearchAnswer
from tocsin.server.pages.navigation import NavigationEntry, areas_for, groups_for, places_of
from tocsin.server.pages.words import N_, PageTexts

_MOST: Final = 10
_TABS: Final = (
    NavigationEntry(N_("Contact lookup"), "/lookup", Permission.LOOKUP),
    NavigationEntry(N_("Inbox"), "/reports/public", Permission.INBOX_READ),
    NavigationEntry(N_("Coverage"), "/coverage", Permission.DIRECTORY_SURVEY),
    NavigationEntry(N_("Conflicts"), "/conflicts", Permission.DIRECTORY_SURVEY),
    NavigationEntry(N_("Possible duplicates"), "/merges", Permission.DIRECTORY_SURVEY),
    NavigationEntry(N_("Claims"), "/claims", Permission.DIRECTORY_SURVEY),
    NavigationEntry(N_("Verifications"), "/verifications", Permission.DIRECTORY_SURVEY),
    NavigationEntry(N_("Scheduled"), "/deliveries/due", Permission.DELIVERIES_READ),
    NavigationEntry(N_("Other mails"), "/deliveries/letters", Permission.DELIVERIES_READ),
    NavigationEntry(N_("Sending"), "/deliveries/sending", Permission.DELIVERIES_READ),
    NavigationEntry(N_("Feeds"), "/reports/feeds", Permission.REPORTS_READ),
    NavigationEntry(N_("Feed catalogue"), "/reports/feeds/catalogue", Permission.REPORTS_READ),
    NavigationEntry(N_("Try a feed"), "/reports/feeds/try", Permission.REPORTS_WRITE),
    NavigationEntry(N_("Collectors"), "/reports/collectors", Permission.REPORTS_READ),
    NavigationEntry(N_("Quarantine"), "/reports/quarantine", Permission.QUARANTINE_READ),
    NavigationEntry(N_("People"), "/admin/people", Permission.ADMIN_READ),
    NavigationEntry(N_("Settings"), "/admin/settings", Permission.ADMIN_READ),
    NavigationEntry(N_("Retention"), "/admin/keeping", Permission.ADMIN_READ),
    NavigationEntry(N_("Audit log"), "/audit", Permission.AUDIT_READ),
    NavigationEntry(N_("Your account"), "/account", Permission.ACCOUNT_OWN),
)
"""Pages below the places of the navigation."""


@dataclass(frozen=True)
class FoundPlace:
    """A page or a setting: its name in the visitor's language, more of it, and its address."""

    name: str
    detail: str
    page: str


def pages_of(visitor: Principal, words: PageTexts, off: Collection[str] = ()) -> list[FoundPlace]:
    """All pages with a name that the visitor may open; ``off``: paths of places that this node does not have."""
    places = places_of(groups_for(visitor, off))
    below = (one for place in places for one in place.below)
    entries = [*places, *below, *areas_for(visitor, places)[1:], *(tab for tab in _TABS if _opens(visitor, tab))]
    by_path = {entry.path: FoundPlace(words.say(entry.name), "", entry.path) for entry in entries}
    return [*by_path.values()]


def find_places(
    visitor: Principal, words: PageTexts, answer: SearchAnswer, off: Collection[str] = ()
) -> list[FoundPlace]:
    """The pages and settings in whose names the words begin words; none where no words were asked for."""
    wanted = [word.casefold() for word in words_of(answer.query)]
    if answer.kind != "name" or not wanted:
        return []
    found = [place for place in pages_of(visitor, words, off) if _has(place.name, wanted)]
    if visitor.may(Permission.ADMIN_READ):
        found += [place for place in _settings() if _has(place.name.replace("_", " "), wanted)]
    return found[:_MOST]


def _opens(visitor: Principal, entry: NavigationEntry) -> bool:
    """Operators have pages of their own of what others see of the whole node."""
    reach = visitor.reach(entry.act)
    return reach.everything or (bool(reach) and entry.act in {Permission.LOOKUP, Permission.ACCOUNT_OWN})


def _has(name: str, wanted: list[str]) -> bool:
    parts = [word.casefold() for word in words_of(name)]
    return all(any(part.startswith(word) for part in parts) for word in wanted)


def _settings() -> Iterator[FoundPlace]:
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, of in model.model_fields.items():
                yield FoundPlace(f"[{section}] {name}", of.description or "", f"/admin/settings#s-{section}")
