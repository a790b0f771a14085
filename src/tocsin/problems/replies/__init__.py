"""Mails that come in and what follows from them: answers noted, bounces marked, everything else kept with a reason.

Nothing here sends a mail: two programs can never answer one another without end.
"""

from tocsin.problems.replies.decide import DigestRef, ReplyDecision
from tocsin.problems.replies.desk import MailContext, open_desk
from tocsin.problems.replies.filing import FilingResult, file_mail
from tocsin.problems.replies.journal import (
    answers_of_mail,
    bounce_words,
    bounces_of_mail,
    came_in,
    find_mail,
    received,
)
from tocsin.problems.replies.mailbox import MailboxRun, read_mailbox
from tocsin.problems.replies.matching import MailMatch
from tocsin.problems.replies.reclassify import reclassify
from tocsin.problems.replies.redaction import redacted_mail
