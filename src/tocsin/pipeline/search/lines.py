"""Many lines at once, as somebody pastes them: what each is, whom to notify, and what goes on there."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from tocsin.directory import ResponsibilityRole, Team
from tocsin.events import NO_CONTACT, EventQuery, EventScope, codes_of, find_listings, within
from tocsin.networks import Networks, parse_network
from tocsin.node.accounts import Permission, PermissionScope
from tocsin.node.errors import InputError
from tocsin.node.sentences import say
from tocsin.pipeline.search.answer import Searcher, kind_of
from tocsin.pipeline.search.contact import LATELY, listed_as
from tocsin.pipeline.search.incidents import observed_in
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems import known_problems
from tocsin.problems.answers import sets_with
from tocsin.sharing.lookup import Subject, decide_each, open_router
from tocsin.sharing.routing import RoutingDecision
from tocsin.sharing.visibility import event_scope_of

MOST_LINES: Final = 1_000
_ASN: Final = pl.coalesce("network.asn", "source.asn")
_HALF: Final = 2**64 - 1
_AT: Final = pl.coalesce("time.source", "time.observation")


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """One line. ``kind``: as `SearchAnswer`; ``contacts``: keys and names of the teams to notify.

    ``outside``: not within the networks of the visitor. ``problems``: how many go on; ``seen``: when last; ``lacking``:
    events without a contact; all of the last 30 days, None of what events are not looked for by. ``incidents``: in
    which it was observed, by reference and title. ``lists``: codes of the context lists that it is on.
    """

    line: str
    kind: str
    prefix: str = ""
    asn: int | None = None
    as_name: str = ""
    country: str = ""
    contacts: tuple[tuple[str, str], ...] = ()
    outside: bool = False
    problems: int | None = None
    seen: datetime | None = None
    lacking: int = 0
    incidents: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """What was seen at one address in one AS: keys of problems, when last, events without a contact."""

    asn: int | None
    problems: tuple[int, ...]
    seen: datetime | None
    lacking: int


@dataclass(frozen=True, slots=True)
class _State:
    """What goes on at the places of one line, as `LineAnswer` has it."""

    problems: int
    seen: datetime | None
    lacking: int


def lines_of(text: str) -> list[str]:
    """The lines of a pasted text that are not empty.

    Raises:
        InputError: there are too many.

    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise InputError(
            say("There are %(n)s lines; a search takes %(most)s.", n=f"{len(lines):,}", most=f"{MOST_LINES:,}"),
            hint=say("Paste a part of them. 'tocsin directory lookup FILE' takes any number of addresses."),
        )
    return lines


def answer_lines(searcher: Searcher, lines: Sequence[str], *, sight: EventScope | None = None) -> list[LineAnswer]:
    """An answer for each line, in order; all of them are decided at once, and events are read once.

    ``sight``: which events count; None: those that the visitor sees.
    """
    node, now = searcher.node, searcher.clock()
    read = [searcher.read(line) for line in lines]
    subjects = {place: found for place, found in enumerate(read) if isinstance(found, Subject)}
    reach = searcher.visitor.reach(Permission.LOOKUP)
    router, networks = open_router(node, now), Networks.open(node.home)
    decided = dict(zip(subjects, decide_each([*subjects.values()], router, networks), strict=True)) if subjects else {}
    answers = [LineAnswer(line, found.kind.value if not isinstance(found, Subject) else kind_of(found))
               for line, found in zip(lines, read, strict=True)]  # fmt: skip
    for place, (facts, decision) in decided.items():
        contacts, outside = _contacts(decision, router.teams, reach)
        answers[place] = replace(answers[place], contacts=contacts, outside=outside)
        if not outside:
            network = {"prefix": facts.prefix or "", "as_name": facts.as_name or "", "country": facts.country or ""}
            answers[place] = replace(answers[place], asn=facts.asn, **network)  # type: ignore[arg-type]  # all texts
    if reach.everything:
        listed = find_listings(node.home, [listed_as(subject) for subject in subjects.values()])
        for place, subject in subjects.items():
            answers[place] = replace(answers[place], lists=tuple(codes_of(listed, listed_as(subject))))
    seen = searcher.visitor.reach(Permission.EVENTS_READ)
    if seen:
        sight = sight or event_scope_of(node, node.events, seen)
        inside = {place: subject for place, subject in subjects.items() if not answers[place].outside}
        for place, state in _states(node, inside, sight, now).items():
            answers[place] = replace(answers[place], problems=state.problems, seen=state.seen, lacking=state.lacking)
    with node.database.reading() as session:
        observed = observed_in(session, searcher.visitor, searcher.reader, lines)
    return [
        replace(one, incidents=tuple(dict.fromkeys((of.reference, of.title) for of in observed.get(line, ()))))
        for line, one in zip(lines, answers, strict=True)
    ]


