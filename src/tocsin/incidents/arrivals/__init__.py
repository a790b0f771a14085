"""The inbox: what people outside report, with an owner, a state, and an answer under a reference.

Whoever reports needs no account and is not known unless he says who he is: no address, no browser and no cookie of his
is kept. He reads the answer with a secret that he is told once and of which only a hash is kept.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.arrivals import acts, help_text_acts
    from tocsin.incidents.arrivals.acts import InboxReport, may_own, person_of
    from tocsin.incidents.arrivals.files import MOST_BYTES, MOST_FILES, TYPES, ReportAttachment, attached
    from tocsin.incidents.arrivals.handling import (
        ReporterLetter,
        add_message,
        answer_report,
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
    from tocsin.incidents.arrivals.kinds import ReportKind, rsit_of
    from tocsin.incidents.arrivals.models import CloseReason, EntryKind, PublicFile, PublicReport, ReportState
    from tocsin.incidents.arrivals.queries import (
        NO_OWNER,
        ReportDetails,
        count_reports,
        counts_by_state,
        event_upload,
        find_report,
        list_reports,
        oldest_new,
        read_report,
        report_for,
    )
    from tocsin.incidents.arrivals.retention import (
        delete_closed,
        delete_files,
        erase_report,
        files_of,
        letters_of,
        others_with_files_of,
        purge_report,
    )
    from tocsin.incidents.arrivals.submission import ReportForm, file_report, same_report
    from tocsin.incidents.arrivals.tickets import Ticket, form_word, grouped, plain, ticket_of
else:
    lazy_face(__name__)
