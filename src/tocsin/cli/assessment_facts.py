"""Facts for measured indicators from this node's own records, in the columns that the queries take."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tocsin.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def node_facts(session: "Session", query: str) -> list[dict[str, str]]:
    """The facts of a query that this node's records hold. Raises UsageError where they hold none of the kind."""
    from tocsin.readiness.assessment.measures import find_query

    find_query(query)
    sources: Mapping[str, Callable[[Session], list[dict[str, str]]]] = {"time_to_tell": _hearing_to_telling}
    if query not in sources:
        raise UsageError(
            f"This node's records do not hold the facts of '{query}'.",
            hint=f"Give them as a CSV: --facts FILE. From the records: {', '.join(sources)}.",
        )
    return sources[query](session)


def _hearing_to_telling(session: "Session") -> list[dict[str, str]]:
    """heard, told: a row for each report and team that was to be told of it; told is empty while it was not.

    What the gate let nothing out of is left out: nobody was to be told of it.
    """
    from sqlalchemy import select

    from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, ItemState
    from tocsin.events.models import Ingest

    found = session.execute(
        select(Ingest.started_at, Delivery.sent_at, Delivery.state)
        .join(DeliveryItem, DeliveryItem.ingest == Ingest.number)
        .outerjoin(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.state != ItemState.PREPARED.value)
        .order_by(DeliveryItem.id)
    )
    return [
        {
            "heard": heard.isoformat(),
            "told": told.isoformat() if told is not None and state == DeliveryState.SENT.value else "",
        }
        for heard, told, state in found
        if state != DeliveryState.WITHHELD.value
    ]
