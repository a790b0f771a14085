"""The tables of assessments. Answers, statements and measurements are only ever added, so that history stays."""

from datetime import date, datetime

from sqlalchemy import Boolean, Date, Float, ForeignKey, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime


class FrameworkVersion(Base):
    """One version of a framework; ``definition`` is never changed once it is published."""

    __tablename__ = "assessment_framework_version"
    __table_args__ = (UniqueConstraint("framework", "version", name="uq_assessment_framework_version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    framework: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, object]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    published_by: Mapped[str | None] = mapped_column(Text)


class Responsible(Base):
    """Who keeps a criterion of a version, since when; the last one counts."""

    __tablename__ = "assessment_responsible"

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("assessment_framework_version.id"), index=True)
    criterion: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UTCDateTime)


class Assessment(Base):
    """One unit (a country, a team) under one version, as of a date."""

    __tablename__ = "assessment"
    __table_args__ = (UniqueConstraint("unit", "version_id", "as_of", name="uq_assessment_unit_version_date"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(Text, index=True)
    unit_name: Mapped[str] = mapped_column(Text)
    version_id: Mapped[int] = mapped_column(ForeignKey("assessment_framework_version.id"), index=True)
    as_of: Mapped[date] = mapped_column(Date)
    groups: Mapped[dict[str, str]] = mapped_column(Json)
    ranked: Mapped[bool] = mapped_column(Boolean)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_by: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class AssessmentAnswer(Base):
    """One answer. ``level`` is None where the question does not apply. The newest of the strongest kind counts."""

    __tablename__ = "assessment_answer"

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), index=True)
    question: Mapped[str] = mapped_column(Text)
    level: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(Text)
    assessor_kind: Mapped[str] = mapped_column(Text)
    assessor: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Evidence(Base):
    """One piece of evidence; ``digest`` is the SHA-256 of the archived copy and where it is kept."""

    __tablename__ = "assessment_evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    size: Mapped[int] = mapped_column(Integer)
    file_name: Mapped[str] = mapped_column(Text)
    link: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    added_by: Mapped[str] = mapped_column(Text)


class EvidenceUse(Base):
    """That a piece of evidence supports a question of an assessment; one piece may serve many."""

    __tablename__ = "assessment_evidence_use"
    __table_args__ = (UniqueConstraint("evidence_id", "assessment_id", "question", name="uq_assessment_evidence_use"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    evidence_id: Mapped[int] = mapped_column(ForeignKey("assessment_evidence.id"))
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), index=True)
    question: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)


class QuestionStatement(Base):
    """A review, dispute, appeal or decision about a question; a decision names what it decides in ``about_id``."""

    __tablename__ = "assessment_statement"

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), index=True)
    question: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    about_id: Mapped[int | None] = mapped_column(ForeignKey("assessment_statement.id"))
    outcome: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class MeasuredValue(Base):
    """One measured value of one unit, with the method that made it and the hash of the facts it was made from."""

    __tablename__ = "assessment_measurement"

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), index=True)
    query: Mapped[str] = mapped_column(Text)
    method_version: Mapped[str] = mapped_column(Text)
    as_of: Mapped[datetime] = mapped_column(UTCDateTime)
    unit: Mapped[str] = mapped_column(Text)
    value: Mapped[float | None] = mapped_column(Float)
    low: Mapped[float] = mapped_column(Float)
    high: Mapped[float] = mapped_column(Float)
    observed: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer)
    coverage: Mapped[float] = mapped_column(Float)
    successes: Mapped[float] = mapped_column(Float)
    trials: Mapped[float] = mapped_column(Float)
    detail: Mapped[dict[str, object]] = mapped_column(Json)
    facts_digest: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)


class ImprovementAction(Base):
    """Something to do: to which level of which question, by whom, by when, at what cost."""

    __tablename__ = "assessment_action"

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), index=True)
    question: Mapped[str] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    due: Mapped[date] = mapped_column(Date)
    cost: Mapped[float | None] = mapped_column(Float)
    currency: Mapped[str] = mapped_column(Text)
    gain: Mapped[float] = mapped_column(Float)
    gain_low: Mapped[float] = mapped_column(Float)
    gain_high: Mapped[float] = mapped_column(Float)
    done_on: Mapped[date | None] = mapped_column(Date)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)


class UnitTarget(Base):
    """A goal that a unit set itself; ``subject`` is overall, or the id of a pillar or an indicator."""

    __tablename__ = "assessment_target"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(Text, index=True)
    framework: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    goal: Mapped[float] = mapped_column(Float)
    baseline: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)
