"""Asking who must know: what is asked about, the answer with its reasons, and a guide that stays open for many."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.sharing.lookup.bulk import decide_each, open_router, who_of_each
    from tocsin.sharing.lookup.explain import Explanation, explain_subject, known_of
    from tocsin.sharing.lookup.resolve import FoundReference, ReferenceKind, resolve, resolve_subject
    from tocsin.sharing.lookup.responsibility import ResponsibilityLookup
    from tocsin.sharing.lookup.subject import Subject, read_subject, refanged, values_of
else:
    lazy_face(__name__)
