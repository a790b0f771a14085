"""What an incident holds is moved with it, of every part."""

from tocsin.incidents.contents import CONTENT
from tocsin.incidents.models import Incident, IncidentReport, InCompartment
from tocsin.operations.backup import known_tables


def test_every_table_of_content_moves_to_another_compartment() -> None:
    assert known_tables()  # all models are loaded
    assert set(InCompartment.__subclasses__()) - {Incident, IncidentReport} == set(CONTENT)
