"""The very mails of a digest or a letter as they would leave now, for a person to look at before they do."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tocsin.delivery.held_mails import find_mail
from tocsin.delivery.models import Delivery
from tocsin.delivery.outbox import EventsOf, bundles, owed_by
from tocsin.delivery.render import Facts, Mail, Sender, render
from tocsin.delivery.sender import letter_mail
from tocsin.directory import Team
from tocsin.node.errors import ConflictError
from tocsin.node.letters import Letter
from tocsin.node.records import Database
from tocsin.node.sentences import say


def preview(
    database: Database, reference: str, *, teams: Mapping[int, Team], events_of: EventsOf, facts: Facts, node: Sender
) -> tuple[Mail, ...]:
    """The mails behind a reference, rendered as `deliver` does, without sending anything.

    Raises:
        NotFoundError: there is no such digest or letter.
        ConflictError: nothing of it may or can leave; says why.

    """
    with database.begin() as session:
        found = find_mail(session, reference)
        owed = owed_by(session, Delivery.id == found.id) if isinstance(found, Delivery) else []
    if isinstance(found, Letter):
        return (letter_mail(found, node),)
    if found.team_id not in teams:
        raise ConflictError(say("The team of %(reference)s is no longer in the directory.", reference=found.reference))
    with ThreadPoolExecutor(1) as executor:
        for bundle in bundles(owed, teams, events_of):
            for digest in render(bundle, teams, facts, node, executor):
                if digest.refusal is not None:
                    raise ConflictError(
                        say(
                            "Nothing of %(reference)s can be sent: %(words)s",
                            reference=found.reference,
                            words=digest.refusal.words,
                        )
                    )
                return digest.mails
    return ()
