"""What is done with claims: they are made, shown by a code or by DNS, approved or refused."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints

from tocsin.directory.claims.decide import ClaimDecision, approve_claim, refuse_claim
from tocsin.directory.claims.make import make_claim, show_code, show_dns
from tocsin.directory.claims.model import Claim
from tocsin.directory.claims.read import read_claim
from tocsin.directory.within_reach import team_within_reach
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_line = partial(StringConstraints, pattern=_LINE)
_WHY: Final = Wording(lacking=N_("Give a reason, in one line: the history keeps it."))
_NEEDED: Final = Wording(hint=N_("Required to refuse, and where neither mail nor DNS proves control."))


class NewClaim(BaseModel):
    """What is claimed, for which team, and where its digests are to go."""

    value: Annotated[str, _line(min_length=1, max_length=300)] = Field(
        title=N_("Another network, AS number or domain"),
        description="The network, AS number or domain that is claimed.", examples=["192.0.2.0/24"],
    )  # fmt: skip
    team: Annotated[str, _line(min_length=1, max_length=200)] = Field(
        title=N_("Team"), description="The key or UUID of the team that claims it.", examples=["operator"]
    )
    mailbox: Annotated[str, _line(min_length=3, max_length=254), Wording(choices="mailboxes")] = Field(
        title=N_("Notify"), description="The email address to notify.", examples=["abuse@operator.example"]
    )


class ClaimNumber(BaseModel):
    """Which claim."""

    number: int = Field(ge=1, le=2**31 - 1, title=N_("Number"), description="The number of a claim.", examples=[1])


class ClaimCode(ClaimNumber):
    """The code from the mail."""

    code: str = Field(
        min_length=1, max_length=100, title=N_("Code from the verification request"),
        description="The code from the mail.", examples=["ABCD-EFGH-JKLM"],
    )  # fmt: skip


class Approval(ClaimNumber):
    """Why, and what else it does."""

    reason: Annotated[str, _NEEDED] = Field(
        "", max_length=500, pattern=_LINE, title=N_("Reason"),
        description="Why; needed where neither mail nor DNS shows control.",
    )  # fmt: skip
    over: Annotated[bool, Wording(hint=N_("Without this, the teams they name are notified too."))] = Field(
        default=False, title=N_("Overrule imports that say otherwise"),
        description="Imports that say otherwise are overruled; else they are kept beside it.",
    )  # fmt: skip
    yes: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Approve"), description="Also where others claim the same."
    )


class Refusal(ClaimNumber):
    """Why."""

    reason: Annotated[str, _WHY, _NEEDED] = Field(
        min_length=1, max_length=500, pattern=_LINE, title=N_("Reason"), description="Why, in one line."
    )


@dataclass(frozen=True)
class ClaimCheck:
    """The claim as it is now, and the names that have no TXT record yet; none: control is shown."""

    claim: Claim
    missing: list[str]


def make(context: ActContext, request: NewClaim) -> Claim:
    """A code goes to the email addresses that the registries name. The same claim, still open, is given back.

    Raises:
        NotFoundError: there is no such team within reach.

    """
    node = context.node
    team = team_within_reach(context, request.team)
    return make_claim(
        node.database,
        request.value,
        team=team.key,
        mailbox=request.mailbox,
        claimed_by=context.actor if context.person else context.name,
        sender=node.settings.node,
        now=context.now,
    )


def prove(context: ActContext, request: ClaimCode) -> Claim:
    """A person then decides.

    Raises:
        NotFoundError: there is no such claim of a team within reach.

    """
    database = context.database
    team_within_reach(context, read_claim(database, request.number, context.now).team)
    return show_code(database, request.number, request.code, now=context.now)


def check(context: ActContext, request: ClaimNumber) -> ClaimCheck:
    """By the TXT records that it asks for."""
    node = context.node
    return ClaimCheck(
        *show_dns(node.database, request.number, resolver=node.settings.directory.resolver, now=context.now)
    )


def approve(context: ActContext, request: Approval) -> ClaimDecision:
    """It becomes your word in the directory, with its evidence. Where others claim the same, that must be meant."""
    return approve_claim(
        context.database,
        request.number,
        said_by=context.name,
        reason=request.reason,
        over=request.over,
        despite_rivals=request.yes,
        **context.by,
    )


def refuse(context: ActContext, request: Refusal) -> ClaimDecision:
    """With a reason."""
    return refuse_claim(context.database, request.number, said_by=context.name, reason=request.reason, **context.by)


_act = partial(Act, noun="claim")
_decide = partial(
    _act,
    permission=Permission.DIRECTORY_DECIDE,
    page=OwnSurface("/claims/{number}/decide"),
    arguments=("number",),
    signed=("--said-by", "Who decides; needed."),
    routing=True,
)

ACTS: Final = (
    _act(
        "make", "Claim a network, AS or domain", make, permission=Permission.CLAIMS_MAKE, everything=False,
        audit=(AuditAction.CLAIM_MADE,), command="directory claim", route="/claims",
        page=OwnSurface("/portal/contacts/claim"), arguments=("value",),
        signed=("--by", "Who says so, such as a name or a ticket."), makes=True, title=N_("Claim"),
    ),
    _act(
        "prove", "Prove control by the code from the mail", prove, permission=Permission.CLAIMS_MAKE,
        everything=False, audit=(AuditAction.CLAIM_PROVED,), command=OwnSurface("directory claims check"),
        route="/claims/{number}/code", page=OwnSurface("/portal/contacts/code"), title=N_("Send the code"),
    ),
    _act(
        "check", "Ask DNS whether control is shown", check, permission=Permission.DIRECTORY_EDIT,
        audit=(AuditAction.CLAIM_PROVED,), command=OwnSurface("directory claims check"), route="/claims/{number}/check",
        page=OwnSurface("/claims/{number}/check"), title=N_("Check DNS now"),
    ),
    _decide(
        "approve", "Approve a claim", approve, audit=(AuditAction.CLAIM_APPROVED,), command="directory claims approve",
        route="/claims/{number}/approve", title=N_("Approve"), button=N_("Save decision"),
    ),
    _decide(
        "refuse", "Refuse a claim", refuse, audit=(AuditAction.CLAIM_REFUSED,), command="directory claims refuse",
        route="/claims/{number}/refuse", told="Claim {claim[number]} is refused: {claim[reason]}.",
        title=N_("Refuse"), button=N_("Save decision"),
        notice=N_("The directory stays as it is. The team sees the reason in its portal."),
    ),
)  # fmt: skip
"""What can be done with claims."""
