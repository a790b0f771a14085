"""Routing: who must know of an event, and through which rule."""

from tocsin.routing.current import current_router
from tocsin.routing.decision import Decision, Match
from tocsin.routing.router import Router

__all__ = ["Decision", "Match", "Router", "current_router"]
