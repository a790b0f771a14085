"""A team's profile as RFC 2350 outlines it, structured; and the same as lines and prose by section.

The lines are the one form between the model and everything that is written or read: text, Markdown, a page.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, TypeVar
from uuid import UUID

from tocsin.directory.facts import ChannelKind, Fact, FactKind, ProfileTopic
from tocsin.directory.model import RuleKind
from tocsin.directory.profile.outline import OUTLINE

Details = tuple[tuple[str, str], ...]
T = TypeVar("T")


@dataclass(frozen=True)
class ProfileItem:
    """One item of a section, with details; ``label`` empty where the section says enough."""

    section: str
    label: str
    value: str
    details: Details = ()


@dataclass(frozen=True)
class PublicKey:
    """A key as a profile names it; ``until`` None: it does not expire. ``format`` is ``openpgp`` or ``smime``."""

    fingerprint: str
    format: str = "openpgp"
    until: date | None = None


@dataclass(frozen=True)
class Scope:
    """A part of the network that the team answers for."""

    kind: RuleKind
    value: str


@dataclass(frozen=True)
class TeamProfile:
    """What a team says of itself. ``version`` 0, ``dated`` None, empty texts: not stated. ``draft``: not issued yet.

    ``mailboxes`` are addresses with what each is for, a word of ``Purpose`` or empty. ``facts`` have no source or date:
    the document is theirs.
    """

    name: str
    version: int = 0
    dated: date | None = None
    draft: bool = False
    key: str = ""
    uuid: UUID | None = None
    kind: str = ""
    country: str = ""
    organisation: str = ""
    timezone: str = ""
    mailboxes: tuple[tuple[str, str], ...] = ()
    keys: tuple[PublicKey, ...] = ()
    scopes: tuple[Scope, ...] = ()
    facts: tuple[Fact, ...] = ()

    def prose(self, topic: ProfileTopic | None) -> str:
        """What the profile says about a topic, paragraphs with a blank line between; empty where it says nothing."""
        return next((fact.value for fact in self.facts if topic and fact.get("about") == topic.value), "")


_SCOPES: Final = {
    RuleKind.PREFIX: "Network",
    RuleKind.ASN: "AS",
    RuleKind.DOMAIN: "Domain",
    RuleKind.COUNTRY: "Country",
}
_CHANNELS: Final = {
    ChannelKind.PROFILE: ("1.3", ""),
    ChannelKind.PHONE: ("2.4", ""),
    ChannelKind.FAX: ("2.5", ""),
    ChannelKind.WEBSITE: ("2.6", "Website"),
    ChannelKind.API: ("2.6", "API"),
    ChannelKind.OTHER: ("2.6", "Other"),
    ChannelKind.FORM: ("6", ""),
}
_FACTS: Final = {
    FactKind.ESTABLISHED: ("2.10", "Established"),
    FactKind.LANGUAGE: ("2.10", "Language"),
    FactKind.HOURS: ("2.11", "Hours"),
    FactKind.MEMBERSHIP: ("3.3", "Membership"),
    FactKind.ATTESTATION: ("3.3", "Attestation"),
    FactKind.AUTHORITY: ("3.4", "Authority"),
    FactKind.SERVICE: ("5", ""),
}
_FIELDS: Final = {
    "name": ("2.1", "Name"),
    "key": ("2.1", "Short name"),
    "uuid": ("2.1", "UUID"),
    "timezone": ("2.3", ""),
    "kind": ("2.10", "Kind of team"),
    "country": ("2.10", "Country"),
    "organisation": ("3.3", "Organisation"),
}


def lines_of(profile: TeamProfile) -> list[ProfileItem]:
    """Every structured part of a profile as lines, in the order of the outline."""
    places = {section.number: number for number, section in enumerate(OUTLINE)}
    return sorted(_lines(profile), key=lambda line: places[line.section])


def _lines(profile: TeamProfile) -> Iterator[ProfileItem]:
    if profile.version:
        yield ProfileItem("1.1", "Version", str(profile.version))
    if profile.dated:
        yield ProfileItem("1.1", "Date", profile.dated.isoformat())
    if profile.draft:
        yield ProfileItem("1.1", "State", "draft, not issued")
    yield from (ProfileItem(*place, str(value)) for name, place in _FIELDS.items() if (value := getattr(profile, name)))
    yield from (ProfileItem("2.7", "", box, (("for", word),) if word else ()) for box, word in profile.mailboxes)
    for key in profile.keys:
        until = (("until", key.until.isoformat()),) if key.until else ()
        yield ProfileItem("2.8", "OpenPGP" if key.format == "openpgp" else "S/MIME", key.fingerprint, until)
    yield from (ProfileItem("3.2", _SCOPES[scope.kind], scope.value) for scope in profile.scopes)
    for fact in profile.facts:
        yield from _fact_lines(fact)


def _fact_lines(fact: Fact) -> Iterator[ProfileItem]:
    if fact.kind is FactKind.ADDRESS:
        yield from (ProfileItem("2.2", "", line) for line in fact.value.splitlines())
    elif fact.kind is FactKind.CHANNEL:
        purpose = fact.get("purpose")
        yield ProfileItem(*_CHANNELS[ChannelKind(fact.get("kind"))], fact.value, (("for", purpose),) if purpose else ())
    elif fact.kind in _FACTS:
        yield ProfileItem(*_FACTS[fact.kind], fact.value, fact.detail)


def profile_of(lines: Iterable[ProfileItem], prose: Mapping[ProfileTopic, str]) -> TeamProfile:
    """The profile that these lines and this prose say.

    Raises:
        ValueError: a line is none that a profile has, or has a value that does not go there.

    """
    fields: dict[str, str] = {}
    lists: dict[str, list[object]] = defaultdict(list)
    for line in lines:
        place = line.section, line.label
        if place in _FIELD_AT:
            fields[_FIELD_AT[place]] = line.value
        else:
            name, item = _item(line)
            lists[name].append(item)
    address = [Fact(FactKind.ADDRESS, "\n".join(str(line) for line in lists["address"]))] if lists["address"] else []
    statements = (Fact(FactKind.STATEMENT, text, (("about", topic.value),)) for topic, text in prose.items())
    facts = [*address, *lists["facts"], *statements]
    return ordered(_filled(fields, lists, facts))


def _filled(fields: Mapping[str, str], lists: Mapping[str, list[object]], facts: Iterable[object]) -> TeamProfile:
    read: dict[str, Callable[[str], object]] = {"version": int, "dated": date.fromisoformat, "uuid": UUID}
    read["draft"] = lambda _: True
    stated: dict[str, Any] = {"name": ""} | {name: read.get(name, str)(text) for name, text in fields.items()}
    return TeamProfile(
        **stated,
        mailboxes=_typed(lists, "mailboxes", tuple),
        keys=_typed(lists, "keys", PublicKey),
        scopes=_typed(lists, "scopes", Scope),
        facts=tuple(fact for fact in facts if isinstance(fact, Fact)),
    )


def _typed(lists: Mapping[str, list[object]], name: str, kind: type[T]) -> tuple[T, ...]:
    return tuple(item for item in lists.get(name, ()) if isinstance(item, kind))


def _item(line: ProfileItem) -> tuple[str, object]:
    """The list of a profile in which a line stands, and what it says there."""
    place, details = (line.section, line.label), dict(line.details)
    if place in _LIST_AT:
        name, make = _LIST_AT[place]
        return name, make(line.value, details)
    if place in _CHANNEL_AT:
        purpose = {"purpose": details["for"]} if "for" in details else {}
        detail = {"kind": _CHANNEL_AT[place].value} | purpose
        return "facts", Fact(FactKind.CHANNEL, line.value, tuple(sorted(detail.items())))
    if place in _FACT_AT:
        return "facts", Fact(_FACT_AT[place], line.value, tuple(sorted(details.items())))
    raise ValueError(f"section {line.section} has no item '{line.label or line.value}'")


def _key(kind: str) -> Callable[[str, dict[str, str]], PublicKey]:
    def make(value: str, details: dict[str, str]) -> PublicKey:
        return PublicKey(value, kind, date.fromisoformat(details["until"]) if "until" in details else None)

    return make


def _scope(kind: RuleKind) -> Callable[[str, dict[str, str]], Scope]:
    return lambda value, _: Scope(kind, value)


_FIELD_AT: Final = {place: name for name, place in _FIELDS.items()} | {
    ("1.1", "Version"): "version",
    ("1.1", "Date"): "dated",
    ("1.1", "State"): "draft",
}
_CHANNEL_AT: Final = {place: kind for kind, place in _CHANNELS.items()}
_FACT_AT: Final = {place: kind for kind, place in _FACTS.items()}
_LIST_AT: Final[dict[tuple[str, str], tuple[str, Callable[[str, dict[str, str]], object]]]] = {
    ("2.2", ""): ("address", lambda value, _: value),
    ("2.7", ""): ("mailboxes", lambda value, details: (value, details.get("for", ""))),
    ("2.8", "OpenPGP"): ("keys", _key("openpgp")),
    ("2.8", "S/MIME"): ("keys", _key("smime")),
} | {("3.2", label): ("scopes", _scope(kind)) for kind, label in _SCOPES.items()}
LABELS: Final = frozenset([*_FIELD_AT, *_CHANNEL_AT, *_FACT_AT, *_LIST_AT])
"""Every (section, label) that a profile has."""


def ordered(profile: TeamProfile) -> TeamProfile:
    """The same profile with its facts, scopes and keys in the order in which a document has them."""
    kinds = [FactKind.ADDRESS, FactKind.CHANNEL, *_FACTS, FactKind.STATEMENT]
    channels = list(_CHANNELS)
    topics = [section.topic.value for section in OUTLINE if section.topic]

    def place(fact: Fact) -> tuple[int, int]:
        channel = channels.index(ChannelKind(fact.get("kind"))) if fact.kind is FactKind.CHANNEL else 0
        about = topics.index(fact.get("about")) if fact.kind is FactKind.STATEMENT else 0
        return kinds.index(fact.kind), channel + about

    scopes = sorted(profile.scopes, key=lambda scope: list(_SCOPES).index(scope.kind))
    return replace(profile, facts=tuple(sorted(profile.facts, key=place)), scopes=tuple(scopes))
