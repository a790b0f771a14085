"""What must never be held: only a reference is noted, and the hotline is told the URL in a message that we cannot open.

Nothing of it is seen by any role but the protection officer's. docs/design/never-held.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
    from tocsin.delivery.never_held.references import Reference, keyed_hash, note_reference
else:
    lazy_face(__name__)
