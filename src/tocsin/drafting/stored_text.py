"""A text as it is kept and as it travels."""

from dataclasses import dataclass

from tocsin.drafting.history import HistoryStep


@dataclass(frozen=True)
class StoredText:
    """Its identity (UUID, the same everywhere), its local name, where it was read from, and its whole history."""

    id: str
    name: str
    title: str
    source_name: str
    source_sha256: str
    steps: tuple[HistoryStep, ...]
