"""Evidence of incidents: what was taken as it was, its chain of custody, legal holds, and how it leaves.

docs/evidence.md is for who works with it, docs/design/custody.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.evidence import acts
    from tocsin.incidents.evidence.acts import (
        ADD_FILES,
        EvidenceResult,
        NewFile,
        add_files,
        copied,
    )
    from tocsin.incidents.evidence.export import EvidenceExport, export_evidence, export_packed
    from tocsin.incidents.evidence.files import (
        PASSWORD,
        EvidenceCheck,
        FileFault,
        check_files,
        is_here,
        packed_bytes,
        packed_file,
        sweep_exports,
        sweep_files,
    )
    from tocsin.incidents.evidence.models import IncidentEvidence, LegalHold
    from tocsin.incidents.evidence.read import (
        check_hold,
        custody_of,
        evidence_of,
        find_evidence,
        held_incidents,
        held_reports,
        holds_of,
        incidents_of_mails,
        incidents_of_reports,
        is_in_force,
        items_in,
        items_with_files,
        kept_digests,
    )
    from tocsin.incidents.evidence.requests import EvidenceNamed, EvidenceSource
    from tocsin.incidents.evidence.states import CUSTODY_STEPS, EVIDENCE_KINDS, CustodyStep, EvidenceKind, EvidenceState
    from tocsin.incidents.evidence.write import delete_file, hold_facts, keep_holds
else:
    lazy_face(__name__)
