"""A look at what to call out, in a process of its own that may be killed, at a time that a test sets."""

from datetime import datetime
from pathlib import Path


def look(home: str, at: str) -> None:
    """Call whom the rules of a node say, at a moment."""
    from tocsin.pipeline.call_outs import look_for_call_outs
    from tocsin.pipeline.stores import open_node

    look_for_call_outs(open_node(Path(home)), datetime.fromisoformat(at))
