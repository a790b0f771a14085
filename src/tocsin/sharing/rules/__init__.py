"""The rules of this node: what may be shared with whom beyond the table of the gate, and who else is told.

A document of text that people write, in versions. It is read into data, applied to whole batches, and only narrows
what the gate allows.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.sharing.rules.apply import NO_RULES, Rules, numbers_of
    from tocsin.sharing.rules.document import RulesDocument, SharingRuleKind
    from tocsin.sharing.rules.models import RulesVersion, WithheldReport
    from tocsin.sharing.rules.mutes import muted
    from tocsin.sharing.rules.parse import RuleFault, RulesFaultError, read_document
    from tocsin.sharing.rules.rule_text import conditions, effect
    from tocsin.sharing.rules.store import (
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
else:
    lazy_face(__name__)
