"""The identifiers of events that this node knows."""

from functools import cache
from importlib.metadata import EntryPoint
from typing import Final

from tocsin.node.place import Place

_IDENTIFIER: Final = "classification.identifier"


@cache
def bundled_identifiers() -> frozenset[str]:
    """Those that the bundled table of report types gives."""
    # Loaded by its name, as `sources` does it: a module of a source is no face.
    table = EntryPoint("table", "tocsin.events.sources.shadowserver:table", "tocsin.sources").load()
    found = (report.constants.get(_IDENTIFIER) for report in table().reports.values())
    return frozenset(one for one in found if one)


def stored_identifiers(place: Place) -> frozenset[str]:
    """Those of all events of the table in a place."""
    from tocsin.events.store import EventStore

    store = EventStore(place)
    found = store.collect(store.scan().select(_IDENTIFIER).unique()).to_series()
    return frozenset(found.drop_nulls().to_list())
