"""The directory: teams, how they want to be told, and which part of the network each answers for.

Teams and rules are plain frozen data. What reads and writes the records is loaded when first asked for, so that
deciding with directory data needs no database.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory import act_requests, acts, canonical
    from tocsin.directory.act_requests import TeamFactSaid
    from tocsin.directory.archive import archived_numbers
    from tocsin.directory.canonical import key
    from tocsin.directory.conflicts import (
        STATES,
        Conflict,
        ConflictState,
        ContestedAssertion,
        read_conflict,
        read_conflicts,
    )
    from tocsin.directory.contacts.record import note_answer, note_bounce, note_delivered, note_verified
    from tocsin.directory.decisions import (
        DecisionRecord,
        ValueDecision,
        decide_conflict,
        read_ground,
        same_and_wider,
        undecide,
    )
    from tocsin.directory.difference_text import ChangeLine
    from tocsin.directory.effective import NAMED_ROLES, merged_teams
    from tocsin.directory.fact_schema import lines, paragraphs, phone, url
    from tocsin.directory.facts import (
        AttestationKind,
        Authority,
        ChannelKind,
        ContactPurpose,
        Fact,
        FactKind,
        ProfileTopic,
        shown_fact,
    )
    from tocsin.directory.files import ImportFile
    from tocsin.directory.help_lines import (
        HELP_LINE_KINDS,
        HelpLine,
        confirm_lines,
        help_line_values,
        lacks_help,
        lines_for,
        read_help_lines,
    )
    from tocsin.directory.history import HistoryEntry, networks_inside, read_history, read_team_history, said_later
    from tocsin.directory.hours import DAYS, in_hours, next_opening, read_hours
    from tocsin.directory.importing import ImportResult, import_directory, import_entries
    from tocsin.directory.merges import (
        MergeCandidate,
        TeamMerge,
        keep_apart,
        merge_teams,
        read_candidates,
        read_merges,
        unmerge_team,
    )
    from tocsin.directory.model import (
        MUTE_KINDS,
        OFFICIAL_KINDS,
        AttachmentFormat,
        DigestInterval,
        Directory,
        DirectoryRule,
        Mute,
        MuteKind,
        ResponsibilityRole,
        RuleKind,
        Team,
        TeamKind,
    )
    from tocsin.directory.mutes import mute, unmute
    from tocsin.directory.new_team import enter_team, key_from
    from tocsin.directory.person_facts import PersonFact, say_of_team
    from tocsin.directory.person_statements import (
        AssertionResult,
        PersonStatement,
        add_assertion,
        add_denial,
        withdraw_statement,
    )
    from tocsin.directory.precedence import BY_TEAM, strength
    from tocsin.directory.public import CSIRTS, PublicTeam, public_profile, public_version, read_public_teams
    from tocsin.directory.purposes import counts_as_abuse, counts_as_security, purpose_of
    from tocsin.directory.queries import (
        GivenUp,
        find_team,
        given_up,
        list_teams,
        names_by_key,
        read_assertions_on,
        read_directory,
        read_overruled,
        read_team,
        team_keys,
        team_kinds,
        team_names,
        team_numbers,
        teams_by_id,
        teams_called,
        teams_without_mailbox,
    )
    from tocsin.directory.search import (
        MOST_COUNTED,
        FoundTeam,
        TeamSearch,
        count_teams,
        search_teams,
        teams_of_mailbox,
        teams_with_words,
    )
    from tocsin.directory.services import FRAMEWORK, service_name
    from tocsin.directory.tables import DecisionRow, TeamRow
    from tocsin.directory.team_record import TeamRecord, read_about
    from tocsin.directory.trust import SOON, TrustVerdict, attested, judge_trust, weigh
    from tocsin.directory.version import DIRECTORY_VERSION, directory_version, version_within
else:
    lazy_face(__name__)
