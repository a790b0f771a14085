"""Sightings: where observables of incidents are found in events, those of the past and all that come in.

docs/design/incidents.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.sightings import acts
    from tocsin.incidents.sightings.acts import Number, ObservableChosen, observables_now
    from tocsin.incidents.sightings.lists import (
        WarningList,
        add_warning_list,
        read_warning_lists,
        remove_warning_list,
        warnings_of,
    )
    from tocsin.incidents.sightings.look_back import lock_ingests
    from tocsin.incidents.sightings.matching import MATCHED, ObservableMatcher
    from tocsin.incidents.sightings.read import ObservableStanding, standings_of
    from tocsin.incidents.sightings.watch import ObservableWatch
    from tocsin.incidents.sightings.write import PastSightings
else:
    lazy_face(__name__)
