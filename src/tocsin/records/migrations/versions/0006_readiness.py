"""The tables of the readiness room: framework versions, assessments and all that is said in them."""

import sqlalchemy as sa
from alembic import op

from tocsin.records.engine import Json, UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "assessment_framework_version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("published_at", UTCDateTime),
        sa.Column("published_by", sa.Text),
        sa.UniqueConstraint("framework", "version", name="uq_assessment_framework_version"),
    )
    op.create_table(
        "assessment_responsible",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("assessment_framework_version.id"), nullable=False),
        sa.Column("criterion", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", UTCDateTime, nullable=False),
    )
    op.create_index("ix_assessment_responsible_version_id", "assessment_responsible", ["version_id"])
    op.create_table(
        "assessment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("unit_name", sa.Text, nullable=False),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("assessment_framework_version.id"), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("groups", Json, nullable=False),
        sa.Column("ranked", sa.Boolean, nullable=False),
        sa.Column("started_at", UTCDateTime, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("closed_at", UTCDateTime),
        sa.UniqueConstraint("unit", "version_id", "as_of", name="uq_assessment_unit_version_date"),
    )
    op.create_index("ix_assessment_unit", "assessment", ["unit"])
    op.create_index("ix_assessment_version_id", "assessment", ["version_id"])
    op.create_table(
        "assessment_answer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assessment_id", sa.Integer, sa.ForeignKey("assessment.id"), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("level", sa.Integer),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("assessor_kind", sa.Text, nullable=False),
        sa.Column("assessor", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
    )
    op.create_index("ix_assessment_answer_assessment_id", "assessment_answer", ["assessment_id"])
    op.create_table(
        "assessment_evidence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_until", sa.Date),
        sa.Column("added_at", UTCDateTime, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
    )
    op.create_table(
        "assessment_evidence_use",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("evidence_id", sa.Integer, sa.ForeignKey("assessment_evidence.id"), nullable=False),
        sa.Column("assessment_id", sa.Integer, sa.ForeignKey("assessment.id"), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.UniqueConstraint("evidence_id", "assessment_id", "question", name="uq_assessment_evidence_use"),
    )
    op.create_index("ix_assessment_evidence_use_assessment_id", "assessment_evidence_use", ["assessment_id"])
    op.create_table(
        "assessment_statement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assessment_id", sa.Integer, sa.ForeignKey("assessment.id"), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about_id", sa.Integer, sa.ForeignKey("assessment_statement.id")),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
    )
    op.create_index("ix_assessment_statement_assessment_id", "assessment_statement", ["assessment_id"])
    op.create_table(
        "assessment_measurement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assessment_id", sa.Integer, sa.ForeignKey("assessment.id"), nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("method_version", sa.Text, nullable=False),
        sa.Column("as_of", UTCDateTime, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("low", sa.Float, nullable=False),
        sa.Column("high", sa.Float, nullable=False),
        sa.Column("observed", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("coverage", sa.Float, nullable=False),
        sa.Column("successes", sa.Float, nullable=False),
        sa.Column("trials", sa.Float, nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("facts_digest", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ix_assessment_measurement_assessment_id", "assessment_measurement", ["assessment_id"])
    op.create_table(
        "assessment_action",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assessment_id", sa.Integer, sa.ForeignKey("assessment.id"), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("due", sa.Date, nullable=False),
        sa.Column("cost", sa.Float),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("gain", sa.Float, nullable=False),
        sa.Column("gain_low", sa.Float, nullable=False),
        sa.Column("gain_high", sa.Float, nullable=False),
        sa.Column("done_on", sa.Date),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ix_assessment_action_assessment_id", "assessment_action", ["assessment_id"])
    op.create_table(
        "assessment_target",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("goal", sa.Float, nullable=False),
        sa.Column("baseline", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ix_assessment_target_unit", "assessment_target", ["unit"])


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "assessment_target",
        "assessment_action",
        "assessment_measurement",
        "assessment_statement",
        "assessment_evidence_use",
        "assessment_evidence",
        "assessment_answer",
        "assessment",
        "assessment_responsible",
        "assessment_framework_version",
    ):
        op.drop_table(table)
