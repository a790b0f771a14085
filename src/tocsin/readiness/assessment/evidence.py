"""Evidence: an archived copy kept under its own hash, and where it is used."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.node.errors import ConflictError, InputError, NotFoundError, StorageError
from tocsin.node.files import write_whole
from tocsin.readiness.assessment.assessments import check_question, note
from tocsin.readiness.assessment.models import Evidence, EvidenceUse


@dataclass(frozen=True)
class EvidenceStatement:
    """What is said about a piece of evidence when it is added. A link alone is not enough: pages change."""

    title: str
    language: str
    link: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


def archive(folder: Path, source: Path) -> tuple[str, int]:
    """(SHA-256, size) of the copy of ``source`` now kept in ``folder``; the same bytes are kept once.

    Raises:
        NotFoundError: there is no such file.
        StorageError: the copy could not be written.

    """
    try:
        data = source.read_bytes()
    except OSError as error:
        raise NotFoundError(f"The evidence file '{source}' cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(data).hexdigest()
    target = copy_path(folder, digest)
    if not target.is_file():
        try:
            write_whole(target, data)
        except OSError as error:
            raise StorageError(f"The copy of '{source}' could not be kept in {folder}: {error.strerror}.") from error
    return digest, len(data)


def copy_path(folder: Path, digest: str) -> Path:
    """Where the copy with that hash is kept."""
    return folder / digest[:2] / digest


def is_intact(folder: Path, digest: str) -> bool:
    """Whether the archived copy is there and still has its hash."""
    path = copy_path(folder, digest)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def add_evidence(
    session: Session, folder: Path, source: Path, piece: EvidenceStatement, *, by: str, now: datetime
) -> Evidence:
    """The piece on record; the same bytes said to be the same are found again, not added twice.

    Raises:
        InputError: its validity ends before it begins.
        NotFoundError: there is no such file.
        ConflictError: the same bytes are on record under another title, language, link or validity.

    """
    if piece.valid_from and piece.valid_until and piece.valid_until < piece.valid_from:
        raise InputError(f"Evidence '{piece.title}' ends on {piece.valid_until}, before it begins.")
    digest, size = archive(folder, source)
    held = session.scalar(select(Evidence).where(Evidence.digest == digest))
    if held is not None:
        if EvidenceStatement(held.title, held.language, held.link, held.valid_from, held.valid_until) != piece:
            raise ConflictError(
                f"These bytes are on record already, as '{held.title}' ({held.language}).",
                hint=f"Use that piece: tocsin assessment evidence use {digest[:12]} ASSESSMENT QUESTION.",
            )
        return held
    held = Evidence(
        digest=digest,
        size=size,
        file_name=source.name,
        link=piece.link,
        title=piece.title,
        language=piece.language,
        valid_from=piece.valid_from,
        valid_until=piece.valid_until,
        added_at=now,
        added_by=by,
    )
    session.add(held)
    session.flush()
    note(session, f"evidence {digest}", by, now, {"act": "evidence added", "size": size})
    return held


def use_evidence(
    session: Session, evidence: str, assessment_id: int, question: str, *, by: str, now: datetime
) -> Evidence:
    """The piece (by the start of its hash), now supporting that question; the same piece may support many.

    Raises:
        NotFoundError: no such piece, assessment or question.
        ConflictError: several pieces begin so.

    """
    held = find_evidence(session, evidence)
    check_question(session, assessment_id, question)
    known = session.scalar(
        select(EvidenceUse.id).where(
            EvidenceUse.evidence_id == held.id,
            EvidenceUse.assessment_id == assessment_id,
            EvidenceUse.question == question,
        )
    )
    if known is None:
        session.add(EvidenceUse(evidence_id=held.id, assessment_id=assessment_id, question=question, at=now, by=by))
        detail: dict[str, object] = {"act": "evidence used", "question": question, "evidence": held.digest}
        note(session, f"assessment {assessment_id}", by, now, detail)
    return held


def find_evidence(session: Session, start: str) -> Evidence:
    """The piece whose hash begins with ``start`` (at least six digits).

    Raises:
        NotFoundError: none does.
        ConflictError: several do.

    """
    if len(start) < 6 or not all(c in "0123456789abcdef" for c in start.lower()):
        raise NotFoundError(f"'{start}' is not the start of a hash.", hint="Give at least its first six digits.")
    found = session.scalars(select(Evidence).where(Evidence.digest.startswith(start.lower()))).all()
    if not found:
        raise NotFoundError(f"No evidence has a hash that begins with '{start}'.")
    if len(found) > 1:
        raise ConflictError(f"{len(found)} pieces of evidence begin with '{start}'.", hint="Give more digits.")
    return found[0]
