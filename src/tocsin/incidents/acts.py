"""All that a person does with incidents; what comes in is in `tocsin.incidents.arrivals.acts`."""

from typing import Final

from tocsin.incidents import access_acts, course_acts, part_acts
from tocsin.incidents.populations import acts as population_acts
from tocsin.incidents.sightings import acts as sighting_acts

ACTS: Final = (
    *course_acts.ACTS, *part_acts.ACTS, *access_acts.ACTS, *sighting_acts.ACTS, *population_acts.ACTS,
)  # fmt: skip
"""The acts, each with its command, route and page."""
