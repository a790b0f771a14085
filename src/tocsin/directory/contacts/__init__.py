"""Contacts: which mailboxes exist, are read by persons, and answer; and the questions by which that is found out."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.contacts.confirm import (
        HOLDER,
        KIND,
        NOTE_LENGTH,
        ConfirmationOutcome,
        open_question,
        question_language,
        question_of_letter,
        settle_question,
    )
    from tocsin.directory.contacts.plan import ANSWER_WITHIN, Ask, Pace, Round, plan_asks, plan_reminders
    from tocsin.directory.contacts.queries import Contact, confirmed_values, contact_states, last_fact
    from tocsin.directory.contacts.questions import (
        ContactQuestion,
        ContactReply,
        Letters,
        ask,
        networks_of,
        question_of,
        read_answers,
        read_rounds,
        remind,
    )
    from tocsin.directory.contacts.record import note_answer, note_bounce, note_delivered, note_verified, one_form
    from tocsin.directory.contacts.state import (
        SETTLED,
        ContactFact,
        ContactStanding,
        ContactState,
        Sign,
        Terms,
        state_of,
    )
    from tocsin.directory.contacts.tables import VerificationRow
    from tocsin.directory.contacts.verification import (
        PATH,
        VerificationRun,
        name_of,
        read_contacts,
        shown,
        terms_of,
        verify_all,
        verify_due,
        verify_team,
    )
else:
    lazy_face(__name__)
