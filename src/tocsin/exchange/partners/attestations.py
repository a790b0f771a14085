"""Attestations: what a partner has shown us, such as a signed NDA, which rules ask for before certain data goes."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field

from tocsin.exchange.partners.key_acts import NO_ROUTE, PartnerNamed, PartnerResult, kept, note, result_of
from tocsin.exchange.partners.models import Partner
from tocsin.exchange.partners.read import ListedPartner, find_partner
from tocsin.exchange.partners.states import ENDING_DAYS
from tocsin.incidents.act_parts import LINE
from tocsin.interface import N_, Act, ActContext, Moment, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.sharing.gate import attestation_key

_Name = Annotated[
    str,
    Wording(
        lacking=N_("Write what was shown."),
        hint=N_("By the name that transfer rules use, such as NDA, ISO 27001."),
    ),
]
_Issuer = Annotated[str, Wording(lacking=N_("Write who issued it."), hint=N_("Who signed or certified it."))]
_Moment = Annotated[
    Moment | None, BeforeValidator(lambda value: value or None), Wording(hint=N_("Empty: it has no end."))
]


class AttestationNamed(PartnerNamed):
    """Which attestation of which partner."""

    attestation: _Name = Field(
        min_length=1, max_length=100, pattern=LINE, title=N_("Document or certificate"),
        description="What it is, such as NDA or ISO 27001.",
    )  # fmt: skip


class NewAttestation(AttestationNamed):
    """What a partner has shown, who issued it, and until when it counts."""

    issuer: _Issuer = Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Issued by"), description="Who issued or signed it."
    )
    expires: _Moment = Field(
        None, title=N_("Expires (UTC)"), description="When it ends (UTC); without it, it has no end."
    )


class Attestation(BaseModel):
    """What a partner has shown us. It counts until it expires; ``noted_by``: who wrote it down here."""

    name: str
    issuer: str
    expires: datetime | None
    noted_at: datetime
    noted_by: str

    def counts(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


def attest(context: ActContext, request: NewAttestation) -> PartnerResult:
    """It takes the place of the one of the same name. Rules ask for it by its name, however it is capitalised.

    Raises:
        UsageError: it has expired already.

    """
    if request.expires is not None and request.expires <= context.now:
        raise UsageError(say("It has expired already."))
    made = Attestation(
        name=kept(context, request.attestation), issuer=kept(context, request.issuer), expires=request.expires,
        noted_at=context.now, noted_by=context.actor,
    )  # fmt: skip
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        partner.attestations = [*_others(partner, made.name), made.model_dump(mode="json")]
        detail = {"attestation": made.name, "expires": made.expires.isoformat() if made.expires else ""}
        note(session, context, AuditAction.PARTNER_ATTESTED, partner, **detail)
        return result_of(partner)


def unattest(context: ActContext, request: AttestationNamed) -> PartnerResult:
    """It counts no more: it was withdrawn, or was a mistake.

    Raises:
        NotFoundError: the partner has none of this name.

    """
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        others = _others(partner, request.attestation)
        if len(others) == len(partner.attestations):
            raise NotFoundError(say("This partner has no such attestation."))
        partner.attestations = others
        note(session, context, AuditAction.PARTNER_UNATTESTED, partner, attestation=request.attestation)
        return result_of(partner)


def attestations_of(partner: Partner) -> list[Attestation]:
    """What a partner has shown, by name."""
    return sorted(map(Attestation.model_validate, partner.attestations), key=lambda one: one.name.casefold())


def attested(partner: Partner, now: datetime) -> frozenset[str]:
    """The keys of the attestations of a partner that count now."""
    return frozenset(attestation_key(one.name) for one in attestations_of(partner) if one.counts(now))


def ending_attestations(partners: Collection[ListedPartner], now: datetime) -> list[Attestation]:
    """Those that expired, or expire within 30 days, and that no newer one replaced."""
    soon = now + timedelta(days=ENDING_DAYS)
    return [of for one in partners for of in attestations_of(one.partner) if not of.counts(soon)]


def _others(partner: Partner, name: str) -> list[dict[str, str | None]]:
    return [one for one in partner.attestations if attestation_key(str(one["name"])) != attestation_key(name)]


_act = partial(
    Act, noun="partner", permission=Permission.PARTNERS_WRITE, route=NO_ROUTE, told="{number}: {name}.",
    arguments=("partner", "attestation"),
)  # fmt: skip

ACTS: Final = (
    _act(
        "attest", "Record an attestation of a partner", attest, audit=(AuditAction.PARTNER_ATTESTED,),
        command="partners attest", page="/partners/{partner}/attest",
        undo=lambda _: say("Attestation recorded"), title=N_("Attestation"), button=N_("Save"),
    ),
    _act(
        "unattest", "Remove an attestation of a partner", unattest, audit=(AuditAction.PARTNER_UNATTESTED,),
        command="partners unattest", page="/partners/{partner}/unattest",
        undo=lambda _: say("Attestation removed"), title=N_("Attestation"), button=N_("Remove"),
    ),
)  # fmt: skip
"""What can be done with attestations of partners."""
