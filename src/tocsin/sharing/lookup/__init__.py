"""Asking who must know: what is asked about, the answer with its reasons, and a guide that stays open for many."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face
from tocsin.sharing.lookup.explain import Explanation, Nobody, explain_subject, known_of
from tocsin.sharing.lookup.subject import Subject, read_subject, values_of

if TYPE_CHECKING:  # it needs the records, whose import takes longer than an answer
    from tocsin.sharing.lookup.responsibility import ResponsibilityLookup
else:
    lazy_face(__name__)
