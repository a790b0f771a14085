"""What a look at a node found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class HealthKind(StrEnum):
    """What a finding asks for."""

    OK = "ok"
    TO_DO = "to-do"  # the node works; a person has something to look at, and there is a list of it
    FAILED = "failed"  # something does not work as it should: what an operator is alarmed by


KINDS: Final = {
    **dict.fromkeys(
        (
            "version", "disk", "home folder", "settings and records", "other users of this machine", "storage",
            "interrupted ingests", "event table", "events and records agree", "compiled reader",
            "reports that were sent in", "files of reports, mails and evidence", "work of the server",
            "backups", "standby",
            "help for a child in danger", "keys of this node", "mail", "mail account", "hotline", "mail texts", "feeds",
            "files of feeds", "context lists", "collectors", "machines", "Ray cluster", "deliveries",
            "writing", "daily limits of partners", "single sign-on", "reading of others' files",
        ),
        HealthKind.FAILED,
    ),
    **dict.fromkeys(
        (
            "directory", "sending", "keys of teams", "mails to review", "help texts for the public", "security.txt",
            "signatures inside encrypted mails",
        ),
        HealthKind.TO_DO,
    ),
}  # fmt: skip
"""What each check says where it is not well, but for a finding that says its own kind."""


@dataclass(frozen=True)
class HealthFinding:
    """One check: what was looked at, whether it works, what was found, and how to mend it.

    ``ok``: as it is given, whether there is nothing to mend; then whether nothing *failed*. ``kind``: by `KINDS`, where
    none is given. ``teams``: keys of the teams whose pages mend it.
    """

    what: str
    ok: bool
    found: str
    mend: str = ""
    teams: tuple[str, ...] = ()
    kind: HealthKind | None = None

    def __post_init__(self) -> None:
        """Say the kind."""
        kind = self.kind or (HealthKind.OK if self.ok else KINDS.get(self.what, HealthKind.FAILED))
        object.__setattr__(self, "kind", HealthKind(kind))
        object.__setattr__(self, "ok", kind != HealthKind.FAILED)
