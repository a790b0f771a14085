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
