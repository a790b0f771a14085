"""Work with partners: the formats of the field, signed statements, and what was sent to whom."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.cases import CaseHistory, CaseStanding, add_entry, is_withdrawn, longer, read_history
    from tocsin.exchange.recalls import (
        ReportSum,
        Transfer,
        check_item,
        check_recall,
        due_items,
        goes_on_to,
        is_recalled,
    )
else:
    lazy_face(__name__)
