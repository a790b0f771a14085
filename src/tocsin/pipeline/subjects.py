"""The name and the page of anything that records call by a reference: ``team:UUID``, ``person:5``, ``TOC-…``.

One query for each kind of thing. What the visitor may not see is not named: its reference stays a reference.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.delivery.mailbox import ReceivedMail
from tocsin.directory import DecisionRow, TeamRow, merged_teams, team_names
from tocsin.directory.claims import ClaimRow
from tocsin.directory.contacts import HOLDER, VerificationRow
from tocsin.directory.keys import TeamKeyRow
from tocsin.events import FeedAlarm, FeedRecord, Ingest
from tocsin.exchange.agreements import agreement_titles
from tocsin.exchange.partners import partner_names
from tocsin.incidents import IncidentReader, readable_reports, titles_of
from tocsin.interface import capabilities
from tocsin.node.accounts import ApiToken, Permission, PermissionScope, Principal, names_of_actors
from tocsin.node.records import read_asides
from tocsin.node.sentences import say
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KINDS
from tocsin.problems.answers import Answer

_BARE: Final = re.compile(r"(?i:toc|ltr)-\d{4}-\d{7,}")  # a mail, named without its kind
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class SubjectName:
    """What people call a thing, as a sentence of ours or its own name, and the path of its page, or empty."""

    text: str
    path: str = ""


Names = Iterator[tuple[str, SubjectName]]
Namer = Callable[[Session, Collection[str], Principal], Names]
InsideNamer = Callable[[Session, Collection[str], IncidentReader], Names]


def names_of_subjects(
    session: Session, subjects: Iterable[str], visitor: Principal, now: datetime | None = None
) -> dict[str, SubjectName]:
    """The names of those subjects that can be named and that the visitor may see, by subject.

    ``now``: for restricted incidents, which are named to whom they name at that time; None: to nobody.
    """
    by_kind: dict[str, dict[str, str]] = defaultdict(dict)  # kind → name there → the subject as it was given
    for subject in subjects:
        kind, _, name = subject.partition(":")
        if _BARE.fullmatch(subject):
            kind, name = "letter" if subject[:1] in "lL" else "delivery", subject.upper()
        by_kind[kind][name] = subject
    found: dict[str, SubjectName] = {}
    reader = IncidentReader(None if now is None else visitor.person, now or datetime.min.replace(tzinfo=UTC))
    for kind, wanted in by_kind.items():
        permission, namer = _NAMERS.get(kind, (None, None))
        if namer is not None and (permission is None or visitor.may(permission)):
            found |= {wanted[name]: of for name, of in namer(session, wanted, visitor) if name in wanted}
        if kind in _IN_COMPARTMENTS and visitor.may(_IN_COMPARTMENTS[kind][0]):
            named = _IN_COMPARTMENTS[kind][1](session, wanted, reader)
            found |= {wanted[name]: of for name, of in named}
    others = [subject for kind, wanted in by_kind.items() if kind not in _NAMERS for subject in wanted.values()]
    return found | _of_capabilities(session, others, visitor)


def name_of_subject(
    session: Session, subject: str, visitor: Principal, now: datetime | None = None
) -> SubjectName | None:
    """The name of one; None where it cannot be named."""
    return names_of_subjects(session, [subject], visitor, now).get(subject)


def may_read(visitor: Principal, subject: str) -> bool:
    """Whether somebody of the staff may see the things of this kind, all of them. Pure."""
    kind = subject.partition(":")[0]
    permission = Permission.DELIVERIES_READ if _BARE.fullmatch(subject) else _READERS.get(kind)
    return permission is not None and visitor.reach(permission).everything


def sees_work(visitor: Principal) -> bool:
    """Whether a role is to see the work of others; that which works on what must never be held is not. Pure."""
    return Principal(visitor.role).reach(Permission.EVENTS_READ).everything


def is_named(subject: str) -> bool:
    """Whether things of this kind have names that can be looked up. Pure."""
    kind = subject.partition(":")[0]
    return kind in _NAMERS or kind in _IN_COMPARTMENTS or _BARE.fullmatch(subject) is not None


def _of_capabilities(session: Session, subjects: Collection[str], visitor: Principal) -> dict[str, SubjectName]:
    found: dict[str, SubjectName] = {}
    for one in capabilities() if subjects else ():
        if visitor.may(Permission(one.permission)):
            found |= {subject: SubjectName(*named) for subject, named in one.names_of(session, subjects).items()}
    return found


def _people(session: Session, names: Collection[str], visitor: Principal) -> Names:
    if HOLDER in names:
        yield HOLDER, SubjectName(say("holder of the email address"))
    seen = visitor.may(Permission.ADMIN_READ)
    for actor, name in names_of_actors(session, [f"person:{name}" for name in names]).items():
        number = actor.partition(":")[2]
        yield number, SubjectName(name, f"/admin/people/{number}" if seen else "")


def _logins(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for reference, text in read_asides(session, [f"login:{name}" for name in names]).items():
        yield reference.partition(":")[2], SubjectName(text)


def _teams(session: Session, names: Collection[str], visitor: Principal) -> Names:
    wanted = [UUID(name) for name in names if _UUID.fullmatch(name)]
    rows = session.execute(select(TeamRow.uuid, TeamRow.id).where(TeamRow.uuid.in_(wanted))).all()
    known = _teams_seen(session, [number for _, number in rows], visitor.reach(Permission.DIRECTORY_READ))
    for uuid, number in rows:
        if number in known:
            key, name = known[number]
            yield str(uuid), SubjectName(name, _team_path(key))


def _deliveries(session: Session, names: Collection[str], visitor: Principal) -> Names:
    reach = visitor.reach(Permission.DELIVERIES_READ)
    for name, team in session.execute(
        select(Delivery.reference, Delivery.team_id).where(Delivery.reference.in_(names))
    ):
        if reach.covers([team]):
            yield name, SubjectName(name, f"/deliveries/{name}")


def _letters(_session: Session, names: Collection[str], visitor: Principal) -> Names:
    if visitor.reach(Permission.DELIVERIES_READ).everything:
        yield from ((name, SubjectName(name, f"/deliveries/{name}")) for name in names)


def _answers(session: Session, names: Collection[str], visitor: Principal) -> Names:
    wanted = [UUID(name) for name in names if _UUID.fullmatch(name)]
    columns = select(Answer.uuid, Answer.team_id, Delivery.reference).join(Delivery, Delivery.id == Answer.delivery_id)
    rows = session.execute(columns.where(Answer.uuid.in_(wanted))).all()
    known = _teams_seen(session, [team for _, team, _ in rows], visitor.reach(Permission.DELIVERIES_READ))
    for uuid, team, reference in rows:
        if team in known:
            text = say("%(team)s on %(reference)s", team=known[team][1], reference=reference)
            yield str(uuid), SubjectName(text, f"/deliveries/{reference}")


def _ingests(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    columns = select(Ingest.number, FeedRecord.name).join(FeedRecord, FeedRecord.id == Ingest.feed_id)
    for number, feed in session.execute(columns.where(Ingest.number.in_(_numbers(names)))):
        yield str(number), SubjectName(say("Report %(n)s: %(feed)s", n=str(number), feed=feed), f"/reports/{number}")


def _problems(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for name in names:
        yield name, SubjectName(say("Problem %(key)s", key=name), f"/problems/{name}")


def _uploads(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for name in names:
        yield name, SubjectName(say("Reports sent in"), f"/reports/sent/{name}")


def _feeds(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    called = FeedRecord.source.concat("/").concat(FeedRecord.code)
    known = session.execute(select(called, FeedRecord.name).where(called.in_(names)))
    found = {str(of): feed for of, feed in known}
    for name in names:  # one that was added, and of which nothing came yet, has no record
        path = f"/reports?feed={quote(name)}" if name in found else "/reports/feeds"
        yield name, SubjectName(found.get(name, name.partition("/")[2]), path)


def _alarms(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    columns = select(FeedAlarm.id, FeedRecord.name).join(FeedRecord, FeedRecord.id == FeedAlarm.feed_id)
    for number, feed in session.execute(columns.where(FeedAlarm.id.in_(_numbers(names)))):
        yield str(number), SubjectName(feed, "/reports/feeds")


def _collectors(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(name, "/reports/collectors")) for name in names)


def _claims(session: Session, names: Collection[str], visitor: Principal) -> Names:
    columns = select(ClaimRow.id, ClaimRow.team_id, ClaimRow.kind, ClaimRow.value)
    rows = session.execute(columns.where(ClaimRow.id.in_(_numbers(names)))).all()
    known = _teams_seen(session, [team for _, team, *_ in rows], visitor.reach(Permission.DIRECTORY_READ))
    for number, team, kind, value in rows:
        if team in known:
            what = f"AS{value}" if kind == "asn" else value
            yield (
                str(number),
                SubjectName(say("%(team)s: %(what)s", team=known[team][1], what=what), f"/claims/{number}"),
            )


def _keys(session: Session, names: Collection[str], visitor: Principal) -> Names:
    wanted = [UUID(name) for name in names if _UUID.fullmatch(name)]
    rows = session.execute(select(TeamKeyRow.uuid, TeamKeyRow.team_id).where(TeamKeyRow.uuid.in_(wanted))).all()
    known = _teams_seen(session, [team for _, team in rows], visitor.reach(Permission.DIRECTORY_READ))
    for uuid, team in rows:
        if team in known:
            yield str(uuid), SubjectName(known[team][1], f"{_team_path(known[team][0])}#keys")


def _decisions(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    columns = select(DecisionRow.id, DecisionRow.kind, DecisionRow.value)
    for number, kind, value in session.execute(columns.where(DecisionRow.id.in_(_numbers(names)))):
        yield str(number), SubjectName(f"AS{value}" if kind == "asn" else value, "/conflicts")


def _verifications(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    columns = select(VerificationRow.id, VerificationRow.teams)
    rows = session.execute(columns.where(VerificationRow.id.in_(_numbers(names)))).all()
    known = team_names(session, {team for _, teams in rows for team in teams[:1]})
    for number, teams in rows:
        if teams and teams[0] in known:
            yield str(number), SubjectName(known[teams[0]][1], "/verifications")


def _rules(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for name in names:
        yield name, SubjectName(say("Version %(n)s", n=name), f"/rules/versions/{quote(name)}")


def _clock_texts(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(name, f"/clocks/texts/{quote(name)}")) for name in names)


def _rosters(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(say("Roster %(n)s", n=name), "/duty")) for name in names)


def _call_rules(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(say("Call-out rule %(n)s", n=name), "/duty/call-outs")) for name in names)


def _call_outs(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(say("Call-out %(n)s", n=name), "/duty/call-outs")) for name in names)


def _partners(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for number, name in partner_names(session, _numbers(names)).items():
        yield str(number), SubjectName(name, f"/partners/{number}")


def _agreements(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for number, title in agreement_titles(session, _numbers(names)).items():
        yield str(number), SubjectName(title, f"/agreements/{number}")


def _inbox(session: Session, names: Collection[str], reader: IncidentReader) -> Names:
    known = readable_reports(session, reader, names)
    yield from ((name, SubjectName(name, f"/reports/public/{quote(name)}")) for name in names if name in known)


def _incidents(session: Session, names: Collection[str], reader: IncidentReader) -> Names:
    for reference, title in titles_of(session, reader, names).items():
        yield reference, SubjectName(title, f"/incidents/{quote(reference)}")


def _mails(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    columns = select(ReceivedMail.id, ReceivedMail.subject).where(ReceivedMail.id.in_(_numbers(names)))
    for number, subject in session.execute(columns):
        text = (
            say("Mail %(n)s: %(subject)s", n=str(number), subject=subject) if subject else say("Mail %(n)s", n=number)
        )
        yield str(number), SubjectName(text, "/today/mails")


def _items(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    split = {name: name.partition(":")[::2] for name in names}
    keys = {about.partition(" ")[0] for _, about in split.values()}
    teams = dict(session.execute(select(TeamRow.key, TeamRow.name).where(TeamRow.key.in_(keys))).all())
    for name, (kind, about) in split.items():
        if kind in set(ItemKind):
            key, _, rest = about.partition(" ")
            of = " ".join(filter(None, [teams.get(key, key), rest]))
            word = KINDS[ItemKind(kind)].name
            text = say("%(kind)s: %(about)s", kind=word, about=of) if of else word
            query = urlencode({"kind": kind, "subject": about})
            yield name, SubjectName(text, f"/today/items?{query}")


def _sources(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(name)) for name in names)


def _tokens(session: Session, names: Collection[str], _visitor: Principal) -> Names:
    for number, name in session.execute(select(ApiToken.id, ApiToken.name).where(ApiToken.id.in_(_numbers(names)))):
        yield str(number), SubjectName(name)


def _never_held(_session: Session, names: Collection[str], _visitor: Principal) -> Names:
    yield from ((name, SubjectName(say("Reference %(n)s", n=name), "/never-held")) for name in names)


def _numbers(names: Iterable[str]) -> list[int]:
    return [int(name) for name in names if _NUMBER.fullmatch(name)]


def _team_path(key: str) -> str:
    return f"/teams/{quote(key)}"


def _teams_seen(session: Session, numbers: Collection[int], reach: PermissionScope) -> dict[int, tuple[str, str]]:
    """Key and name of those of the teams that are within reach."""
    merged = merged_teams(session) if not reach.everything else {}
    mine = {merged.get(team, team) for team in reach.teams}
    names = team_names(session, set(numbers))
    return {team: of for team, of in names.items() if reach.everything or merged.get(team, team) in mine}


_NAMERS: Final[Mapping[str, tuple[Permission | None, Namer]]] = {
    "alarm": (Permission.REPORTS_READ, _alarms),
    "answer": (Permission.DELIVERIES_READ, _answers),
    "call-out": (Permission.INCIDENTS_READ, _call_outs),
    "call-rule": (Permission.INCIDENTS_READ, _call_rules),
    "claim": (Permission.DIRECTORY_SURVEY, _claims),
    "clock-text": (Permission.INCIDENTS_READ, _clock_texts),
    "collector": (Permission.REPORTS_READ, _collectors),
    "decision": (Permission.DIRECTORY_SURVEY, _decisions),
    "delivery": (Permission.DELIVERIES_READ, _deliveries),
    "delegations": (Permission.DIRECTORY_SURVEY, _sources),
    "directory": (Permission.DIRECTORY_SURVEY, _sources),
    "feed": (Permission.REPORTS_READ, _feeds),
    "ingest": (Permission.REPORTS_READ, _ingests),
    "item": (Permission.TODAY_READ, _items),
    "key": (Permission.DIRECTORY_READ, _keys),
    "letter": (Permission.DELIVERIES_READ, _letters),
    "login": (Permission.TODAY_READ, _logins),
    "mail": (Permission.TODAY_READ, _mails),
    "networks": (Permission.DIRECTORY_SURVEY, _sources),
    "never-held": (Permission.NEVER_HELD_WORK, _never_held),
    "agreement": (Permission.PARTNERS_READ, _agreements),
    "partner": (Permission.PARTNERS_READ, _partners),
    "person": (None, _people),
    "problem": (Permission.REPORTS_READ, _problems),
    "roster": (Permission.INCIDENTS_READ, _rosters),
    "rules": (Permission.RULES_READ, _rules),
    "team": (Permission.DIRECTORY_READ, _teams),
    "token": (Permission.ADMIN_READ, _tokens),
    "upload": (Permission.REPORTS_READ, _uploads),
    "verification": (Permission.DIRECTORY_SURVEY, _verifications),
}
"""By kind: what one must be allowed to see its names (None: nothing), and how they are found."""

_IN_COMPARTMENTS: Final[Mapping[str, tuple[Permission, InsideNamer]]] = {
    "inbox": (Permission.INBOX_READ, _inbox),
    "incident": (Permission.INCIDENTS_READ, _incidents),
}
"""The same of what may be restricted to some people."""

_READERS: Final[Mapping[str, Permission]] = {
    **{kind: permission for kind, (permission, _) in _NAMERS.items() if permission is not None},
    "event": Permission.EVENTS_READ,
    "inbox": Permission.INBOX_READ,
    "problem": Permission.EVENTS_READ,
    "network": Permission.DIRECTORY_READ,
    "person": Permission.ADMIN_READ,
}
"""By kind: what one must be allowed to read a thing, and so what is written of it. Of incidents that is entries."""
