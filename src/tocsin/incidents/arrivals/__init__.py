"""The inbox: all that comes in by any door, each report with an owner, a state, and where it went from here.

Whoever reports by the public form needs no account and is not known unless he says who he is: no address, no browser
and no cookie of his is kept. He reads the answer with a secret that he is told once and of which only a hash is kept.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.arrivals import acts, basis_acts, help_text_acts, triage_acts
    from tocsin.incidents.arrivals.acts import InboxReport, InboxState, may_own, person_of, reader_of
    from tocsin.incidents.arrivals.basis import HINT, check_release, refusal, releases_of, settle_events, unreleased
    from tocsin.incidents.arrivals.files import (
        MOST_BYTES,
        MOST_FILES,
        MOST_LETTERS,
        TYPES,
        ReportAttachment,
        attached,
        kept_file,
    )
    from tocsin.incidents.arrivals.handling import (
        ReporterLetter,
        answer_report,
        close_report,
        enter,
        give_back,
        note_event,
        note_on_report,
        set_state,
        take_report,
    )
    from tocsin.incidents.arrivals.help_text_acts import text_folders
    from tocsin.incidents.arrivals.help_texts import (
        HelpText,
        HelpTextState,
        adopt_help,
        help_text,
        help_text_states,
        help_texts_in_files,
    )
    from tocsin.incidents.arrivals.kinds import KINDS, TEAM_KINDS, ReportKind, guess_kind, rsit_of
    from tocsin.incidents.arrivals.mails import attachments_of, take_mail
    from tocsin.incidents.arrivals.models import (
        BASES,
        DOORS,
        ENDED,
        GROUNDS,
        REASONS,
        SCOPES,
        STATES,
        WITHOUT_ANSWER,
        CloseReason,
        EntryKind,
        Notice,
        PublicFile,
        PublicReport,
        ReleaseGround,
        ReleaseScope,
        ReportBasis,
        ReportDoor,
        ReportMail,
        ReportObservable,
        ReportRelease,
        ReportState,
    )
    from tocsin.incidents.arrivals.queries import (
        NO_OWNER,
        ReportDetails,
        ReportFilter,
        count_reports,
        counts_by_state,
        event_upload,
        find_report,
        hidden_mails,
        list_reports,
        mails_of,
        matching_reports,
        new_reports,
        read_report,
        report_for,
        ring_backs,
    )
    from tocsin.incidents.arrivals.read import (
        CandidateIncident,
        ReportHints,
        all_reports_in,
        hints_of,
        incidents_with,
        reports_in,
        texts_of,
    )
    from tocsin.incidents.arrivals.retention import (
        delete_closed,
        delete_files,
        erase_report,
        files_of,
        forget_mail,
        letters_of,
        others_with_files_of,
        purge_report,
    )
    from tocsin.incidents.arrivals.submission import ReportForm, add_report, file_report, report_of_act, same_report
    from tocsin.incidents.arrivals.tickets import Ticket, form_word, grouped, plain, ticket_named, ticket_of
    from tocsin.incidents.arrivals.write import (
        add_message,
        end_our_answer,
        incidents_of,
        note_in_incidents,
        notice_of,
        party_of,
        put_into,
        take_out,
    )
else:
    lazy_face(__name__)
