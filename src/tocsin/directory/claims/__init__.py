"""Claims: an operator says that a network, AS or domain is theirs, shows control of it, and a person decides."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.claims import acts
    from tocsin.directory.claims.decide import ClaimDecision, approve_claim, refuse_claim
    from tocsin.directory.claims.eligibility import read_claimed
    from tocsin.directory.claims.make import MOST_TRIES, make_claim, show_code, show_dns
    from tocsin.directory.claims.model import OPEN_FOR, Claim, ClaimState
    from tocsin.directory.claims.read import read_claim, read_claims, read_rivals
    from tocsin.directory.claims.tables import ClaimRow
else:
    lazy_face(__name__)
