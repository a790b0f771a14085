"""Incidents: what comes in (arrivals), and the cases that a CSIRT works, each in a compartment that says who reads it.

docs/design/incidents.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents import acts
    from tocsin.incidents.act_parts import (
        IncidentAddition,
        IncidentNamed,
        done_before,
        incident_act,
        people_for,
    )
    from tocsin.incidents.erasure import (
        PART_NAME,
        ChangedEntry,
        EntryCheck,
        IncidentPartKind,
        check_entries,
        erase_part,
        find_part,
        letters_of_part,
        plain_part,
    )
    from tocsin.incidents.mail_context import mail_context
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
        NO_LEAD,
        TEAM,
        IncidentReader,
        IncidentSearch,
        WaitingCount,
        access_to_review,
        changed_since,
        compartments_of,
        corrections_of,
        count_incidents,
        due_tasks,
        entries_of,
        find_entry,
        find_incident,
        highest_observable,
        incident_numbers,
        is_restricted,
        known_references,
        last_entry,
        list_incidents,
        members_of,
        merged_family,
        merged_root,
        new_entries,
        observables_after,
        observables_of,
        open_incidents,
        open_tasks,
        parties_of,
        references_by_number,
        seen_entry,
        sightings_to_review,
        tasks_of,
        waited_enough,
        without_lead,
    )
    from tocsin.incidents.reference import new_reference, read_reference, references_in_text
    from tocsin.incidents.release import (
        PARTS,
        ReportAudience,
        ReportContent,
        ReportPart,
        ReportRequest,
        make_report,
        shareable_incidents,
        veris_of,
    )
    from tocsin.incidents.search import (
        IncidentMatch,
        ReportMatch,
        SubjectCondition,
        entries_with_words,
        incidents_with_observables,
        incidents_with_words,
        named_incident,
        named_openly,
        readable_reports,
        reports_with_words,
        subjects_for,
        titles_of,
    )
    from tocsin.incidents.states import (
        CERTAINTIES,
        MILESTONES,
        OBSERVED_AS,
        PARTIES,
        SEVERITIES,
        UNDER_WAY,
        IncidentEntryKind,
        IncidentNeed,
        IncidentState,
        MilestoneCertainty,
        MilestoneKind,
        ObservableKind,
        ObservableRole,
        PartyRole,
        SeverityLevel,
        TaskState,
    )
    from tocsin.incidents.write import (
        add_entry,
        add_incident,
        add_member,
        add_observable,
        add_party,
        add_task,
        entry_hash,
        note_look,
    )
else:
    lazy_face(__name__)
