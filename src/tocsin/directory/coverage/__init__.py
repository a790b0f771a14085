"""Coverage: for how many AS numbers somebody can be told, by country, on a day."""

from tocsin.directory.coverage.count import LEVELS, SORTS, answering, best_states, by_country, count_numbers, total
from tocsin.directory.coverage.read import Coverage, end_of, read_coverage, responsible_teams
