"""What the audit log calls things of readiness by: names that people know, and their pages."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.node.sentences import say
from tocsin.readiness.assessment import Assessment, Evidence, FrameworkVersion

_SUBJECT: Final = re.compile(r"(assessment|evidence|framework|index|target) (.{1,130})")
_Names = Mapping[str, tuple[str, str]]


def names_of(session: Session, subjects: Collection[str]) -> _Names:
    """Name and path of those subjects that are of readiness."""
    found: dict[str, tuple[str, str]] = {}
    for subject in subjects:
        of = _SUBJECT.fullmatch(subject)
        named = _NAMERS[of[1]](session, of[2]) if of else None
        if named is not None:
            found[subject] = named
    return found


def _assessment(session: Session, number: str) -> tuple[str, str] | None:
    held = session.get(Assessment, int(number)) if number.isdecimal() and len(number) < 10 else None
    if held is None:
        return None
    name = say("%(unit)s, as of %(day)s", unit=held.unit_name, day=str(held.as_of))
    return name, f"/readiness/{held.id}"


def _evidence(session: Session, digest: str) -> tuple[str, str] | None:
    title = session.scalar(select(Evidence.title).where(Evidence.digest == digest))
    return None if title is None else (title, f"/readiness/evidence/{digest}")


def _framework(session: Session, name: str) -> tuple[str, str] | None:
    framework, _, version = name.partition(" ")
    wanted = (FrameworkVersion.framework == framework, FrameworkVersion.version == version)
    title = session.scalar(select(FrameworkVersion.title).where(*wanted))
    return None if title is None else (f"{title} {version}", f"/readiness/frameworks/{framework}/{version}")


def _target(session: Session, unit: str) -> tuple[str, str] | None:
    name = session.scalar(select(Assessment.unit_name).where(Assessment.unit == unit).order_by(Assessment.id.desc()))
    return None if name is None else (say("Target of %(unit)s", unit=name), "")


_NAMERS: Final[Mapping[str, Callable[[Session, str], tuple[str, str] | None]]] = {
    "assessment": _assessment,
    "evidence": _evidence,
    "framework": _framework,
    "index": lambda _session, name: (say("Index %(name)s", name=name), f"/readiness/indices/{name}"),
    "target": _target,
}
