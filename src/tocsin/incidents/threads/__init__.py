"""Threads: the correspondence of an incident with each of its parties, apart from that with the others.

docs/design/incident-mails.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.threads import acts
    from tocsin.incidents.threads.arriving import MOST_A_DAY, take_mail
    from tocsin.incidents.threads.letter_texts import filled
    from tocsin.incidents.threads.models import IncidentDraft, IncidentMail, IncidentThread
    from tocsin.incidents.threads.placing import BY_PROGRAMS
    from tocsin.incidents.threads.read import (
        AwaitedAnswer,
        PartyThread,
        awaited_answers,
        drafts_of,
        find_party_thread,
        find_thread_mail,
        kept_mails,
        letters_of_mails,
        mails_of,
        parts_of_mail,
        thread_of,
        threads_of,
        writing_now,
    )
    from tocsin.incidents.threads.release import withheld_letters
    from tocsin.incidents.threads.sending import (
        PartyMail,
        PartyPost,
        QuotedTextError,
        check_mail,
        open_post,
        send_to_party,
    )
    from tocsin.incidents.threads.states import MatchedBy, ThreadMailState, ThreadTurn
    from tocsin.incidents.threads.write import (
        add_past_mail,
        drop_draft,
        forget_mail,
        forget_party,
        incident_of_mails,
        open_thread,
        past_turn,
        save_draft,
    )
else:
    lazy_face(__name__)
