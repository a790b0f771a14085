"""To-do items: what asks a person to act, of a closed list of kinds; each kind has acts that end its items."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.pipeline.to_do import acts
    from tocsin.pipeline.to_do.item import Item, Resolution, item_reference
    from tocsin.pipeline.to_do.kind import ToDoKind
    from tocsin.pipeline.to_do.kinds import KINDS
    from tocsin.pipeline.to_do.listers import KEY_DAYS, open_conflicts
    from tocsin.pipeline.to_do.open_items import (
        every_item,
        forget_ended,
        in_order,
        item_of,
        kinds_now,
        personal_items,
        quick_items,
        slow_items,
    )
    from tocsin.pipeline.to_do.until import read_until
    from tocsin.pipeline.to_do.work import assignable, my_items, with_work
else:
    lazy_face(__name__)
