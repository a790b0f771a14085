"""What the doctor looks at of feeds: alarms, files that cannot be used, lists out of date, collectors."""

from collections.abc import Iterator
from datetime import datetime

from tocsin.events import feed_states, watch_feeds
from tocsin.node.sentences import join_sentences, say
from tocsin.operations.health_finding import HealthFinding
from tocsin.pipeline.collectors import collector_problems, node_collectors, standings
from tocsin.pipeline.feed_files import feed_mistakes, lists_of
from tocsin.pipeline.stores import NodeWithStores


def feeds(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """A feed that went quiet is as good as an alarm: its problems would look healthy."""
    watch_feeds(node.database, now=now)
    feeds = feed_states(node.database)
    unwell = [feed for feed in feeds if any(alarm.acknowledged_at is None for alarm in feed.alarms)]
    words = ", ".join(f"{feed.name} ({feed.state})" for feed in unwell[:5])  # states are words of a closed list
    yield HealthFinding(
        say("feeds"),
        not unwell,
        say("%(unwell)s of %(feeds)s not as usual: %(unwell2)s", unwell=len(unwell), feeds=len(feeds), unwell2=words)
        if unwell
        else say("%(feeds)s known, all as usual", feeds=len(feeds)),
        say("'tocsin feeds health' says what is wrong with each; no problem fades meanwhile.") if unwell else "",
    )


def feed_files(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Mapping files and collectors of feeds that cannot be used, and context lists that are out of date."""
    mistakes, lists = feed_mistakes(node.home), lists_of(node)
    if mistakes:
        yield HealthFinding(
            say("files of feeds"), False, "; ".join(mistakes[:5]),
            say("Correct it on the page 'Try a feed', or with 'tocsin feeds try'; until then its reports are refused."),
        )  # fmt: skip
    if stale := [one.code for one in lists if one.is_stale(now)]:
        yield HealthFinding(
            say("context lists"), False, say("out of date: %(lists)s", lists=", ".join(stale[:5])),
            say("'tocsin collect list' says whether it is fetched; 'tocsin feeds remove' ends it."),
        )  # fmt: skip


def collectors(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Collectors that fail, or that nobody lets run."""
    found = standings(node.database, node_collectors(node))
    if not found:
        return
    words = collector_problems(found, node.home, now)
    yield HealthFinding(
        say("collectors"),
        not words,
        join_sentences("; ", words[:5]) if words else say("%(found)s work", found=len(found)),
        say("'tocsin collect list' says why; 'tocsin collect run' must be called by a timer.") if words else "",
    )
