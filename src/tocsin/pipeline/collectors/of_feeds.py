"""The collectors of feeds that were added here: ``feeds/NAME.collector`` of the home, beside those of the settings.

A file of its own, since whoever may write a mapping need not be whoever may say where secrets are sent.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tocsin.node.errors import SettingError, TocsinError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.pipeline.collectors.kinds import CollectorSettings, read_collectors

COLLECTOR: Final = ".collector"
SECRET: Final = ".secret"  # noqa: S105 (the ending of a file)


@dataclass(frozen=True)
class FeedCollector:
    """What a file says: the settings of its collector as of ``[collect.NAME]``, and whether it rests."""

    feed: str
    table: Mapping[str, object]
    paused: bool = False

    @property
    def settings(self) -> CollectorSettings:
        """The settings, checked.

        Raises:
            SettingError: one does not work.

        """
        return read_collectors({self.feed: self.table})[self.feed]

    def text(self) -> str:
        """The file: TOML takes texts as JSON has them."""
        said = {**self.table, **({"paused": True} if self.paused else {})}
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in said.items())


def collector_path(home: Path, feed: str) -> Path:
    """Where the collector of a feed is described."""
    return home / HomeFolder.FEEDS / f"{feed}{COLLECTOR}"


def feed_collector(home: Path, feed: str) -> FeedCollector | None:
    """The collector of a feed that was added; None where there is none.

    Raises:
        SettingError: its file cannot be read.

    """
    path = collector_path(home, feed)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise SettingError(
            say("%(path)s cannot be read: %(error)s", path=path.name, error=error), hint=say("Add the feed again.")
        ) from error
    paused = bool(table.pop("paused", False))
    return FeedCollector(feed, table, paused)


def collector_mistakes(home: Path) -> Iterator[str]:
    """What is wrong with the collectors of feeds that were added."""
    for path in sorted((home / HomeFolder.FEEDS).glob(f"*{COLLECTOR}")):
        try:
            if found := feed_collector(home, path.stem):
                _ = found.settings
        except TocsinError as error:
            yield str(error)


def added_collectors(home: Path) -> dict[str, CollectorSettings]:
    """The collectors of feeds that were added and do not rest; one whose file is wrong is in `collector_mistakes`."""
    found: dict[str, CollectorSettings] = {}
    for path in sorted((home / HomeFolder.FEEDS).glob(f"*{COLLECTOR}")):
        with suppress(TocsinError):
            added = feed_collector(home, path.stem)
            if added and not added.paused:
                found[path.stem] = added.settings
    return found


def node_collectors(node: Node) -> dict[str, CollectorSettings]:
    """The collectors of a node: of its settings, and of feeds that were added and do not rest.

    Raises:
        SettingError: one of the settings does not work.

    """
    return added_collectors(node.home) | read_collectors(node.settings.collect)
