"""Evidence: an archived copy kept under its own hash, and where it is used."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.node.blobs import Blobs
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import from_row
from tocsin.node.sentences import say
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


def archive(copies: Blobs, source: Path) -> str:
    """SHA-256 of the copy of ``source`` that is now kept.

    Raises:
        NotFoundError: there is no such file.
        StorageError: the copy could not be written.

    """
    try:
        stream = source.open("rb")
    except OSError as error:
        raise NotFoundError(f"The evidence file '{source}' cannot be read: {error.strerror}.") from error
    with stream:
        return copies.put(stream)


def add_evidence(
    session: Session, copies: Blobs, source: Path, piece: EvidenceStatement, *, by: str, now: datetime
) -> Evidence:
    """The piece on record; the same bytes said to be the same are found again, not added twice.

    Raises:
        InputError: its validity ends before it begins.
        NotFoundError: there is no such file.
        ConflictError: the same bytes are on record under another title, language, link or validity.

    """
    if piece.valid_from and piece.valid_until and piece.valid_until < piece.valid_from:
        raise InputError(
            say(
                "Evidence '%(title)s' ends on %(day)s, before it begins.", title=piece.title, day=str(piece.valid_until)
            )
        )
    digest = archive(copies, source)
    size = copies.size(digest)
    held = session.scalar(select(Evidence).where(Evidence.digest == digest))
    if held is not None:
        if from_row(EvidenceStatement, held) != piece:
            raise ConflictError(
                say(
                    "These bytes are on record already, as '%(title)s' (%(language)s).",
                    title=held.title,
                    language=held.language,
                ),
                hint=f"Use that piece: tocsin assessment evidence use {digest[:12]} ASSESSMENT QUESTION.",
            )
        return held
    held = Evidence(digest=digest, size=size, file_name=source.name, added_at=now, added_by=by, **vars(piece))
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
