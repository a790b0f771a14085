"""The audit log: who did what, and whether it is as it was sealed."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.audit.words import SAYINGS
else:
    lazy_face(__name__)
