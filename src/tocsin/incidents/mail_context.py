"""The mailroom with who takes its mails: first the threads of incidents; the inbox what answers none of ours."""

from dataclasses import replace
from functools import partial

from tocsin.events import EventStore
from tocsin.incidents.arrivals import take_mail as take_into_inbox
from tocsin.incidents.threads import take_mail as take_into_thread
from tocsin.node.node import Node
from tocsin.problems.replies import MailContext, MailTaker, open_context


def mail_context(node: Node, store: EventStore, *takers: MailTaker) -> MailContext:
    """What the mails of a node are filed with. ``takers``: rooms above that are asked first."""
    context = open_context(node, store, *takers, take_into_thread)
    return replace(context, inbox=partial(take_into_inbox, context.tokens, node.settings.node.language))
