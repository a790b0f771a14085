"""Times every kind of page with 20 people at once, on a node with many events, problems and notifications.

python bench/console.py --events 10000000 --home FOLDER

The node is made once in FOLDER (an hour for ten million events) and taken as it is afterwards. Most people are
analysts, some operators of one team each; each looks, thinks, and opens something else, mostly what nobody opened yet.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select

import feed
from console_events import (
    FIRST,
    PEOPLE,
    TIMES,
    ask,
    at_once,
    cpu_seconds,
    expire_old_news,
    resident,
    serving,
    session,
    some_events,
    spread,
    visitor,
)
from pipeline import tocsin
from problems import fill
from queries import DAYS
from tocsin.delivery import Delivery
from tocsin.directory import teams_by_id
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import ProblemSearch, problem_text

OPERATORS = 4
MOST_MS = 100.0
"""The 95th percentile of each kind of page that is aimed at."""

_SAMPLE = 2_000


@dataclass
class Things:
    """What pages are about, as far as it is drawn from the node; ``teams``: keys by number."""

    problems: list[str]
    digests: list[str]
    teams: dict[int, str] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times every kind of page with many people at once.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, required=True, help="Make the node here, or use the one that is here.")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--think", type=float, default=2.0, help="Seconds that each person looks at a page.")
    parser.add_argument("--seconds", type=float, default=180.0, help="How long people look at a warm server.")
    options = parser.parse_args()
    home = options.home / "home"
    if not (home / "events").exists():
        make(options.home, home, options.events, options.seed)
    json.dump(measure(home, options), sys.stdout, indent=1)
    sys.stdout.write("\n")


def make(folder: Path, home: Path, events: int, seed: int) -> None:
    """Ten days up to today, and the notifications of all of it."""
    fill(folder, home, events, seed, datetime.now(UTC).date() - timedelta(days=DAYS))
    tocsin(home, "deliver")
    expire_old_news(open_node(home))


def measure(home: Path, options: argparse.Namespace) -> dict[str, object]:
    node = open_node(home)
    things = draw(node, random.Random(options.seed))
    operators = random.Random(options.seed).sample(sorted(things.teams), OPERATORS)
    with serving(home) as (pid, url), ExitStack() as stack:
        analyst = stack.enter_context(visitor(url, session(node)))
        others = [stack.enter_context(visitor(url, session(node, AccountRole.OPERATOR, (team,)))) for team in operators]
        inside = {name: (analyst, path) for name, path in analyst_pages(things).items()}
        portal = operator_pages()

        def open_page(rng: random.Random) -> tuple[str, float]:
            if rng.random() < OPERATORS / PEOPLE:
                page = rng.choice(list(portal))
                return page, ask(rng.choice(others), portal[page](rng))
            page = rng.choice(list(inside))
            client, path = inside[page]
            return page, ask(client, path(rng))

        started = (options.people, options.think)
        figures: dict[str, object] = {
            "events": int(node.store.table.listing()["num_records"].sum()),
            "problems": node.problems.find(ProblemSearch(), now=datetime.now(UTC)).total,
            "notifications": len(things.digests),
            "people, seconds between clicks": started,
            "first_minute": at_once(pid, open_page, options.think, FIRST, options.seed, most=options.people),
            "warm": at_once(pid, open_page, options.think, options.seconds, options.seed + 1, most=options.people),
            "one_by_one": alone(pid, {**inside, **{name: (others[0], path) for name, path in portal.items()}}),
            "server_resident_mb": resident(pid),
        }
    warm: Mapping[str, dict[str, float]] = figures["warm"]["by_page"]  # type: ignore[index]  # as at_once makes it
    figures["over_the_aim"] = {page: of["p95_ms"] for page, of in warm.items() if of["p95_ms"] > MOST_MS}
    return figures


def alone(pid: int, pages: Mapping[str, tuple[httpx.Client, Callable[[random.Random], str]]]) -> dict[str, object]:
    """Each kind of page, asked for by one person alone."""
    rng, found = random.Random(7), dict[str, object]()
    for page, (client, path) in pages.items():
        before, took = cpu_seconds(pid), [ask(client, path(rng)) for _ in range(TIMES)]
        found[page] = {**spread(took), "cpu_ms": round((cpu_seconds(pid) - before) * 1000 / TIMES, 1)}
    return found


def draw(node: NodeWithStores, rng: random.Random) -> Things:
    """Some problems, all notifications, and the teams that were notified."""
    keys = node.problems.find(ProblemSearch(), now=datetime.now(UTC)).keys.tolist()
    teams = teams_by_id(node.database)
    with node.database.reading() as session:
        digests = session.execute(select(Delivery.reference, Delivery.team_id)).all()
    return Things(
        problems=[problem_text(key) for key in rng.sample(keys, min(_SAMPLE, len(keys)))],
        digests=[reference for reference, _ in digests],
        teams={team: teams[team].key for _, team in digests},
    )


def analyst_pages(things: Things) -> dict[str, Callable[[random.Random], str]]:
    """The kinds of pages that an analyst opens, each with how an address of it is made."""
    keys = list(things.teams.values())
    return {
        "today": lambda _: "/today",
        "problems": some_problems,
        "problem": lambda rng: f"/problems/{rng.choice(things.problems)}",
        "events": some_events,
        "search": some_search,
        "lookup": lambda rng: f"/lookup?q={_address(rng)}",
        "teams": lambda rng: f"/teams?q={rng.choice(('', 'Team 0', f'Team {rng.randrange(2_000):04d}'))}",
        "team": lambda rng: f"/teams/{rng.choice(keys)}",
        "notifications": lambda _: "/deliveries",
        "notification": lambda rng: f"/deliveries/{rng.choice(things.digests)}",
        "reports": lambda _: "/reports",
        "quarantine": lambda _: "/reports/quarantine",
        "inbox": lambda _: "/reports/public",
        "figures": lambda _: "/figures",
    }


def operator_pages() -> dict[str, Callable[[random.Random], str]]:
    """The same of an operator."""
    return {
        "operator: to fix": lambda rng: "/portal" + rng.choice(("", "?state=all", "?find=open", "?severity=high")),
        "operator: contacts": lambda _: "/portal/contacts",
        "operator: search": lambda rng: f"/search?q={rng.choice((_address(rng), 'open', 'team'))}",
        "operator: events": lambda rng: f"/events?feed={rng.choice(feed.TYPES)}",
        "operator: notifications": lambda _: "/deliveries",
    }


def some_problems(rng: random.Random) -> str:
    """The list as people narrow it."""
    queries = (
        lambda: "",
        lambda: "sort=due",
        lambda: f"feed={rng.choice(feed.TYPES)}",
        lambda: f"team=Team+{rng.randrange(2_000):04d}",
        lambda: f"address={rng.randrange(1, 223)}.{rng.randrange(256)}.0.0/16",
        lambda: f"severity=high&feed={rng.choice(feed.TYPES)}",
        lambda: f"first={rng.randrange(200) * 50}",
        lambda: "state=any",
    )
    query = rng.choices(queries, weights=(4, 3, 3, 4, 3, 2, 1, 1))[0]()
    return f"/problems?{query}" if query else "/problems"


def some_search(rng: random.Random) -> str:
    """What is typed into the search: an address, an AS, a name, words."""
    texts = (_address(rng), f"AS{rng.randrange(64_500, 67_500)}", f"Team {rng.randrange(2_000):04d}", "team problems")
    return f"/search?q={rng.choices(texts, weights=(6, 2, 3, 1))[0]}"


def _address(rng: random.Random) -> str:
    return f"{rng.randrange(1, 223)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"


if __name__ == "__main__":
    main()
