"""Who is responsible for each of many addresses, a block at a time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.networks import NetworkLookup, Networks
    from tocsin.node.node import Node
    from tocsin.sharing.lookup.subject import Subject
    from tocsin.sharing.routing import Router, RoutingDecision


def open_router(node: "Node", now: datetime) -> "Router":
    """The router of the node's directory as it stands, for one caller alone."""
    from tocsin.directory import directory_version, read_directory
    from tocsin.sharing.routing import current_router

    database = node.database
    version = directory_version(database)
    return current_router(node.compiled / "routing", version, lambda: read_directory(database), now=now)


def who_of_each(
    lines: Sequence[str], router: "Router", networks: "Networks"
) -> Iterator[tuple[dict[str, object], frozenset[int]]]:
    """What is known of each line, in their order, and the teams (by number) that must know.

    Each has ``address`` (the line), ``prefix``, ``asn``, ``country``, ``responsible`` and ``informed`` (keys),
    ``mailboxes`` and ``by``: the rules, or why there is nobody; a line that is no address says so there.
    """
    import polars as pl

    from tocsin.networks import parse_addresses

    hi, lo, known = parse_addresses(pl.Series(lines, dtype=pl.String))
    facts = networks.enrich(hi, lo).with_columns(pl.when(pl.Series(known)).then(pl.all()).name.keep())
    asn = facts["asn"].cast(pl.Int64).fill_null(-1).to_numpy()
    cases = router.cases(hi, lo, known, asn, country=facts["country"]).tolist()
    words = {case: _words(router, case) for case in set(cases)}
    columns = facts.select("prefix", "asn", "country").iter_rows(named=True)
    for line, is_address, row, case in zip(lines, known.tolist(), columns, cases, strict=True):
        said, teams = words[case]
        told = {"address": line} | row | said
        yield (told, teams) if is_address else (told | {"by": "not an address"}, frozenset())


def decide_each(
    subjects: Sequence["Subject"], router: "Router", networks: "Networks"
) -> "list[tuple[NetworkLookup, RoutingDecision]]":
    """What the tables know of each subject, and who must know of it: one pass of the router for all."""
    import numpy as np

    from tocsin.sharing.lookup.explain import known_of

    known = [known_of(subject, networks) for subject in subjects]
    halves = np.array([subject.address or (0, 0) for subject in subjects], dtype=np.uint64).reshape(-1, 2)
    cases = router.cases(
        halves[:, 0].copy(),
        halves[:, 1].copy(),
        np.array([subject.address is not None for subject in subjects], dtype=bool),
        np.array([facts.asn or -1 for facts in known], dtype=np.int64),
        country=[subject.country or facts.country for subject, facts in zip(subjects, known, strict=True)],
        domain=[subject.domain for subject in subjects],
        network=[subject.network for subject in subjects],
    )
    return [(facts, router.decision(case)) for facts, case in zip(known, cases.tolist(), strict=True)]


def _words(router: "Router", case: int) -> tuple[dict[str, object], frozenset[int]]:
    matches = router.decision(case).matches
    answering = [match for match in matches if match.role == "responsible"]
    boxes = dict.fromkeys(box for match in answering for box in router.teams[match.team_id].mailboxes)
    rules = dict.fromkeys(match.rule for match in answering)
    said: dict[str, object] = {
        "responsible": [router.teams[match.team_id].key for match in answering],
        "informed": [router.teams[match.team_id].key for match in matches if match.role == "informed"],
        "mailboxes": [*boxes],
        "by": "; ".join(rules) or "nobody is responsible",
    }
    return said, frozenset(match.team_id for match in matches)
