"""All that a person does with incidents; what comes in is in `tocsin.incidents.arrivals.acts`."""

from typing import Final

from tocsin.incidents import access_acts, course_acts, part_acts
from tocsin.incidents.clocks import acts as clock_acts
from tocsin.incidents.closing import acts as closing_acts
from tocsin.incidents.evidence import acts as evidence_acts
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.incidents.populations import acts as population_acts
from tocsin.incidents.sightings import acts as sighting_acts

ACTS: Final = (
    *course_acts.ACTS,
    *part_acts.ACTS,
    *access_acts.ACTS,
    *sighting_acts.ACTS,
    *population_acts.ACTS,
    *clock_acts.ACTS,
    *evidence_acts.ACTS,
    *playbook_acts.INCIDENT_ACTS,
    *closing_acts.ACTS,
)
"""The acts, each with its command, route and page."""
