"""What the pages say of a status and of a verification, of what is wrong and of what was recorded, by its name."""

from typing import Final

from tocsin.server.pages.words import N_

SAYINGS: Final = {
    "verdicts.acknowledged": N_("In progress"),
    "verdicts.fixed": N_("Fixed"),
    "verdicts.false": N_("False positive"),
    "verdicts.accepted": N_("Risk accepted"),
    "verdicts.not_ours": N_("Not ours"),
    "verdicts.withdrawn": N_("Undone"),
    "hints.acknowledged": N_("You know of it and work on it. Reminders go on until it is fixed."),
    "hints.fixed": N_("You fixed it. Reminders stop; the next report shows whether it is gone."),
    "hints.false": N_("You looked, and the report is wrong. Write in the note what you saw. Reminders stop."),
    "hints.accepted": N_("It is there on purpose, or cannot be fixed now. Reminders stop for the time you choose."),
    "hints.not_ours": N_("It is not in your networks. Write in the note whose it is, if you know. Reminders stop."),
    "next.acknowledged": N_("We remind you as long as it is seen."),
    "next.fixed": N_(
        "We stop reminding you. If a later report shows one of them, we notify you and this page says so."
    ),
    "next.false": N_("We stop reminding you and check it. If a later report shows one of them, this page says so."),
    "next.accepted": N_("We do not remind you before %(until)s."),
    "next.not_ours": N_("We stop reminding you, look for the right contact and correct our directory."),
    "history.page": N_("on this page"),
    "history.mail": N_("by mail"),
    "history.analyst": N_("recorded by us"),
    "gone.title": N_("This link does not lead anywhere"),
    "gone.text": N_("It is not complete, or too old. Open it again from the mail, whole; or answer that mail."),
    "failed.title": N_("This page cannot be shown at the moment"),
    "failed.text": N_("Nothing was recorded. Try again in a few minutes, or answer the mail."),
    "refused.title": N_("Nothing was recorded"),
    "refused.text": N_(
        "The form must be sent from its own page, and not be larger than it allows. Open the link from the mail again."
    ),
    "verify_wrong.none_ticked": N_("Select the networks that are not yours, or choose another button."),
    "verify_wrong.ticked": N_(
        "You selected networks that are not yours. Choose “Yes, but not for the selected”, or clear the selection."
    ),
    "verify_wrong.stale": N_("This page was open for too long. Choose again."),
    "verify_wrong.unknown": N_("Choose one of the buttons."),
    "verified.ours": N_("Recorded: %(address)s is the email address of %(teams)s."),
    "verified.wrong": N_(
        "Recorded: %(address)s is not the email address of %(teams)s. We no longer write to you for them."
    ),
}
"""English texts, translated where they are shown."""
