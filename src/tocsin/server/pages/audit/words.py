"""What a check of the seals can find, in words; the words of the log are in `tocsin.server.pages.changes`."""

from collections.abc import Mapping
from typing import Final

from tocsin.node.records import Kind
from tocsin.server.pages.changes import LABELS
from tocsin.server.pages.words import N_

SAYINGS: Final[Mapping[str, str]] = LABELS
"""What each word of the log is called."""

FINDINGS: Final[Mapping[Kind, str]] = {
    "changed": N_("Entry %(entry)s was changed after seal %(seal)s."),
    "missing": N_("Entry %(entry)s of seal %(seal)s is missing."),
    "inserted": N_("Entry %(entry)s was inserted among sealed entries."),
    "seal changed": N_("Seal %(seal)s was changed after it was signed."),
    "seal missing": N_("Seal %(seal)s is missing."),
    "seal unbound": N_("Seal %(seal)s does not follow the one before it."),
    "seal key": N_("Seal %(seal)s was signed with a key that is not this node's."),
}
"""Each thing that a check of the seals can find."""
