"""A call of a command of the main job: it also opens the node with its stores."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tocsin.interface import Invocation

if TYPE_CHECKING:
    from tocsin.pipeline.stores import NodeWithStores


class NodeInvocation(Invocation):
    """The global options of one call, and the node."""

    @cached_property
    def node(self) -> "NodeWithStores":
        """The node with its stores of events and problems."""
        from tocsin.pipeline.stores import with_stores

        return with_stores(self.home, self.settings, self.database)

    def own_facts(self, query: str, *, unit: str, at: datetime) -> list[dict[str, str]]:
        """What the records of the node say for a query of an assessment; see `node_facts`."""
        from tocsin.operations.indicator_facts import node_facts

        return node_facts(self.node, query, unit=unit, at=at, now=self.now)
