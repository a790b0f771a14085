"""The feeds of a home: its mapping files, the collectors of feeds that were added, and lists that are context only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import select

from tocsin.events import ContextList, ContextListing, context_lists, find_listings
from tocsin.events.sources import DescribedSource, Feed, KnownFeed, MappingError, sources
from tocsin.node.errors import TocsinError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.pipeline.collectors import COLLECTOR, CollectorState, FeedCollector, collector_mistakes, feed_collector

MAPPED: Final = "mapped"
"""The source whose feeds files describe."""
SERVED: Final = "misp"
"""The source that reads what a TAXII server or a MISP gives."""

_LONGEST: Final = 200  # bytes of a name: disks refuse longer ones


@dataclass(frozen=True)
class FeedFiles:
    """What there is of a feed in files: what is known of it, its mapping, its collector.

    ``own``: whether the mapping is of this home, and not the catalogue's. ``mistake``: why one cannot be used.
    A server of TAXII or a MISP that was added has a collector only.
    """

    code: str
    known: KnownFeed
    own: bool = False
    collector: FeedCollector | None = None
    mistake: str = ""

    @property
    def mapped(self) -> bool:
        """Whether a mapping file describes it."""
        return self.known.feed.source == MAPPED


def described(home: Path) -> DescribedSource:
    """What reads the mapping files of a home and of the catalogue."""
    found = sources(home / HomeFolder.FEEDS)[MAPPED]
    if not isinstance(found, DescribedSource):
        raise TypeError(MAPPED)
    return found


def mapping_path(home: Path, code: str) -> Path:
    """Where the mapping of a feed of this home is."""
    return home / HomeFolder.FEEDS / f"{code}.toml"


def earlier_path(home: Path, code: str) -> Path:
    """Where the version of a mapping before the last change is kept; empty where there was none."""
    return home / HomeFolder.FEEDS / "before" / f"{code}.toml"


def has_earlier(home: Path, code: str) -> bool:
    """Whether the mapping of a feed can be restored."""
    return earlier_path(home, code).is_file()


def feed_files(home: Path, code: str) -> FeedFiles | None:
    """A feed of the home or of the catalogue, or a server that was added, by its code; None where there is none."""
    if len(code.encode()) > _LONGEST or set(code) & {"/", "\\", "\0"}:
        return None
    source = described(home)
    return _files(home, source, code, {one.feed.code: one for one in source.known()})


def all_feed_files(home: Path) -> list[FeedFiles]:
    """The feeds of the catalogue and of the home, with the servers that were added, by code."""
    source = described(home)
    known = {one.feed.code: one for one in source.known()}
    paths = (home / HomeFolder.FEEDS).glob("*")
    codes = {*known, *(path.stem for path in paths if path.suffix in {".toml", COLLECTOR})}
    return [found for code in sorted(codes) if (found := _files(home, source, code, known))]


def _files(home: Path, source: DescribedSource, code: str, known: Mapping[str, KnownFeed]) -> FeedFiles | None:
    own = mapping_path(home, code).is_file()
    mistake, collector = _mistake_of(source, code) if own else "", None
    try:
        collector = feed_collector(home, code)
    except TocsinError as error:
        mistake = mistake or str(error)
    if own and not mistake:
        found = source.about(code)
    elif own or mistake or code in known:
        found = known.get(code, KnownFeed(Feed(MAPPED, code, code)))
    elif collector:
        source_of, url = str(collector.table.get("source", SERVED)), str(collector.table.get("url", ""))
        found = KnownFeed(Feed(source_of, code, code, urlsplit(url).hostname or ""), url, "agreement")
    else:
        return None
    return FeedFiles(code, found, own, collector, mistake)


def feed_mistakes(home: Path) -> list[str]:
    """What is wrong with the files of feeds in a home: each with its file, line, column and reason."""
    folder = home / HomeFolder.FEEDS
    changed = tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.toml")))
    return [*_mapping_mistakes(home, changed), *collector_mistakes(home)]


@lru_cache(maxsize=8)
def _mapping_mistakes(home: Path, changed: tuple[tuple[Path, int], ...]) -> list[str]:
    source = described(home)
    return [said for path, _ in changed if (said := _mistake_of(source, path.stem))]


def _mistake_of(source: DescribedSource, code: str) -> str:
    try:
        source.about(code)
    except MappingError as error:
        return f"{error.path.name}:{error.row}:{error.place}: {error.reason}"
    return ""


def lists_of(node: Node) -> list[ContextList]:
    """The lists that are context only, by code."""
    return context_lists(node.home, _seen(node))


def listings(node: Node, values: Iterable[str]) -> dict[str, list[ContextListing]]:
    """For each value that is on such a list: where, since when, and when the list was last known to hold."""
    return find_listings(node.home, values, _seen(node))


def _seen(node: Node) -> dict[str, datetime]:
    """When the collector of each list last succeeded: a server with nothing newer sends nothing."""
    wanted = select(CollectorState.name, CollectorState.last_success_at).where(CollectorState.failures == 0)
    with node.database.reading() as session:
        return {name: at for name, at in session.execute(wanted) if at is not None}
