"""States and their national CIRTs, by two rules side by side."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.states.cirts import (
        CirtAssessment,
        CirtCandidate,
        CirtStatus,
        CirtVerdict,
        LinkProof,
        MembershipLink,
        count_answers,
        judge,
    )
    from tocsin.directory.states.read import read_cirts, with_links
    from tocsin.directory.states.sets import (
        GROUPS,
        Body,
        CountryState,
        StateSet,
        alpha3_codes,
        read_bodies,
        read_states,
    )
else:
    lazy_face(__name__)
