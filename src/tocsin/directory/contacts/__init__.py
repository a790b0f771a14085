"""Contacts: which mailboxes exist, are read by persons, and answer; and the questions by which that is found out."""

from tocsin.directory.contacts.asking import (
    SHOWN,
    Letters,
    Question,
    ask,
    networks_of,
    question_of,
    read_rounds,
    remind,
)
from tocsin.directory.contacts.confirm import (
    KIND,
    NOTE_LENGTH,
    Outcome,
    open_question,
    question_of_letter,
    settle_question,
    team_names,
)
from tocsin.directory.contacts.listing import Contact, contact_states
from tocsin.directory.contacts.plan import ANSWER_WITHIN, Ask, Pace, Plan, Reminder, Round, plan_asks, plan_reminders
from tocsin.directory.contacts.record import note_answer, note_bounce, note_delivered, note_verified, one_form
from tocsin.directory.contacts.state import ContactFact, ContactState, Sign, Stand, Terms, state_of

__all__ = [
    "ANSWER_WITHIN",
    "KIND",
    "NOTE_LENGTH",
    "SHOWN",
    "Ask",
    "Contact",
    "ContactFact",
    "ContactState",
    "Letters",
    "Outcome",
    "Pace",
    "Plan",
    "Question",
    "Reminder",
    "Round",
    "Sign",
    "Stand",
    "Terms",
    "ask",
    "contact_states",
    "networks_of",
    "note_answer",
    "note_bounce",
    "note_delivered",
    "note_verified",
    "one_form",
    "open_question",
    "plan_asks",
    "plan_reminders",
    "question_of",
    "question_of_letter",
    "read_rounds",
    "remind",
    "settle_question",
    "state_of",
    "team_names",
]
