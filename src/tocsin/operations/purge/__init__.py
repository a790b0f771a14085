"""Purge: one thing that must not be here goes for good, from every place and every earlier version of it.

What stays is its reference and a tombstone. docs/design/purge.md says why it is done so.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.node.journal import bring_back_journal, copy_journal
    from tocsin.operations.purge.carry_out import TABLES
    from tocsin.operations.purge.plan import PurgePlan, make_plan
    from tocsin.operations.purge.references import PurgeKind, read_reference
    from tocsin.operations.purge.run import (
        PurgeOutcome,
        finish_interrupted,
        finish_purges,
        foreseen,
        purge,
        purged_before,
        unfinished,
    )
else:
    lazy_face(__name__)
