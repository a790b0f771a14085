"""Routing: who must know of an event, and through which rule."""

from tocsin.sharing.routing.current import current_router
from tocsin.sharing.routing.decision import RoutingDecision, RuleMatch
from tocsin.sharing.routing.router import Router
