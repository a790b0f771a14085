"""The settings of evidence of incidents."""

from pydantic import Field

from tocsin.node.section import Section


class EvidenceSettings(Section):
    """How much evidence of incidents is kept here, and who may destroy it."""

    max_file_bytes: int = Field(
        100_000_000, ge=1, description="A file of evidence has at most so many bytes; larger ones are added by hash."
    )
    max_incident_bytes: int = Field(
        2_000_000_000, ge=1, description="The files of one incident together have at most so many bytes."
    )
    max_total_bytes: int = Field(
        20_000_000_000, ge=1, description="The files of all incidents together have at most so many bytes."
    )
    second_person: bool = Field(
        default=True, description="Evidence is destroyed by two persons: one asks for it, another one confirms."
    )
