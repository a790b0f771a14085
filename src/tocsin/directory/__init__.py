"""The directory: teams, how they want to be told, and which part of the network each answers for.

Teams and rules are plain frozen data. What reads and writes the records is loaded when first asked for, so that
deciding with directory data needs no database.
"""

import importlib
from typing import TYPE_CHECKING

from tocsin.directory.model import (
    Directory,
    Format,
    Interval,
    Mute,
    MuteKind,
    Role,
    Rule,
    RuleKind,
    Team,
    TeamKind,
)

if TYPE_CHECKING:
    from tocsin.directory.about import About, read_about
    from tocsin.directory.attest import SOON, TrustVerdict, attested, judge_trust, weigh
    from tocsin.directory.conflicts import (
        STATES,
        Conflict,
        ConflictState,
        ContestedClaim,
        read_conflict,
        read_conflicts,
    )
    from tocsin.directory.contacts import contact_states, note_answer, note_bounce, note_delivered, note_verified
    from tocsin.directory.decisions import Recorded, Verdict, decide_conflict, read_ground, same_and_wider, undecide
    from tocsin.directory.difference_words import Line
    from tocsin.directory.entries import Refused
    from tocsin.directory.facts import Attested, Fact, FactKind, Purpose, shown_fact
    from tocsin.directory.history import Entry, networks_inside, read_history, read_team_history, said_later
    from tocsin.directory.hours import in_hours
    from tocsin.directory.importing import Imported, import_directory, import_entries
    from tocsin.directory.merging import (
        Candidate,
        Merge,
        keep_apart,
        merge_teams,
        read_candidates,
        read_merges,
        unmerge_team,
    )
    from tocsin.directory.muting import mute, unmute
    from tocsin.directory.new_team import enter_team
    from tocsin.directory.person_word import Word, say_of_team
    from tocsin.directory.precedence import strength
    from tocsin.directory.purposes import counts_as_abuse, counts_as_security, purpose_of
    from tocsin.directory.reading import (
        directory_version,
        list_teams,
        read_claims_on,
        read_directory,
        read_overruled,
        read_team,
        team_names,
        team_numbers,
        teams_by_id,
        teams_called,
    )
    from tocsin.directory.search import MOST_COUNTED, FoundTeam, TeamSearch, count_teams, search_teams
    from tocsin.directory.standing import merged_teams
    from tocsin.directory.statements import Spoken, Statement, assert_claim, deny_claim, read_line, withdraw_word

__all__ = [
    "MOST_COUNTED",
    "SOON",
    "STATES",
    "About",
    "Attested",
    "Candidate",
    "Conflict",
    "ConflictState",
    "ContestedClaim",
    "Directory",
    "Entry",
    "Fact",
    "FactKind",
    "Format",
    "FoundTeam",
    "Imported",
    "Interval",
    "Line",
    "Merge",
    "Mute",
    "MuteKind",
    "Purpose",
    "Recorded",
    "Refused",
    "Role",
    "Rule",
    "RuleKind",
    "Spoken",
    "Statement",
    "Team",
    "TeamKind",
    "TeamSearch",
    "TrustVerdict",
    "Verdict",
    "Word",
    "assert_claim",
    "attested",
    "contact_states",
    "count_teams",
    "counts_as_abuse",
    "counts_as_security",
    "decide_conflict",
    "deny_claim",
    "directory_version",
    "enter_team",
    "import_directory",
    "import_entries",
    "in_hours",
    "judge_trust",
    "keep_apart",
    "list_teams",
    "merge_teams",
    "merged_teams",
    "mute",
    "networks_inside",
    "note_answer",
    "note_bounce",
    "note_delivered",
    "note_verified",
    "purpose_of",
    "read_about",
    "read_candidates",
    "read_claims_on",
    "read_conflict",
    "read_conflicts",
    "read_directory",
    "read_ground",
    "read_history",
    "read_line",
    "read_merges",
    "read_overruled",
    "read_team",
    "read_team_history",
    "said_later",
    "same_and_wider",
    "say_of_team",
    "search_teams",
    "shown_fact",
    "strength",
    "team_names",
    "team_numbers",
    "teams_by_id",
    "teams_called",
    "undecide",
    "unmerge_team",
    "unmute",
    "weigh",
    "withdraw_word",
]

_LATER = {
    "About": "about",
    "Attested": "facts",
    "Candidate": "merging",
    "Conflict": "conflicts",
    "ConflictState": "conflicts",
    "ContestedClaim": "conflicts",
    "Entry": "history",
    "Fact": "facts",
    "FactKind": "facts",
    "FoundTeam": "search",
    "Imported": "importing",
    "Line": "difference_words",
    "MOST_COUNTED": "search",
    "Merge": "merging",
    "Purpose": "facts",
    "Recorded": "decisions",
    "Refused": "entries",
    "SOON": "attest",
    "STATES": "conflicts",
    "Spoken": "statements",
    "Statement": "statements",
    "TeamSearch": "search",
    "TrustVerdict": "attest",
    "Verdict": "decisions",
    "Word": "person_word",
    "assert_claim": "statements",
    "attested": "attest",
    "contact_states": "contacts",
    "count_teams": "search",
    "counts_as_abuse": "purposes",
    "counts_as_security": "purposes",
    "decide_conflict": "decisions",
    "deny_claim": "statements",
    "directory_version": "reading",
    "enter_team": "new_team",
    "import_directory": "importing",
    "import_entries": "importing",
    "in_hours": "hours",
    "judge_trust": "attest",
    "keep_apart": "merging",
    "list_teams": "reading",
    "merge_teams": "merging",
    "merged_teams": "standing",
    "mute": "muting",
    "networks_inside": "history",
    "note_answer": "contacts",
    "note_bounce": "contacts",
    "note_delivered": "contacts",
    "note_verified": "contacts",
    "purpose_of": "purposes",
    "read_about": "about",
    "read_candidates": "merging",
    "read_claims_on": "reading",
    "read_conflict": "conflicts",
    "read_conflicts": "conflicts",
    "read_directory": "reading",
    "read_ground": "decisions",
    "read_history": "history",
    "read_line": "statements",
    "read_merges": "merging",
    "read_overruled": "reading",
    "read_team": "reading",
    "read_team_history": "history",
    "said_later": "history",
    "same_and_wider": "decisions",
    "say_of_team": "person_word",
    "search_teams": "search",
    "shown_fact": "facts",
    "strength": "precedence",
    "team_names": "reading",
    "team_numbers": "reading",
    "teams_by_id": "reading",
    "teams_called": "reading",
    "undecide": "decisions",
    "unmerge_team": "merging",
    "unmute": "muting",
    "weigh": "attest",
    "withdraw_word": "statements",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