def _contacts(
    decision: RoutingDecision, teams: Mapping[int, Team], reach: PermissionScope
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """The teams to notify as far as the visitor may know them, and whether the thing is outside their networks."""
    named = [match for match in decision.matches if reach.everything or match.team_id in reach.teams]
    responsible = [teams[match.team_id] for match in named if match.role is ResponsibilityRole.RESPONSIBLE]
    return tuple((team.key, team.name) for team in responsible), not reach.everything and not named


def _states(
    node: NodeWithStores, subjects: Mapping[int, Subject], sight: EventScope, now: datetime
) -> dict[int, _State]:
    """What goes on at each subject that is an address, a network or an AS, by its place."""
    ranges = {place: bounds for place, subject in subjects.items() if (bounds := _bounds(subject))}
    asns = {place: subject.asn for place, subject in subjects.items() if subject.asn}
    if not ranges and not asns:
        return {}
    addresses, found = _seen(node, list(ranges.values()), list(asns.values()), sight, now)
    going_on = _going_on(node, {key for place in found for key in place.problems})
    # The same line may stand there a thousand times: what is asked for twice is counted once.
    by_range = {
        (first, last): _state(found[bisect_left(addresses, first) : bisect_right(addresses, last)], going_on)
        for first, last in set(ranges.values())
    }
    places: dict[int, list[_Place]] = {asn: [] for asn in asns.values()}
    for place in found:
        if place.asn in places:
            places[place.asn].append(place)
    by_asn = {asn: _state(of, going_on) for asn, of in places.items()}
    states = {place: by_range[bounds] for place, bounds in ranges.items()}
    return states | {place: by_asn[asn] for place, asn in asns.items()}


def _state(places: Sequence[_Place], going_on: frozenset[int]) -> _State:
    return _State(
        problems=len({key for place in places for key in place.problems} & going_on),
        seen=max((place.seen for place in places if place.seen), default=None),
        lacking=sum(place.lacking for place in places),
    )


def _bounds(subject: Subject) -> tuple[int, int] | None:
    """The first and the last address."""
    if subject.address:
        number = subject.address[0] << 64 | subject.address[1]
        return number, number
    network = parse_network(subject.network) if subject.network else None
    return (network.hi << 64 | network.lo, network.last[0] << 64 | network.last[1]) if network else None


def _seen(
    node: NodeWithStores, bounds: list[tuple[int, int]], asns: list[int], sight: EventScope, now: datetime
) -> tuple[list[int], list[_Place]]:
    """What was seen of late at these places, by address in ascending order: the addresses, and what was seen."""
    single = {_signed(first & _HALF) for first, last in bounds if first == last}
    wide = [(first >> 64, first & _HALF, last >> 64, last & _HALF) for first, last in set(bounds) if first != last]
    wanted = pl.col("source.ip.lo").is_in(sorted(single)) | _ASN.is_in(asns)
    if wide:
        wanted |= within(wide)
    events = node.store.scan(EventQuery(since=now - LATELY)).filter(wanted & _visible(node, sight))
    frame = node.store.collect(
        events.group_by("source.ip.hi", "source.ip.lo", _ASN.alias("asn")).agg(
            pl.col("problem").unique(), _AT.max().alias("seen"), NO_CONTACT.sum().alias("lacking")
        )
    )
    rows = [
        (
            -1 if hi is None else (hi & _HALF) << 64 | (lo & _HALF),
            _Place(asn, tuple(_unsigned(problems)), seen, lacking),
        )
        for hi, lo, asn, problems, seen, lacking in frame.iter_rows()
    ]
    rows.sort(key=lambda row: row[0])
    return [number for number, _ in rows], [place for _, place in rows]


def _visible(node: NodeWithStores, sight: EventScope) -> pl.Expr:
    """The events that show through a window of the scope."""
    if sight.everything:
        return pl.lit(value=True)
    shown = pl.lit(value=False)
    for window in sight.windows:
        fits = pl.lit(value=True)
        if window.labels is not None:
            fits &= pl.any_horizontal(
                pl.lit(value=False),
                *(pl.col("tlp").eq_missing(tlp) & pl.col("pap").eq_missing(pap) for tlp, pap in window.labels),
            )
        if window.teams is not None:
            with node.database.reading() as session:
                sets = sets_with(session, window.teams)
            told = pl.col("told").is_in(sets)
            fits &= told if window.told_only else told | pl.col("routed").is_in(sets)
        shown |= fits
    return shown


def _going_on(node: NodeWithStores, keys: set[int]) -> frozenset[int]:
    """Those of the problems that are not gone."""
    asked = np.array(sorted(keys), dtype=np.uint64)
    with node.database.reading() as session:
        known = known_problems(session, node.tracker, gone_after_days=node.settings.tell.gone_after_days, keys=asked)
    return frozenset(known.keys[known.gone_at == 0].tolist())


def _unsigned(keys: Sequence[int | None]) -> list[int]:
    return [key & _HALF for key in keys if key is not None]


def _signed(half: int) -> int:
    return half - 2**64 if half >> 63 else half
