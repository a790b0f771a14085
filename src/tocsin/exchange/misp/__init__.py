"""MISP as partners' programs speak it: what they read of this node through the gate, and what they write for it."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.misp.answering import answer_call
    from tocsin.exchange.misp.calls import MispAnswer, MispCall, failure
    from tocsin.exchange.misp.incident_events import EventRecipient, event_recipient, incident_package
else:
    lazy_face(__name__)
