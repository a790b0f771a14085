"""Drafting: a text agreed by many, every position on record.

Read a compilation or a Word file, keep its history, see where it stands, make the next draft. Names are loaded when
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.drafting.agreement import Standing, alternatives, identical_wording, stakeholders, tally
    from tocsin.drafting.bundle import Merged, merged, read_bundle, write_bundle
    from tocsin.drafting.draft import Draft
    from tocsin.drafting.history import Signer, Step, extended, replayed, verify
    from tocsin.drafting.jsonform import agreement_document, draft_document, import_document, provision_document
    from tocsin.drafting.model import Comment, Entry, EntryClass, Position, PositionKind, Provision, Text
    from tocsin.drafting.overlap import overlaps
    from tocsin.drafting.plaintext import read_compilation
    from tocsin.drafting.reading import read_text
    from tocsin.drafting.rebasing import outdated, rebased
    from tocsin.drafting.store import add_copy, add_text, append, load, source_of, stored_texts, take_in
    from tocsin.drafting.stored import Stored

__all__ = [
    "Comment",
    "Draft",
    "Entry",
    "EntryClass",
    "Merged",
    "Position",
    "PositionKind",
    "Provision",
    "Signer",
    "Standing",
    "Step",
    "Stored",
    "Text",
    "add_copy",
    "add_text",
    "agreement_document",
    "alternatives",
    "append",
    "draft_document",
    "extended",
    "identical_wording",
    "import_document",
    "load",
    "merged",
    "outdated",
    "overlaps",
    "provision_document",
    "read_bundle",
    "read_compilation",
    "read_text",
    "rebased",
    "replayed",
    "source_of",
    "stakeholders",
    "stored_texts",
    "take_in",
    "tally",
    "verify",
    "write_bundle",
]

_HOMES = {
    "agreement": ("Standing", "alternatives", "identical_wording", "stakeholders", "tally"),
    "bundle": ("Merged", "merged", "read_bundle", "write_bundle"),
    "draft": ("Draft",),
    "history": ("Signer", "Step", "extended", "replayed", "verify"),
    "jsonform": ("agreement_document", "draft_document", "import_document", "provision_document"),
    "model": ("Comment", "Entry", "EntryClass", "Position", "PositionKind", "Provision", "Text"),
    "overlap": ("overlaps",),
    "plaintext": ("read_compilation",),
    "reading": ("read_text",),
    "rebasing": ("outdated", "rebased"),
    "store": ("add_copy", "add_text", "append", "load", "source_of", "stored_texts", "take_in"),
    "stored": ("Stored",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(name)
