"""A seeded world of AS numbers, teams and mailboxes, of which every fact is known beforehand.

What is true of it is written here in plain Python, by how it was made; the code under test is only told it, through the
same doors as in use: files to import, letters asked and answered, mails filed, facts noted.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count

FIRST, SECOND = date(2026, 4, 30), date(2026, 10, 31)
"""The two days on which the world is looked at."""

FILES = (date(2026, 3, 15), date(2026, 9, 15))
IMPORTS = (datetime(2026, 2, 1, 8, tzinfo=UTC), datetime(2026, 8, 1, 8, tzinfo=UTC))
WORDS = datetime(2026, 7, 1, 9, tzinfo=UTC)
ASKED = datetime(2026, 3, 1, 9, tzinfo=UTC)
ANSWERED = datetime(2026, 3, 3, 9, tzinfo=UTC)

REGISTRIES = {"afrinic": ("KE", "MG", "MU", "ZA"), "apnic": ("FJ", "TV", "VU"), "lacnic": ("BR", "CL", "HT")}
HOMES = {country: rir for rir, countries in REGISTRIES.items() for country in countries}
_BASE = 4_200_000_000  # numbers for private use (RFC 6996)
_YEAR, _DAY = timedelta(days=365), timedelta(days=1)
_SORTS = ("abuse", "security", "general")
RANKS = ("unknown", "bouncing", "stale", "registered", "verified", "answering")


@dataclass(frozen=True)
class Given:
    """What a registry's file says of one number."""

    rir: str
    country: str
    on: date
    status: str = "allocated"


@dataclass
class Box:
    """A mailbox of one team; ``states`` are moments and the state from then on, ``until`` when its import ends."""

    address: str
    sort: str
    story: str
    states: list[tuple[datetime, str]]
    since: datetime
    until: datetime | None
    denied: datetime | None = None
    kept: bool = False  # the holder's own word outlives the import

    def state(self, at: datetime) -> str:
        """What is true of it at a time; ``unknown`` where it is not the team's."""
        gone = self.until is not None and self.until <= at and not self.kept
        if at < self.since or gone or (self.denied is not None and self.denied <= at):
            return "unknown"
        return [state for moment, state in self.states if moment <= at][-1]


@dataclass
class Crew:
    """A team: its key, mailboxes, and the numbers that each import says are its."""

    key: str
    boxes: list[Box] = field(default_factory=list)
    numbers: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))


@dataclass
class Act:
    """Something that happens to a mailbox, for whoever plays the world."""

    what: str
    team: str
    mailbox: str
    at: datetime
    told_at: datetime | None = None
    permanent: bool = False


@dataclass
class SeededWorld:
    """All of it. ``given``: of each file the numbers and who gave them (two where two registries do)."""

    given: tuple[dict[int, list[Given]], dict[int, list[Given]]]
    prefixes: list[tuple[str, int, int]]  # network, AS, blocks (/24 or /48)
    blocks: dict[str, dict[int, int]]  # family: block to AS, the longest prefix
    places: dict[str, dict[int, str]]  # family: block to country
    crews: list[Crew]
    acts: list[Act]
    denials: list[tuple[str, int]]  # team, AS number, from WORDS on
    merges: list[tuple[str, str]]  # team into team, from WORDS on


