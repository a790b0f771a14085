"""A team's profile as it is now, with its version; and the issuing of a new version."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tocsin.directory.keys import TeamKey, judge, team_keys
from tocsin.directory.profile.compose import compose, numbered
from tocsin.directory.profile.model import PublicKey, TeamProfile
from tocsin.directory.profile.text import profile_text
from tocsin.directory.tables import ProfileRow
from tocsin.directory.team_record import read_about
from tocsin.node.records import AuditAction, Database, audit


@dataclass(frozen=True)
class IssuedProfile:
    """A profile; ``new`` when it says something that no issued version says, so that it is a draft."""

    profile: TeamProfile
    new: bool


def current_profile(database: Database, key: str, *, now: datetime) -> IssuedProfile:
    """The profile of a team: the version that was issued last, or a draft of the next when more is known since.

    Raises:
        NotFoundError: there is no such team.

    """
    plain, number = _composed(database, key, now)
    with database.reading() as session:
        last = session.scalars(_newest(number)).first()
        if last and last.digest == _digest(plain):
            return IssuedProfile(numbered(plain, last.version, last.dated), new=False)
    return IssuedProfile(numbered(plain, (last.version if last else 0) + 1, now.date(), draft=True), new=True)


def issue_profile(database: Database, key: str, *, actor: str, now: datetime) -> TeamProfile:
    """The profile of a team, issued: a new version where it says something new, else the one that stands.

    Raises:
        NotFoundError: there is no such team.

    """
    plain, number = _composed(database, key, now)
    digest = _digest(plain)
    with database.begin() as session:
        last = _last(session, number)
        if last and last.digest == digest:
            return numbered(plain, last.version, last.dated)
        version = (last.version if last else 0) + 1
        row = {"team_id": number, "version": version, "dated": now.date(), "digest": digest}
        session.add(ProfileRow(**row, issued_by=actor, recorded=now))
        detail: dict[str, object] = {"version": version, "sha256": digest}
        audit(session, AuditAction.PROFILE_ISSUED, at=now, actor=actor, subject=f"team:{plain.uuid}", detail=detail)
    return numbered(plain, version, now.date())


def _composed(database: Database, key: str, now: datetime) -> tuple[TeamProfile, int]:
    about = read_about(database, key)
    good = [one for one in team_keys(database, [about.team.id]) if judge(one.facts, now).good]
    return compose(about, at=now.date(), keys=map(_public, good)), about.team.id


def _public(key: TeamKey) -> PublicKey:
    until = key.facts.until
    return PublicKey(key.facts.fingerprint, key.facts.format.value, until.date() if until else None)


def _digest(profile: TeamProfile) -> str:
    return hashlib.sha256(profile_text(profile).encode("utf-8")).hexdigest()


def _last(session: Session, team: int) -> ProfileRow | None:
    return session.scalars(_newest(team).with_for_update()).first()


def _newest(team: int) -> Select[ProfileRow]:
    return select(ProfileRow).where(ProfileRow.team_id == team).order_by(ProfileRow.version.desc()).limit(1)
