"""The demonstration: a fictional country, its teams, and a week of reports over networks that are really routed."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.operations.demo.assets import keep_register
    from tocsin.operations.demo.country import CODE, EMERGENCY_NUMBER, HELP_LINES, NAME, Country, found_country
    from tocsin.operations.demo.demonstration import STEPS, Demonstration
    from tocsin.operations.demo.incidents import answer_in_incidents, open_incidents
    from tocsin.operations.demo.overview import Overview, overview
    from tocsin.operations.demo.partners import ABROAD, add_partners
    from tocsin.operations.demo.people import let_in
    from tocsin.operations.demo.reports import write_earlier, write_mapping, write_reports
else:
    lazy_face(__name__)
