"""Playbooks: CACAO 2.0 files whose manual steps become tasks of an incident; nothing in a file is carried out.

docs/design/playbooks.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.playbooks import acts
    from tocsin.incidents.playbooks.cacao import Playbook, PlaybookStep, check_playbook, read_playbook
    from tocsin.incidents.playbooks.models import IncidentPlaybook, IncidentPlaybookStep, PlaybookEdition
    from tocsin.incidents.playbooks.read import (
        ListedPlaybook,
        PlaybookRun,
        find_playbook,
        listed_playbooks,
        open_questions,
        runs_of,
        suggested_for,
        uses_of,
    )
    from tocsin.incidents.playbooks.shipped import shipped_playbooks, shipped_sentences
    from tocsin.incidents.playbooks.write import task_ended
else:
    lazy_face(__name__)
