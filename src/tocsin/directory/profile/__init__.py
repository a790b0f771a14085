"""RFC 2350 profiles: what a team says of itself in the form that the field reads, written and read back."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.profile.compose import profile_entries
    from tocsin.directory.profile.issue import current_profile, issue_profile
    from tocsin.directory.profile.model import ProfileItem, PublicKey, TeamProfile, lines_of
    from tocsin.directory.profile.outline import OUTLINE
    from tocsin.directory.profile.page import parts_of, profile_html, profile_markdown, profile_pdf
    from tocsin.directory.profile.parse import ParsedProfile, read_profile_file
    from tocsin.directory.profile.signing import sign_beside, sign_text, signers
    from tocsin.directory.profile.text import profile_text
    from tocsin.directory.profile.write import write_profile
else:
    lazy_face(__name__)
