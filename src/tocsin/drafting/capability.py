"""What drafting brings."""

from pathlib import Path
from typing import Final

from tocsin.interface import N_, Capability

CAPABILITY: Final = Capability(
    title=N_("Drafting"),
    path="/drafting",
    permission="drafting.read",
    commands={"drafting": "tocsin.drafting.commands.drafting"},
    pages="tocsin.drafting.web:drafting_pages",
    folder=Path(__file__).parent,
    tables=("tocsin.drafting.models",),
    example="tocsin.drafting.example:add_example",
    subjects="tocsin.drafting.store:subject_names",
    places=((N_("Texts"), "/drafting"),),
)
