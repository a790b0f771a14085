"""What readiness brings."""

from pathlib import Path
from typing import Final

from tocsin.interface import N_, Capability

CAPABILITY: Final = Capability(
    title=N_("Readiness"),
    path="/readiness",
    permission="readiness.read",
    commands={"readiness": "tocsin.readiness.commands.readiness", "assessment": "tocsin.readiness.commands.assessment"},
    pages="tocsin.readiness.web:readiness_pages",
    folder=Path(__file__).parent,
    tables=("tocsin.readiness.assessment.models",),
    example="tocsin.readiness.example:add_example",
    acts=("tocsin.readiness.acts",),
    subjects="tocsin.readiness.subjects:names_of",
    places=(
        (N_("Assessments"), "/readiness"),
        (N_("Frameworks"), "/readiness/frameworks"),
        (N_("Indices"), "/readiness/indices"),
    ),
)
