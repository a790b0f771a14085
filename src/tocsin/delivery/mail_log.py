"""The lines of the log about mails: which digest or letter, of which team, and what became of it; never to whom."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tocsin.delivery.render import RenderedDigest
from tocsin.node.letters import Letter
from tocsin.node.trace import id_in, is_logged, log_line

if TYPE_CHECKING:
    from tocsin.directory import Team

TracesOf = Callable[[], Mapping[int, str]]
"""Of each ingest that came by an upload its id."""

_MOST: Final = 20  # ingests and ids that a line names: the newest
_CODE: Final = re.compile(r"(?:^|: )([245]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?)")  # RFC 5321, 4.2; RFC 3463


def log_digest(digest: RenderedDigest, row: Mapping[str, object], team: "Team", way: str, traces_of: TracesOf) -> None:
    """What became of a digest; ``row``: how its row changes."""
    if not is_logged():
        return
    owed, ingests = digest.owed, sorted(digest.owed.ingests)[-_MOST:]
    traces = traces_of()
    log_line(
        "mail", of=[*dict.fromkeys(traces[one] for one in ingests if one in traces)], reference=owed.reference,
        message_id=owed.message_id, team=team.uuid, way=way, state=row["state"], attempts=row.get("attempts"),
        mails=row.get("mails_sent"), bytes=row.get("size"), ingests=ingests,
        refused=digest.refusal.rule if digest.refusal is not None else _code(str(row.get("error", ""))),
    )  # fmt: skip


def log_letter(letter: Letter, teams: Mapping[int, "Team"]) -> None:
    """What became of a letter. Its id is that of what asked for it."""
    team = teams.get(letter.team_id or 0)
    log_line(
        "mail", id=id_in(letter.message_id), reference=letter.reference, message_id=letter.message_id, kind=letter.kind,
        team=team.uuid if team is not None else None, way=letter.channel, state=letter.state,
        attempts=letter.attempts, refused=_code(letter.error),
    )  # fmt: skip


def _code(said: str) -> str:
    """The codes of a mail server in what it said; its words may name somebody."""
    return ",".join(dict.fromkeys(_CODE.findall(said)))
