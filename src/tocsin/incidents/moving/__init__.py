"""Moving in: incidents of the tool that was used before, from its export or from a copy of the shared mailbox.

docs/moving-in.md says how. Nothing here sends anything.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.moving.importing import ImportCounts, Importer, ImportOptions
    from tocsin.incidents.moving.mails import import_mails
    from tocsin.incidents.moving.tickets import read_tickets
else:
    lazy_face(__name__)
