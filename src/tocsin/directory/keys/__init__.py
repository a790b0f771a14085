"""Keys of teams: read from what they send, judged, kept as assertions. What keeps them is loaded when asked for."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.keys.files import key_facts, read_key_file
    from tocsin.directory.keys.model import (
        KeyFacts,
        KeyFormat,
        KeySpan,
        KeyState,
        KeyVerdict,
        TeamKey,
        ends,
        expiring_keys,
        judge,
        judge_for,
        serves,
    )
    from tocsin.directory.keys.openpgp import encrypting, library_error
    from tocsin.directory.keys.store import (
        KeyChange,
        KeyResult,
        KeySubmission,
        import_keys,
        keys_by_team,
        remove_key,
        team_keys,
    )
    from tocsin.directory.keys.tables import TeamKeyRow
else:
    lazy_face(__name__)
