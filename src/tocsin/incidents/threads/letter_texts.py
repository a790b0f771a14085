"""The text of a mail to a party from a template, filled from the incident.

A template has placeholders in braces. Those of `VALUES` are filled here; the others say what a person writes there.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from tocsin.incidents.models import Incident, IncidentObservable, Party
from tocsin.incidents.observables import defang

VALUES: Final = ("reference", "party", "observables", "deadline", "node", "contact", "feedback link")
"""What is filled in, where it is known."""

_PLACEHOLDER: Final = re.compile(r"\{([^{}\n]{1,100})\}")


def values_for(
    incident: Incident,
    party: Party,
    observables: Iterable[IncidentObservable],
    *,
    node: str,
    contact: str,
    feedback: str = "",
) -> dict[str, str]:
    """What the placeholders of `VALUES` stand for in a mail to a party; empty where it is not known.

    ``feedback``: the address by which the party says how it went.
    """
    return {
        "reference": incident.reference,
        "party": party.name,
        "observables": "\n".join(f"  {defang(one.value)}" for one in observables),
        "deadline": _day(incident.waiting_until),
        "node": node,
        "contact": contact,
        "feedback link": feedback,
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with what is known in its placeholders."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[0], text)


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
