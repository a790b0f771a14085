"""States and their national CIRTs, by two rules side by side."""

from tocsin.directory.states.cirts import (
    LATELY,
    Candidate,
    CirtAssessment,
    CirtStatus,
    CirtVerdict,
    MembershipLink,
    count_answers,
    judge,
)
from tocsin.directory.states.read import read_candidates, read_cirts
from tocsin.directory.states.sets import GROUPS, Body, CountryState, StateSet, alpha3_codes, read_bodies, read_states

__all__ = [
    "GROUPS",
    "LATELY",
    "Body",
    "Candidate",
    "CirtAssessment",
    "CirtStatus",
    "CirtVerdict",
    "CountryState",
    "MembershipLink",
    "StateSet",
    "alpha3_codes",
    "count_answers",
    "judge",
    "read_bodies",
    "read_candidates",
    "read_cirts",
    "read_states",
]
