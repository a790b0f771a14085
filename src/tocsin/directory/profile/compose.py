"""The profile of a team from what the directory knows of it, and what a profile says as entries of an import."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from tocsin.directory.entries import Basis, Entries, ListItem, RawTeam, take_teams
from tocsin.directory.fact_schema import LISTS, SHAPES
from tocsin.directory.facts import Fact, FactKind, ProfileTopic
from tocsin.directory.model import ResponsibilityRole, RuleKind
from tocsin.directory.profile.model import PublicKey, Scope, TeamProfile, ordered
from tocsin.directory.profile.text import NOT_STATED
from tocsin.directory.team_record import TeamRecord

_MANY = 40
_RULES = {
    RuleKind.PREFIX: "prefixes",
    RuleKind.ASN: "asns",
    RuleKind.DOMAIN: "domains",
    RuleKind.COUNTRY: "countries",
}


def compose(about: TeamRecord, *, at: date, keys: Iterable[PublicKey] = ()) -> TeamProfile:
    """What a team's profile says on the day ``at``, not issued yet: no version, no date.

    Of each statement and each single fact the last source's word is taken, and equal words of several sources once.
    What has ended by then is left out. A team that answers for many networks names none of its prefixes, since nobody
    would read them.
    """
    team = about.team
    scopes = dict.fromkeys(
        Scope(rule.kind, rule.value)
        for rule in about.rules
        if rule.role is ResponsibilityRole.RESPONSIBLE and rule.value
    )
    if len(scopes) > _MANY:
        scopes = {scope: None for scope in scopes if scope.kind is not RuleKind.PREFIX}
    profile = TeamProfile(
        name=team.name,
        key=team.key,
        uuid=team.uuid,
        kind=team.kind.value,
        country=team.country,
        organisation=team.organisation,
        timezone=team.timezone,
        mailboxes=tuple(dict.fromkeys((box.address, about.purpose(box).value) for box in about.mailboxes)),
        keys=tuple(keys),
        scopes=tuple(scopes),
        facts=tuple(_facts(fact for fact in about.facts if not _ended(fact, at))),
    )
    return ordered(profile)


def numbered(profile: TeamProfile, version: int, dated: date | None, *, draft: bool = False) -> TeamProfile:
    """The same profile with its version and date."""
    return replace(profile, version=version, dated=dated, draft=draft)


def _ended(fact: Fact, at: date) -> bool:
    end = fact.day("until") or fact.day("expires")
    return end is not None and end < at


def _facts(facts: Iterable[Fact]) -> list[Fact]:
    """Facts without source, each once; of what is said once only, the last word."""
    once: dict[object, Fact] = {}
    for fact in facts:
        if fact.value != NOT_STATED:
            bare = Fact(fact.kind, fact.value, fact.detail)
            once[_identity(bare)] = bare
    return list(once.values())


def _identity(fact: Fact) -> object:
    if fact.kind is FactKind.STATEMENT or SHAPES[LISTS[fact.kind]].single:
        return fact.kind, fact.get("about")
    return fact


def raw_team(profile: TeamProfile, key: str) -> RawTeam:
    """What a profile says as an entry of an import file, for the team ``key``; its members' names are left out."""
    fields = {
        name: text
        for name in ("name", "organisation", "kind", "country", "timezone")
        if (text := str(getattr(profile, name)))
    }
    lists: dict[str, list[ListItem]] = {
        "mailboxes": [_item("2.7", value=box, **({"purpose": word} if word else {})) for box, word in profile.mailboxes]
    }
    for scope in profile.scopes:
        lists.setdefault(_RULES[scope.kind], []).append(_item("3.2", value=scope.value))
    for fact in profile.facts:
        if fact.get("about") != ProfileTopic.MEMBERS:
            shape = SHAPES[LISTS[fact.kind]]
            lists.setdefault(LISTS[fact.kind], []).append(
                ListItem(f"the profile's {fact.kind}", {shape.value: fact.value, **dict(fact.detail)})
            )
    return RawTeam("the profile", {"key": key, **fields}, lists)


def _item(section: str, **values: str) -> ListItem:
    return ListItem(f"section {section}", values)


def profile_entries(profile: TeamProfile, key: str, *, complete: bool) -> Entries:
    """What a profile says of the team ``key``, as entries under the source ``profile:KEY``.

    Where the document could not be read whole (not ``complete``), nothing that it said before is withdrawn.
    """
    basis = Basis(as_of=profile.dated, said_by="its RFC 2350 profile")
    entries = Entries(f"profile:{key}", frozenset({"mailboxes", "rules", *SHAPES}), basis=basis)
    take_teams(entries, [raw_team(profile, key)])
    if not complete:
        entries.unsure.add(key)
    return entries
