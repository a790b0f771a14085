"""Mails that come in and what follows from them: answers noted, bounces marked, everything else kept with a reason.

Nothing here sends a mail: two programs can never answer one another without end.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.problems.replies.filing import FilingResult, MailboxRun, file_mail, read_mailbox
    from tocsin.problems.replies.matching import (
        MailArrival,
        MailContext,
        MailTaker,
        TakenMail,
        open_context,
        same_team,
        signer_of,
    )
    from tocsin.problems.replies.purge import purge_mail
    from tocsin.problems.replies.queries import (
        answers_of_mail,
        bounce_words,
        bounces_of_mail,
        find_mail,
        list_received,
        mails_about,
    )
    from tocsin.problems.replies.reclassify import reclassify
else:
    lazy_face(__name__)
