"""Whether a run may begin: not while a person has stopped sending, and not with far more mails than usual."""

from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from tocsin.delivery import halt
from tocsin.delivery.outbox import due_teams, open_deliveries
from tocsin.delivery.sender import MailSender, due_letters
from tocsin.delivery.sending_policy import leaves, most_mails
from tocsin.delivery.sent_log import DAY, former_days, mails_between
from tocsin.directory import Team
from tocsin.node.sentences import join_sentences, say

_LOOK = say("Look at what is due with 'tocsin deliveries due'; 'tocsin deliveries release --over-limit' sends it.")


def stopped(session: Session) -> str:
    """Why a person stopped all sending, or nothing."""
    found = halt.halted(session, halt.STOP)
    if found is None:
        return ""
    return join_sentences(" ", (halt.words(found), say("'tocsin resume' resumes sending.")))


def braked(session: Session, post: MailSender, teams: Mapping[int, Team], known: Collection[int]) -> str:
    """Why the brake holds, or nothing; it pulls here, in the caller's transaction.

    ``teams``: those that can be told. ``known``: those of them whose mails do not wait for a person.
    """
    tell, now = post.node.settings.tell, post.now
    if not tell.brake_mails or not leaves(post.way):
        return ""
    due = sum(team in teams and team in known for team in due_teams(session, now))
    due += sum(one.team_id in teams for one in open_deliveries(session, now)) + len(due_letters(session, now))
    mails = due + mails_between(session, way=post.way, after=now - DAY, until=now)
    if halt.halted(session, halt.BRAKE) is None:
        if not due or mails <= tell.brake_mails:
            return ""
        most = most_mails(tell, former_days(session, way=post.way, now=now)) + halt.passes(session, now)
        if mails <= most:
            return ""
    else:
        most = most_mails(tell, former_days(session, way=post.way, now=now))
    return join_sentences(" ", (halt.words(halt.pull_brake(session, mails=mails, most=most, now=now)), _LOOK))
