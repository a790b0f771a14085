"""Take-downs: what is asked to be removed, of whom, and what was seen of it since.

docs/design/takedowns.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.takedowns import acts
    from tocsin.incidents.takedowns.models import Takedown, TakedownRecipient, TakedownSighting
    from tocsin.incidents.takedowns.proposal import KINDS
    from tocsin.incidents.takedowns.read import (
        TakedownNeeds,
        TakedownRow,
        TakedownSearch,
        count_takedowns,
        host_figures,
        hosts_of,
        list_takedowns,
        recipients_of,
        sightings_of,
        takedown_needs,
        takedowns_of,
    )
    from tocsin.incidents.takedowns.states import (
        OPEN,
        SIGHTINGS,
        TAKEDOWN_GROUNDS,
        TAKEDOWN_ROLES,
        ContentState,
        HostFigures,
        TakedownGround,
        TakedownRole,
        TakedownState,
        next_role,
    )
    from tocsin.incidents.takedowns.write import delete_takedown, forget_recipient
else:
    lazy_face(__name__)
