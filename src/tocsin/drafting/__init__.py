"""Drafting: a text agreed by many, every position on record.

Read a compilation or a Word file, keep its history, see where it stands, make the next draft. Names are loaded when
first used.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.drafting.agreement import ProvisionAgreement, alternatives, identical_wording, stakeholders, tally
    from tocsin.drafting.bundle import MergePreview, merged, read_bundle, write_bundle
    from tocsin.drafting.draft import TextState
    from tocsin.drafting.history import HistoryStep, Signer, extended, replayed, verify
    from tocsin.drafting.jsonform import agreement_document, draft_document, import_document, provision_document
    from tocsin.drafting.model import (
        Comment,
        EntryClass,
        NegotiatedText,
        Position,
        PositionKind,
        Provision,
        StakeholderEntry,
    )
    from tocsin.drafting.overlap import overlaps
    from tocsin.drafting.parse import read_text
    from tocsin.drafting.plaintext import read_compilation
    from tocsin.drafting.rebasing import outdated, rebased
    from tocsin.drafting.store import add_copy, add_text, append, load, source_of, stored_texts, take_in
    from tocsin.drafting.stored_text import StoredText
else:
    lazy_face(__name__)
