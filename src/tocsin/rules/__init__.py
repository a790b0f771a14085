"""The rules of this node: what may be shared with whom beyond the table of the gate, and who else is told.

A document of text that people write, in versions. It is read into data, applied to whole batches, and only narrows
what the gate allows.
"""

from tocsin.rules.applying import NO_RULES, Rules, numbers_of
from tocsin.rules.document import Document, Kind, Rule
from tocsin.rules.models import RulesVersion
from tocsin.rules.muting import muted
from tocsin.rules.reading import Fault, RulesFaultError, read_document
from tocsin.rules.store import (
    DEFAULT,
    difference,
    read_version,
    rule_words,
    rules_in_force,
    rules_version,
    set_rules,
    version_in_force,
    versions,
)
from tocsin.rules.words import Said, conditions, effect

__all__ = [
    "DEFAULT",
    "NO_RULES",
    "Document",
    "Fault",
    "Kind",
    "Rule",
    "Rules",
    "RulesFaultError",
    "RulesVersion",
    "Said",
    "conditions",
    "difference",
    "effect",
    "muted",
    "numbers_of",
    "read_document",
    "read_version",
    "rule_words",
    "rules_in_force",
    "rules_version",
    "set_rules",
    "version_in_force",
    "versions",
]
