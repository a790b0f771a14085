"""RFC 2350 profiles: what a team says of itself in the form that the field reads, written and read back."""

import importlib
from typing import TYPE_CHECKING

from tocsin.directory.profile.model import Line, Profile, PublicKey, Scope, lines_of
from tocsin.directory.profile.outline import OUTLINE, Section

if TYPE_CHECKING:
    from tocsin.directory.profile.compose import profile_entries
    from tocsin.directory.profile.issue import Issued, current_profile, issue_profile
    from tocsin.directory.profile.others import Unread
    from tocsin.directory.profile.page import profile_html, profile_markdown, profile_pdf
    from tocsin.directory.profile.reading import Reading, read_profile, read_profile_file
    from tocsin.directory.profile.signing import sign_beside, sign_text, signers
    from tocsin.directory.profile.text import profile_text
    from tocsin.directory.profile.write import write_profile

__all__ = [
    "OUTLINE",
    "Issued",
    "Line",
    "Profile",
    "PublicKey",
    "Reading",
    "Scope",
    "Section",
    "Unread",
    "current_profile",
    "issue_profile",
    "lines_of",
    "profile_entries",
    "profile_html",
    "profile_markdown",
    "profile_pdf",
    "profile_text",
    "read_profile",
    "read_profile_file",
    "sign_beside",
    "sign_text",
    "signers",
    "write_profile",
]

_LATER = {
    "Issued": "issue",
    "Reading": "reading",
    "Unread": "others",
    "current_profile": "issue",
    "issue_profile": "issue",
    "profile_entries": "compose",
    "profile_html": "page",
    "profile_markdown": "page",
    "profile_pdf": "page",
    "profile_text": "text",
    "read_profile": "reading",
    "read_profile_file": "reading",
    "sign_beside": "signing",
    "sign_text": "signing",
    "signers": "signing",
    "write_profile": "write",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
