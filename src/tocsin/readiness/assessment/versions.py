"""Framework versions on record: taken in as a draft, given people who answer for them, published, never rewritten."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditAction, audit, from_row
from tocsin.readiness.assessment.crosswalk import QuestionLink, links
from tocsin.readiness.assessment.frameworks import Framework, from_document
from tocsin.readiness.assessment.models import FrameworkVersion, Responsible

UNASSIGNED: Final = "unassigned"
"""The criteria of a version that nobody answers for yet."""


@dataclass(frozen=True)
class VersionInfo:
    """A version as listed: ``unassigned`` are the criteria that nobody answers for yet."""

    framework: str
    version: str
    title: str
    digest: str
    published_at: datetime | None
    published_by: str | None
    unassigned: tuple[str, ...]


def add_version(session: Session, framework: Framework, *, by: str, now: datetime) -> FrameworkVersion:
    """The version stored as a draft; a draft of the same name is replaced, a published one never.

    Raises:
        ConflictError: that version is published, and this text differs from it.
        InputError: its crosswalk does not fit the version it names.

    """
    held = _find(session, framework.id, framework.version)
    if held is not None and held.digest == framework.digest():
        return held
    if held is not None and held.published_at is not None:
        raise ConflictError(
            f"'{framework.id}' {framework.version} is published and cannot change.",
            hint="Give the changed text a new version, with a [crosswalk] from the old one.",
        )
    if framework.crosswalk is not None:
        links(get_version(session, framework.id, framework.crosswalk.from_version)[1], framework)
    if held is None:
        held = FrameworkVersion(framework=framework.id, version=framework.version, created_at=now, created_by=by)
        session.add(held)
    held.title, held.definition, held.digest = framework.title, framework.document(), framework.digest()
    held.published_at = held.published_by = None
    session.flush()
    for _, indicator in framework.indicators():
        if indicator.responsible:
            session.add(Responsible(version_id=held.id, criterion=indicator.id, name=indicator.responsible, since=now))
    _note(session, held, "added", by=by, now=now, detail={"digest": held.digest})
    return held


def assign(session: Session, framework: str, version: str, criterion: str, name: str, *, by: str, now: datetime) -> int:
    """How many criteria ``name`` now answers for; ``criterion``: an indicator, a pillar, ``all`` or `UNASSIGNED`.

    Raises:
        NotFoundError: no such version, or it has no such criterion.
        InputError: the name is empty.

    """
    held, definition = get_version(session, framework, version)
    if not name.strip():
        raise InputError("A criterion needs an owner: the name is empty.")
    chosen = [i.id for pillar, i in definition.indicators() if criterion in {"all", pillar.id, i.id}]
    if criterion == UNASSIGNED:
        chosen = list(_unassigned(definition, responsible(session, held.id)))
    if not chosen:
        raise NotFoundError(f"'{framework}' {version} has no pillar or indicator '{criterion}'.")
    for ident in chosen:
        session.add(Responsible(version_id=held.id, criterion=ident, name=name.strip(), since=now))
    _note(session, held, "assigned", by=by, now=now, detail={"criteria": list(chosen)})
    return len(chosen)


def publish(session: Session, framework: str, version: str, *, by: str, now: datetime) -> FrameworkVersion:
    """The version, published; from now on its text stays.

    Raises:
        ConflictError: a criterion has nobody responsible for it.

    """
    held, definition = get_version(session, framework, version)
    if held.published_at is not None:
        return held
    missing = _unassigned(definition, responsible(session, held.id))
    if missing:
        raise ConflictError(
            f"'{framework}' {version} cannot be published: nobody is responsible for {', '.join(missing[:6])}"
            + (f" and {len(missing) - 6} more." if len(missing) > 6 else "."),
            hint=f"tocsin assessment assign {framework} {version} CRITERION --to NAME (or all).",
        )
    held.published_at, held.published_by = now, by
    _note(session, held, "published", by=by, now=now, detail={"digest": held.digest})
    return held


def get_version(session: Session, framework: str, version: str) -> tuple[FrameworkVersion, Framework]:
    """The stored row and its framework.

    Raises:
        NotFoundError: it is not on record.

    """
    held = _find(session, framework, version)
    if held is None:
        raise NotFoundError(
            f"'{framework}' {version} is not on record.",
            hint="'tocsin assessment frameworks' lists what is; 'tocsin assessment import-framework' takes one in.",
        )
    return held, from_document(held.definition)


def list_versions(session: Session) -> list[VersionInfo]:
    """Every version on record, by framework and age."""
    rows = session.scalars(select(FrameworkVersion).order_by(FrameworkVersion.framework, FrameworkVersion.created_at))
    return [
        from_row(VersionInfo, row, unassigned=_unassigned(from_document(row.definition), responsible(session, row.id)))
        for row in rows
    ]


def responsible(session: Session, version_id: int) -> dict[str, str]:
    """Criterion → who is responsible for it now."""
    rows = session.scalars(
        select(Responsible).where(Responsible.version_id == version_id).order_by(Responsible.since, Responsible.id)
    )
    return {row.criterion: row.name for row in rows}


def path_between(session: Session, old: Framework, new: Framework) -> list[tuple[Framework, list[QuestionLink]]]:
    """The versions to walk from ``old`` to ``new``, each with its links from the one before; empty when they are equal.

    Raises:
        InputError: the crosswalks on record do not lead from one to the other.

    """
    steps: list[tuple[Framework, list[QuestionLink]]] = []
    here = new
    while here.version != old.version:
        before = here.crosswalk.from_version if here.crosswalk else None
        if before is None or before in {step.version for step, _ in steps}:
            raise InputError(
                f"No crosswalk leads from '{old.id}' {old.version} to {new.version}.",
                hint="Each newer version names the one it follows in [crosswalk] from_version.",
            )
        earlier = get_version(session, old.id, before)[1]
        steps.append((here, links(earlier, here)))
        here = earlier
    return steps[::-1]


def _find(session: Session, framework: str, version: str) -> FrameworkVersion | None:
    return session.scalar(
        select(FrameworkVersion).where(FrameworkVersion.framework == framework, FrameworkVersion.version == version)
    )


def _unassigned(framework: Framework, held: dict[str, str]) -> tuple[str, ...]:
    return tuple(indicator.id for _, indicator in framework.indicators() if not held.get(indicator.id))


def _note(
    session: Session, held: FrameworkVersion, act: str, *, by: str, now: datetime, detail: dict[str, object]
) -> None:
    subject = f"framework {held.framework} {held.version}"
    audit(session, AuditAction.ASSESSMENT_CHANGED, at=now, actor=by, subject=subject, detail={"act": act, **detail})
