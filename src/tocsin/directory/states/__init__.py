"""States and their national CIRTs, by two rules side by side."""

from tocsin.directory.states.cirts import LATELY, Answer, Candidate, Judged, Link, Verdict, count_answers, judge
from tocsin.directory.states.read import read_candidates, read_cirts
from tocsin.directory.states.sets import GROUPS, Body, State, StateSet, alpha3_codes, read_bodies, read_states

__all__ = [
    "GROUPS",
    "LATELY",
    "Answer",
    "Body",
    "Candidate",
    "Judged",
    "Link",
    "State",
    "StateSet",
    "Verdict",
    "alpha3_codes",
    "count_answers",
    "judge",
    "read_bodies",
    "read_candidates",
    "read_cirts",
    "read_states",
]
