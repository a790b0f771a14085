"""Incidents: what comes in (arrivals), and the cases that a CSIRT works, each in a compartment that says who reads it.

docs/design/incidents.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.models import (
        Incident,
        IncidentEntry,
        IncidentObservable,
        IncidentTask,
        Party,
    )
    from tocsin.incidents.observables import (
        ExtractedObservables,
        FoundObservable,
        defang,
        extract_observables,
        host_of,
        refang,
    )
    from tocsin.incidents.read import (
        TEAM,
        IncidentReader,
        compartments_of,
        entries_of,
        find_incident,
        is_restricted,
        members_of,
        merged_family,
        observables_of,
        parties_of,
        tasks_of,
    )
    from tocsin.incidents.reference import new_reference, read_reference, references_in_text
    from tocsin.incidents.states import (
        IncidentEntryKind,
        IncidentState,
        MilestoneKind,
        ObservableKind,
        ObservableRole,
        PartyRole,
        SeverityLevel,
        TaskState,
    )
    from tocsin.incidents.write import add_entry, add_incident, add_member, entry_hash
else:
    lazy_face(__name__)
