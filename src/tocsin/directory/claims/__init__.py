"""Claims: an operator says that a network, AS or domain is theirs, shows control of it, and a person decides."""

from tocsin.directory.claims.decide import ClaimDecision, approve_claim, refuse_claim
from tocsin.directory.claims.eligibility import read_claimed
from tocsin.directory.claims.make import MOST_TRIES, make_claim, show_code, show_dns
from tocsin.directory.claims.model import OPEN_FOR, Claim, ClaimState, Proof
from tocsin.directory.claims.read import read_claim, read_claims, read_rivals
