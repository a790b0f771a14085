"""The demonstration: a fictional country, its teams, and a week of reports over networks that are really routed."""

from tocsin.operations.demo.country import Country, found_country
from tocsin.operations.demo.people import let_in
from tocsin.operations.demo.reports import write_mapping, write_reports
