"""What the pages of answers and confirmations say of a verdict, of what is wrong and of what was noted, by its name."""

from typing import Final

from tocsin.server.pages.form_version import CHANGED
from tocsin.server.pages.words import N_

SAYINGS: Final = {
    "verdicts.acknowledged": N_("We work on it"),
    "verdicts.fixed": N_("Fixed"),
    "verdicts.false": N_("Not there"),
    "verdicts.accepted": N_("It stays"),
    "verdicts.not_ours": N_("Not ours"),
    "hints.acknowledged": N_("We have read this. Reminders go on until it is fixed."),
    "hints.fixed": N_("We have mended it. The next report shows whether it is gone."),
    "hints.false": N_("We looked, and the report is wrong. Say in the note what you saw."),
    "hints.accepted": N_("It is there on purpose, or cannot be mended now. We do not remind you for the time below."),
    "hints.not_ours": N_("Somebody else must know. Say in the note who, if you know."),
    "wrong.no_verdict": N_("Choose what is so."),
    "wrong.no_problem": N_("Tick at least one problem, or answer for all."),
    "wrong.stale": N_("The page was open for too long. What you typed is still here: please send it again."),
    "wrong.meanwhile": CHANGED,
    "wrong.problem": N_(
        "The note is too long, or names a problem that this mail did not tell. Nothing was lost: please check it."
    ),
    "next.acknowledged": N_("We remind you as long as the problem is seen."),
    "next.fixed": N_("When the next reports come we compare. If it is seen again, we tell you and show it here."),
    "next.false": N_("A person here looks at it. If it is seen again, this page says so."),
    "next.accepted": N_("The problem stays on our list."),
    "next.not_ours": N_("A person here looks for who must know, and corrects our directory."),
    "history.page": N_("on this page"),
    "history.mail": N_("by mail"),
    "history.analyst": N_("told to us"),
    "gone.title": N_("This link does not lead anywhere"),
    "gone.text": N_("It is not complete, or too old. Open it again from the mail, whole; or answer that mail."),
    "failed.title": N_("This page cannot be shown at the moment"),
    "failed.text": N_("Nothing was recorded. Try again in a few minutes, or answer the mail."),
    "refused.title": N_("Nothing was recorded"),
    "refused.text": N_(
        "The form must be sent from its own page, and not be larger than it allows. Open the link from the mail again."
    ),
    "verify_wrong.none_ticked": N_("Tick the networks that are not yours, or choose another button."),
    "verify_wrong.ticked": N_(
        "You ticked networks as not yours. Choose “Yes, but not for what is ticked”, or remove the ticks."
    ),
    "verify_wrong.stale": N_("This page was open for too long. Choose again."),
    "verify_wrong.unknown": N_("Choose one of the buttons."),
    "verified.ours": N_("Recorded: %(mailbox)s is the mailbox of %(teams)s."),
    "verified.wrong": N_("Recorded: %(mailbox)s is not the mailbox of %(teams)s. We no longer write to you for them."),
}
"""English texts, translated where they are shown."""
