"""What has the words that somebody typed: teams, AS, people, notifications, notes of answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.delivery import TOLD, Delivery
from tocsin.directory import team_names, teams_of_mailbox, teams_with_words
from tocsin.networks import Networks
from tocsin.node.accounts import Permission, Person, Principal
from tocsin.node.records import rows_with, words_of
from tocsin.problems.answers import Answer, Via

SHOWN: Final = 10
"""Things of a kind that are shown; those that read on narrow it down."""

_SORTED: Final = 50  # teams that are found at first, so that the best of them come first


class HitKind(StrEnum):
    """What was found."""

    TEAM = "team"
    AS = "AS"
    PERSON = "person"
    NOTIFICATION = "notification"
    NOTE = "note"
    INCIDENT = "incident"
    OBSERVABLE = "observable"  # of an incident
    ENTRY = "entry"  # of an incident
    REPORT = "inbox"


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that has the words: its name, more of it, and the address of its page."""

    kind: HitKind
    name: str
    detail: str
    page: str


def find_words(session: Session, networks: Networks | None, visitor: Principal, typed: str) -> list[Hit]:
    """What has the words as far as the visitor may see it, by kind: at most one more of a kind than `SHOWN`.

    ``networks``: the tables with the names of AS; None where they are not looked for.
    """
    return [
        *_teams(session, visitor, typed),
        *(_systems(networks, visitor, typed) if networks else ()),
        *_people(session, visitor, typed),
        *_notifications(session, visitor, typed),
        *_notes(session, visitor, typed),
    ]


def find_teams_of(session: Session, visitor: Principal, address: str) -> list[Hit]:
    """The teams that have an email address, in lower case, as far as the visitor may see them."""
    reach = visitor.reach(Permission.DIRECTORY_READ)
    only = None if reach.everything else reach.teams
    return _named(session, teams_of_mailbox(session, address, only=only), address)[:SHOWN] if reach else []


def _teams(session: Session, visitor: Principal, typed: str) -> list[Hit]:
    reach = visitor.reach(Permission.DIRECTORY_READ)
    only = None if reach.everything else reach.teams
    numbers = teams_with_words(session, typed, only=only, limit=_SORTED) if reach else []
    return _named(session, numbers, typed)[: SHOWN + 1]


def _named(session: Session, numbers: Iterable[int], typed: str) -> list[Hit]:
    """Teams by their numbers, those first that are called so, or whose name begins so."""
    wanted = typed.casefold().strip()
    found = sorted(
        set(team_names(session, list(numbers)).values()),
        key=lambda team: (wanted not in {team[0], team[1].casefold()}, not team[1].casefold().startswith(wanted), team),
    )
    return [Hit(HitKind.TEAM, name, key, f"/teams/{quote(key)}") for key, name in found]


def _systems(networks: Networks, visitor: Principal, typed: str) -> list[Hit]:
    words = words_of(typed)
    if not words or not typed.isascii() or not visitor.reach(Permission.LOOKUP).everything:
        return []
    found = networks.register.find(words, SHOWN + 1)
    return [Hit(HitKind.AS, f"AS{asn}", networks.register.name(asn) or "", f"/search?q=AS{asn}") for asn in found]


def _people(session: Session, visitor: Principal, typed: str) -> list[Hit]:
    """People are few: no index is needed."""
    if not visitor.may(Permission.ADMIN_READ) or not (words := words_of(typed)):
        return []
    query = select(Person).where(
        Person.removed_at.is_(None),
        *(or_(*(one.icontains(word, autoescape=True) for one in (Person.name, Person.mailbox))) for word in words),
    )
    found = session.scalars(query.order_by(Person.name).limit(SHOWN + 1))
    return [Hit(HitKind.PERSON, one.name, one.role, f"/admin/people/{one.id}") for one in found]


def _notifications(session: Session, visitor: Principal, typed: str) -> list[Hit]:
    reach = visitor.reach(Permission.DELIVERIES_READ)
    own = () if reach.everything else (Delivery.team_id.in_(sorted(reach.teams)), Delivery.state.in_(TOLD))
    numbers = rows_with(session, Delivery.id, typed, *own, limit=SHOWN + 1) if reach else []
    return notification_hits(session, numbers)


def notification_hits(session: Session, numbers: Iterable[int]) -> list[Hit]:
    """Digests by their numbers, the newest first."""
    columns = (Delivery.reference, Delivery.subject, Delivery.state, Delivery.team_id)
    rows = session.execute(select(*columns).where(Delivery.id.in_(list(numbers))).order_by(Delivery.id.desc())).all()
    names = team_names(session, {row.team_id for row in rows})
    return [
        Hit(
            HitKind.NOTIFICATION,
            row.reference,
            row.subject or names.get(row.team_id, ("", ""))[1],
            f"/deliveries/{row.reference}",
        )
        for row in rows
    ]


def _notes(session: Session, visitor: Principal, typed: str) -> list[Hit]:
    reach = visitor.reach(Permission.DELIVERIES_READ)
    # What a person here noted of a talk is for people here.
    own = () if reach.everything else (Answer.team_id.in_(sorted(reach.teams)), Answer.via != Via.ANALYST.value)
    numbers = rows_with(session, Answer.id, typed, *own, limit=SHOWN + 1) if reach else []
    query = select(Answer.note, Delivery.reference).join(Delivery, Delivery.id == Answer.delivery_id)
    rows = session.execute(query.where(Answer.id.in_(numbers)).order_by(Answer.id.desc())).all()
    return [Hit(HitKind.NOTE, row.reference, row.note, f"/deliveries/{row.reference}") for row in rows]
