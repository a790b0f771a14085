"""Routing: who must know of an event, and through which rule."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.sharing.routing.current import current_router
    from tocsin.sharing.routing.decision import RoutedTeams, RoutingDecision, RuleMatch
    from tocsin.sharing.routing.router import Router
else:
    lazy_face(__name__)
