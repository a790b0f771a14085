"""Telling: what is owed to whom, digests that people understand, and the channels they leave by."""

from tocsin.delivery.channels import Channel, Outcome, Receipt, open_channel, reach_smtp
from tocsin.delivery.deliver import EventsOf, Summary, deliver
from tocsin.delivery.journal import deliveries, delivery, failed_deliveries, retry
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.delivery.outbox import due_at, queue, release_items
from tocsin.delivery.released import Gate, through_the_gate
from tocsin.delivery.render import Annotate, GoneOf, Mail, Node
from tocsin.delivery.survey import DELIVERY, Gone, problem_words

__all__ = [
    "DELIVERY",
    "Annotate",
    "Channel",
    "Delivery",
    "DeliveryItem",
    "DeliveryState",
    "EventsOf",
    "Gate",
    "Gone",
    "GoneOf",
    "ItemState",
    "Mail",
    "Node",
    "Outcome",
    "Receipt",
    "Summary",
    "deliver",
    "deliveries",
    "delivery",
    "due_at",
    "failed_deliveries",
    "open_channel",
    "problem_words",
    "queue",
    "reach_smtp",
    "release_items",
    "retry",
    "through_the_gate",
]