def make(seed: int, numbers: int = 5_000) -> SeededWorld:
    """The world of this seed, with so many AS numbers in all files together."""
    rng = random.Random(seed)
    every = [_BASE + number for number in range(numbers)]
    given = _given(rng, every)
    crews = _crews(rng, every)
    askable = [box for crew in crews for box in crew.boxes if (box.since, box.until) == (IMPORTS[0], None)]
    for box, story in zip(askable, _BY_LETTER, strict=False):
        box.story = story  # each at least once, however small the world
    acts = [act for crew in crews for box in crew.boxes for act in _story(rng, crew, box)]
    world = SeededWorld(given, [], {"ipv4": {}, "ipv6": {}}, {"ipv4": {}, "ipv6": {}}, crews, acts, [], [])
    _announce(rng, world, every)
    held = [(crew.key, min(crew.numbers[0] & crew.numbers[1])) for crew in crews if crew.numbers[0] & crew.numbers[1]]
    world.denials = rng.sample(held, len(held) // 150)
    keys = rng.sample([crew.key for crew in crews if crew.key not in {team for team, _ in world.denials}], 24)
    world.merges = list(zip(keys[:12], keys[12:], strict=True))
    return world


def _given(rng: random.Random, every: list[int]) -> tuple[dict[int, list[Given]], dict[int, list[Given]]]:
    first: dict[int, list[Given]] = {}
    second: dict[int, list[Given]] = {}
    country = "MU"
    for number in every:
        country = country if rng.random() < 0.4 else rng.choice(list(HOMES))  # runs become ranges in the file
        one = Given(HOMES[country], country, date(2010, 1, 1) + rng.randrange(5_000) * _DAY, "assigned")
        other = rng.choice([code for code in HOMES if code != country])
        moved = Given(HOMES[other], other, date(2026, 5, 1) + rng.randrange(100) * _DAY)
        fate = rng.random()
        first[number] = [] if fate < 0.04 else [one]
        second[number] = [one]
        if 0.04 <= fate < 0.10:
            second[number] = [moved]  # to another country, mostly of another registry
        elif 0.10 <= fate < 0.12:
            second[number] = []  # given back
        elif 0.12 <= fate < 0.14 and moved.rir != one.rir:
            second[number] = [one, moved]  # two registries say that it is theirs to give
        elif 0.14 <= fate < 0.16:
            for file in (first, second):
                file[number] = [Given(one.rir, "", one.on, "reserved")]
    return first, second


def _crews(rng: random.Random, every: list[int]) -> list[Crew]:
    crews, waiting = [], every[: int(len(every) * 0.85)]
    rng.shuffle(waiting)
    for place in count():
        if not waiting:
            break
        crew = Crew(f"team-{place}")
        mine = {waiting.pop() for _ in range(min(len(waiting), rng.choice((1, 1, 1, 2, 3, 6))))}
        crew.numbers[0].update(mine)
        crew.numbers[1].update(mine if rng.random() < 0.95 else {rng.choice(every)})
        for sort in rng.sample(_SORTS, rng.choice((0, 1, 1, 1, 2, 2, 3))):
            since, until = (IMPORTS[1], None) if rng.random() < 0.05 else (IMPORTS[0], None)
            if since == IMPORTS[0] and rng.random() < 0.04:
                until = IMPORTS[1]
            crew.boxes.append(Box(f"{sort}@n{place}.example", sort, "", [(since, "registered")], since, until))
        crews.append(crew)
    for crew in rng.sample(crews, len(crews) // 20):  # some numbers have two teams
        for numbers in crew.numbers:
            numbers.update(rng.sample(every, 2))
    return crews


_Story = Callable[[random.Random, Crew, Box], list[Act]]


def _story(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    """What happens to a mailbox; what follows is written into the mailbox."""
    names, weights = list(_STORIES), [weight for weight, _ in _STORIES.values()]
    box.story = box.story or rng.choices(names, weights)[0]
    if box.story in _BY_LETTER and (box.since, box.until) != (IMPORTS[0], None):
        box.story = "silent"  # nobody could have asked it in March, or it would be no longer its team's
    return _STORIES[box.story][1](rng, crew, box)


def _when(rng: random.Random) -> datetime:
    day = datetime(2026, 2, 10, 12, tzinfo=UTC) + rng.randrange(260) * _DAY
    return day + rng.randrange(3_600) * timedelta(seconds=1)


def _silent(_rng: random.Random, _crew: Crew, _box: Box) -> list[Act]:
    return []


def _confirms(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng)
    box.states += [(at, "verified")]
    return [Act("verified", crew.key, box.address, at)]


def _confirmed_long_ago(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng) - _YEAR
    box.states[0] = (box.since, "verified" if box.since < at + _YEAR else "stale")
    if at + _YEAR > box.since:
        box.states += [(at + _YEAR, "stale")]
    return [Act("verified", crew.key, box.address, at)]


def _answers(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    told = _when(rng)
    at = told + rng.randrange(1, 14) * _DAY
    box.states += [(at, "answering")]
    return [Act("answered", crew.key, box.address, at, told)]


def _answers_late(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    told = _when(rng)
    return [Act("answered", crew.key, box.address, told + rng.randrange(15, 60) * _DAY, told)]


def _bounces(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng)
    box.states += [(at, "bouncing")]
    return [Act("bounced", crew.key, box.address, at, permanent=True)]


def _bounces_twice(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng)
    return [Act("bounced", crew.key, box.address, at + day * _DAY) for day in (0, 7)]


def _bounces_often(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng)
    box.states += [(at + 14 * _DAY, "bouncing")]
    return [Act("bounced", crew.key, box.address, at + day * _DAY) for day in (0, 7, 14, 21)]


def _comes_back(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    """It bounces for good, then a person confirms it, then it answers."""
    at = _when(rng)
    box.states += [(at, "bouncing"), (at + 30 * _DAY, "verified"), (at + 60 * _DAY, "answering")]
    return [
        Act("bounced", crew.key, box.address, at, permanent=True),
        Act("verified", crew.key, box.address, at + 30 * _DAY),
        Act("answered", crew.key, box.address, at + 60 * _DAY, at + 59 * _DAY),
    ]


def _arrives_again(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    """It bounces for good; a later mail is taken and no failure comes for five days; an earlier one came back."""
    at = _when(rng)
    box.states += [(at, "bouncing"), (at + 45 * _DAY, "registered")]
    return [
        Act("bounced", crew.key, box.address, at, permanent=True),
        Act("delivered", crew.key, box.address, at + 20 * _DAY),
        Act("bounced", crew.key, box.address, at + 22 * _DAY, permanent=True),
        Act("delivered", crew.key, box.address, at + 40 * _DAY),
    ]


def _verified_then_gone(rng: random.Random, crew: Crew, box: Box) -> list[Act]:
    at = _when(rng)
    box.states += [(at, "verified"), (at + 40 * _DAY, "bouncing")]
    return [
        Act("verified", crew.key, box.address, at),
        Act("bounced", crew.key, box.address, at + 40 * _DAY, permanent=True),
    ]


def _by_letter(state: str) -> _Story:
    def play(_rng: random.Random, crew: Crew, box: Box) -> list[Act]:
        if state == "verified":
            box.states += [(ANSWERED, "verified")]
            box.kept = True
        elif state == "wrong":
            box.denied = ANSWERED
        return [Act(f"letter {box.story}", crew.key, box.address, ANSWERED)]

    return play


_STORIES: dict[str, tuple[float, _Story]] = {
    "silent": (30, _silent),
    "confirms": (16, _confirms),
    "confirmed long ago": (6, _confirmed_long_ago),
    "answers": (14, _answers),
    "answers late": (4, _answers_late),
    "bounces": (8, _bounces),
    "bounces twice": (3, _bounces_twice),
    "bounces often": (4, _bounces_often),
    "comes back": (3, _comes_back),
    "arrives again": (3, _arrives_again),
    "verified then gone": (3, _verified_then_gone),
    "confirms by link": (0.6, _by_letter("verified")),
    "confirms by mail": (0.5, _by_letter("verified")),
    "says wrong": (0.6, _by_letter("wrong")),
    "link fetched": (0.8, _by_letter("")),
    "auto-reply": (0.8, _by_letter("")),
}
_BY_LETTER = ("confirms by link", "confirms by mail", "says wrong", "link fetched", "auto-reply")


def _announce(rng: random.Random, world: SeededWorld, every: list[int]) -> None:
    """Networks of 10.0.0.0/8 in blocks of /24, of 2001:db8::/32 in blocks of /48; some lie inside others."""
    homes = {number: entry[0].country for number, entry in world.given[0].items() if entry and entry[0].country}
    four, six = 0, 0
    for number in every:
        home = homes.get(number, "ZA")
        for _ in range(rng.choice((0, 1, 1, 2))):
            size = rng.choice((1, 2, 4, 8))
            four = -(-four // size) * size
            _claim(world, "ipv4", four, size, number)
            for block in range(four, four + size):
                world.places["ipv4"][block] = home if rng.random() < 0.97 else rng.choice(list(HOMES))
            if size == 8 and rng.random() < 0.5:
                _claim(world, "ipv4", four + 2, 2, rng.choice(every))  # somebody else inside it
            four += size
        if rng.random() < 0.4:
            size = rng.choice((1, 4))
            six = -(-six // size) * size
            _claim(world, "ipv6", six, size, number)
            for block in range(six, six + size):
                world.places["ipv6"][block] = home
            six += size
    assert four <= 1 << 16
    assert six <= 1 << 16


def _claim(world: SeededWorld, family: str, first: int, size: int, number: int) -> None:
    bits = size.bit_length() - 1
    text = f"10.{first >> 8}.{first & 255}.0/{24 - bits}" if family == "ipv4" else f"2001:db8:{first:x}::/{48 - bits}"
    world.prefixes.append((text, number, size))
    world.blocks[family] |= dict.fromkeys(range(first, first + size), number)


def delegation(world: SeededWorld, file: int, rir: str) -> str:
    """A registry's file, extended format; numbers in a row that say the same are one range."""
    rows: list[tuple[int, int, Given]] = []
    for number, entries in sorted(world.given[file].items()):
        for entry in entries:
            if entry.rir != rir:
                continue
            if rows and rows[-1][0] + rows[-1][1] == number and rows[-1][2] == entry:
                rows[-1] = (rows[-1][0], rows[-1][1] + 1, entry)
            else:
                rows.append((number, 1, entry))
    day = f"{FILES[file]:%Y%m%d}"
    head = [f"2|{rir}|{day}|{len(rows)}|19900101|{day}|+0000", f"{rir}|*|asn|*|{len(rows)}|summary"]
    return "\n".join([*head, *(_line(rir, *row) for row in rows), ""])


def _line(rir: str, first: int, size: int, entry: Given) -> str:
    return f"{rir}|{entry.country or 'ZZ'}|asn|{first}|{size}|{entry.on:%Y%m%d}|{entry.status}|h{first}"


def routes(world: SeededWorld) -> str:
    """The table of routes, as pyasn writes it."""
    return "".join(f"{network}\t{number}\n" for network, number, _ in world.prefixes)


def places(world: SeededWorld) -> str:
    """The table of countries, as ip-location-db writes it."""
    four = (f"10.{b >> 8}.{b & 255}.0,10.{b >> 8}.{b & 255}.255,{c}\n" for b, c in world.places["ipv4"].items())
    six = (f"2001:db8:{b:x}::,2001:db8:{b:x}:ffff:ffff:ffff:ffff:ffff,{c}\n" for b, c in world.places["ipv6"].items())
    return "".join([*four, *six])


def teams(world: SeededWorld, number: int) -> str:
    """What an import says of teams."""
    lines = ["key,name,kind,abuse_mailboxes,security_mailboxes,mailboxes,asns"]
    for crew in world.crews:
        at = IMPORTS[number]
        boxes = {box.sort: box.address for box in crew.boxes if box.since <= at and (not box.until or box.until > at)}
        cells = [boxes.get(sort, "") for sort in _SORTS]
        numbers = " ".join(map(str, sorted(crew.numbers[number])))
        lines.append(",".join([crew.key, f"Team {crew.key}", "operator", *cells, numbers]))
    return "\n".join([*lines, ""])


# The recount: loops over what is true, nothing of the code under test.


class Recount:
    """What is true of the world on a day, counted one by one."""

    def __init__(self, world: SeededWorld, day: date) -> None:
        self.world, self.at = world, datetime.combine(day, datetime.max.time(), UTC)
        self.file = 1 if day >= FILES[1] else 0
        self.boxes: dict[str, list[Box]] = {}
        self.holders: dict[int, set[str]] = {}
        self.blocks: dict[int, list[tuple[str, int]]] = {}
        worded = self.at >= WORDS
        into, denied = (dict(world.merges), set(world.denials)) if worded else ({}, set())
        for crew in world.crews:
            key = into.get(crew.key, crew.key)
            self.boxes.setdefault(key, []).extend(crew.boxes)
            for number in crew.numbers[self.at >= IMPORTS[1]]:
                if (crew.key, number) not in denied:
                    self.holders.setdefault(number, set()).add(key)
        for family, blocks in world.blocks.items():
            for block, owner in blocks.items():
                self.blocks.setdefault(owner, []).append((family, block))

    def figures(self) -> dict[str, dict[str, float]]:
        """Every figure by country (``-`` where none is said) and, as ``all``, of all together."""
        found: dict[str, dict[str, float]] = {}
        for number in self.world.given[self.file]:
            home = self.home(number)
            if home is None:
                continue
            for row in (home, "all"):
                counts = found.setdefault(row, dict.fromkeys(_names(), 0))
                for name, figure in self.of_number(number).items():
                    counts[name] += figure
        for country, numbers in self.elsewhere().items():
            found.setdefault(country, dict.fromkeys(_names(), 0))["from_elsewhere"] = len(numbers)
        return found

    def home(self, number: int) -> str | None:
        """The country that a number counts in: of two registries that give it away, the one that did last."""
        held = [entry for entry in self.world.given[self.file][number] if _is_held(entry)]
        return (max(held, key=lambda entry: entry.on).country or "-") if held else None

    def best(self, number: int) -> dict[str, str]:
        """The best state of each sort of contact of a number."""
        states = {sort: {"unknown"} for sort in ("contact", "abuse", "security")}
        for box in (box for key in self.holders.get(number, ()) for box in self.boxes[key]):
            for sort in {"contact", box.sort} - {"general"}:
                states[sort].add(box.state(self.at))
        return {sort: max(of, key=RANKS.index) for sort, of in states.items()}

    def of_number(self, number: int) -> dict[str, float]:
        """What one number adds to each figure."""
        files = self.world.given[: self.file + 1]
        origins = {(one.rir, one.country) for file in files for one in file[number] if _is_held(one)}
        blocks = self.blocks.get(number, [])
        sizes = {
            "ipv4": 256 * sum(family == "ipv4" for family, _ in blocks),
            "ipv6_48s": sum(family == "ipv6" for family, _ in blocks),
        }
        states = self.best(number)
        figures: dict[str, float] = {
            "as_numbers": 1,
            "without": states["contact"] == "unknown",
            "moved": len(origins) > 1,
            "several_countries": len({self.world.places[family][block] for family, block in blocks}) > 1,
            "not_announced": not blocks,
            **sizes,
        }
        for sort, state in states.items():
            figures[f"{sort}_bouncing"] = state == "bouncing"
            for end, least in (("", "bouncing"), ("_verified", "verified"), ("_answering", "answering")):
                yes = RANKS.index(state) >= RANKS.index(least)
                figures[f"{sort}{end}"] = yes
                for family, size in sizes.items():
                    figures[f"{family}_{sort}{end}"] = size * yes
        return figures

    def elsewhere(self) -> dict[str, set[int]]:
        """The numbers of other countries that have networks in a country."""
        found: dict[str, set[int]] = {}
        for number in self.world.given[self.file]:
            home = self.home(number)
            for family, block in self.blocks.get(number, []) if home else []:
                if self.world.places[family][block] != home:
                    found.setdefault(self.world.places[family][block], set()).add(number)
        return found


def _is_held(entry: Given) -> bool:
    return entry.status != "reserved"


def _names() -> list[str]:
    ends = [f"{sort}{end}" for sort in ("contact", "abuse", "security") for end in ("", "_verified", "_answering")]
    plain = ["as_numbers", "without", "moved", "several_countries", "not_announced", "ipv4", "ipv6_48s"]
    bouncing = [f"{sort}_bouncing" for sort in ("contact", "abuse", "security")]
    return [*plain, *bouncing, *ends, *(f"{family}_{end}" for family in ("ipv4", "ipv6_48s") for end in ends)]
