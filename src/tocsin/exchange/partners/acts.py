"""What can be done with partners; what is done with their keys is in `key_acts`."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.directory import canonical, find_team
from tocsin.exchange.partners import allowances, attestations, key_acts, key_notices
from tocsin.exchange.partners.key_acts import (
    NO_ROUTE,
    Once,
    PartnerNamed,
    PartnerResult,
    check_name,
    kept,
    new_partner,
    note,
    result_of,
)
from tocsin.exchange.partners.models import Partner, PartnerCheck, PartnerKey
from tocsin.exchange.partners.read import find_partner, listings_of, read_partner
from tocsin.exchange.partners.states import CHECK_RESULTS, CHECK_WAYS, CheckResult, CheckWay, PartnerKeyState
from tocsin.incidents.act_parts import LINE
from tocsin.interface import N_, Act, ActContext, Moment, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say


def _codes(text: str) -> str:
    """Codes of countries as they are kept: ``FR, MU``."""
    codes = sorted({one.upper() for one in text.replace(",", " ").split()})
    if any(len(one) != 2 or not (one.isascii() and one.isalpha()) for one in codes):
        raise ValueError(N_("Write codes of countries, such as MU or FR."))
    return ", ".join(codes)


def _or_none(value: Any) -> Any:
    return value or None


_Name = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=LINE, title=N_("Name"), description="What people call it."),
    Wording(lacking=N_("Write a name.")),
]
_Mailbox = Annotated[
    str, AfterValidator(lambda text: canonical.mailbox(text) if text else ""), Wording(hint=N_("Of its contact."))
]
_Codes = Annotated[
    str, AfterValidator(_codes), Wording(hint=N_("Codes of those whose law it is under, such as MU, FR."))
]
_Inbox = Annotated[
    str,
    Wording(
        lacking=N_("Write an address that begins with https://."),
        hint=N_("Where its node receives; begins with https://. Empty: mail only."),
    ),
]
_Node = Annotated[
    UUID | None,
    BeforeValidator(_or_none),
    Wording(
        lacking=N_("Write a UUID."), hint=N_("Of its own Tocsin; an invitation brings it. Empty: it has mail only.")
    ),
]
_Team = Annotated[str, Wording(choices="teams", nothing=N_("No team"))]
_Languages = Annotated[str, Wording(hint=N_("Codes, such as en, fr."))]
_Hours = Annotated[
    str, Wording(hint=N_("When it is reached, such as: Mon to Fri 8 to 17 UTC+4, otherwise +230 5550 100"))
]
_Formats = Annotated[str, Wording(hint=N_("Media types that it wants, one on each line, the best first."), lines=True)]
_Person = Annotated[
    str,
    Wording(
        hint=N_(
            "Only for one person: the partner where that person works. Only a person with an email address and a key "
            "of their own can be sent TLP:RED."
        )
    ),
]
_Bytes = Annotated[
    Annotated[int, Field(ge=1, le=2**62)] | None,
    BeforeValidator(_or_none),
    Wording(lacking=N_("Write a number of bytes.")),
]


class PartnerFields(BaseModel):
    """What is said of a partner; only its name is needed."""

    name: _Name
    mailbox: _Mailbox = Field(
        "", max_length=300, title=N_("Email address"), description="The email address of its contact."
    )
    countries: _Codes = Field(
        "", max_length=300, title=N_("Countries"), description="Whose law it is under: codes of ISO 3166-1."
    )
    languages: _Languages = Field(
        "", max_length=200, pattern=LINE, title=N_("Languages"), description="Languages of its people."
    )
    hours: _Hours = Field("", max_length=300, pattern=LINE, title=N_("Hours"), description="When it is reached.")
    team: _Team = Field(
        "", max_length=200, title=N_("Team in the directory"), description="Key of the same team in the directory."
    )
    node: _Node = Field(
        None, title=N_("UUID of its node"), description="The UUID of its node; without one it has mail only."
    )
    inbox: _Inbox = Field(
        "", max_length=500, pattern=r"^(https://[^\s]+)?$", title=N_("Inbox address"),
        description="The HTTPS address where it takes dispatches.",
    )  # fmt: skip
    formats: _Formats = Field(
        "", max_length=2_000, title=N_("Formats"),
        description="Media types that it wants, a line each, the best first.",
    )  # fmt: skip
    largest: _Bytes = Field(
        None, title=N_("Largest file, in bytes"), description="Bytes of the largest file that it takes."
    )
    person_of: _Person = Field(
        "", max_length=200, title=N_("Employer"),
        description="It is one person of this partner (number or name), with an address and key of that person alone.",
    )  # fmt: skip


class NewPartner(PartnerFields):
    """A new partner."""

    once: Once = ""


class ChangedPartner(PartnerFields, PartnerNamed):
    """A partner, and what is said of it now; what is not named stays."""

    name: _Name = ""


class NewCheck(PartnerNamed):
    """A communication check: how, when, and what came of it."""

    way: Annotated[CheckWay, Wording(choices=CHECK_WAYS)] = Field(
        CheckWay.SIGNED_MAIL, title=N_("Method"), description="How it was made; a signed answer alone proves the link."
    )
    result: Annotated[CheckResult, Wording(choices=CHECK_RESULTS)] = Field(
        CheckResult.ANSWERED, title=N_("Result"), description="What came of it."
    )
    at: Annotated[Moment | None, Wording(hint=N_("When the answer came, or was given up. Empty: now."))] = Field(
        None, title=N_("When (UTC)"), description="When the answer came, or was given up (UTC); without it, now."
    )
    note: str = Field("", max_length=500, pattern=LINE, title=N_("Note"), description="What else is to be known.")
    once: Once = ""


def add(context: ActContext, request: NewPartner) -> PartnerResult:
    """What is typed is a claim until a key is confirmed.

    Raises:
        ConflictError: another partner has the name, or the node.

    """
    once, said = context.key_of(request), request.model_dump(exclude={"once"})
    with context.undoable() as session:
        if once and (known := session.scalar(select(Partner).where(Partner.once == once))) is not None:
            return result_of(known)
        check_name(session, request.name)
        partner = new_partner(context, once)
        _fill(session, context, partner, said)
        session.add(partner)
        session.flush()
        note(session, context, AuditAction.PARTNER_ADDED, partner)
        return result_of(partner)


def change(context: ActContext, request: ChangedPartner) -> PartnerResult:
    """What is not named stays as it is. The node of a partner does not change once a key was confirmed.

    Raises:
        ConflictError: another partner has the name or the node, or a key is pinned for the old one.

    """
    said = request.model_dump(exclude={"partner"}, exclude_unset=True)
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        if partner.node is not None and said.get("node", partner.node) != partner.node:
            of = select(PartnerKey.id).where(PartnerKey.partner_id == partner.id, PartnerKey.confirmed_at.is_not(None))
            if session.scalar(of.limit(1)) is not None:
                raise ConflictError(say("A key was confirmed for this node, so it stays."), hint=_ANEW)
        if "name" in said:
            check_name(session, request.name, partner.id)
        _fill(session, context, partner, said)
        note(session, context, AuditAction.PARTNER_CHANGED, partner, fields=sorted(said))
        return result_of(partner)


def remove(context: ActContext, request: PartnerNamed) -> PartnerResult:
    """Only while nothing was confirmed or checked: what has a history stays, and its keys are ended.

    Raises:
        ConflictError: it has a history.

    """
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        found = read_partner(session, str(partner.id), context.now)
        if found.checks or partner.statement_at or any(key.confirmed_at or key.ended_at for key in found.keys):
            raise ConflictError(_HISTORY, hint=say("End its keys instead."))
        if session.scalar(select(Partner.id).where(Partner.person_of == partner.id).limit(1)) is not None:
            raise ConflictError(say("A person of this partner is here."), hint=say("Remove the person first."))
        done = result_of(partner)
        for row in (*found.keys, *listings_of(session, partner.id)):
            session.delete(row)
        session.flush()
        session.delete(partner)
        try:
            session.flush()
        except IntegrityError:  # something was sent to it, or came from it
            raise ConflictError(_HISTORY, hint=say("End its keys instead.")) from None
        note(session, context, AuditAction.PARTNER_REMOVED, partner)
        return done


def check(context: ActContext, request: NewCheck) -> PartnerResult:
    """A mail that we signed, and an answer with the partner's signature, which a pinned key verifies: twice a year.

    Raises:
        ConflictError: no key of the partner is confirmed, so a signature proves nothing.

    """
    at = request.at or context.now
    if at > context.now:
        raise UsageError(say("This time is still to come."))
    once = context.key_of(request)
    with context.undoable() as session:
        partner = find_partner(session, request.partner, lock=True)
        if once and session.scalar(select(PartnerCheck.id).where(PartnerCheck.once == once)) is not None:
            return result_of(partner)
        signed = request.way is CheckWay.SIGNED_MAIL and request.result is CheckResult.ANSWERED
        found = read_partner(session, str(partner.id), context.now)
        if signed and not found.in_state(PartnerKeyState.PINNED, context.now):
            raise ConflictError(say("No key of this partner is confirmed: its signature proves nothing yet."))
        row = PartnerCheck(
            partner_id=partner.id, way=request.way.value, result=request.result.value,
            note=kept(context, request.note), at=at, noted_at=context.now, noted_by=context.actor, once=once,
        )  # fmt: skip
        session.add(row)
        note(session, context, AuditAction.PARTNER_CHECKED, partner, way=row.way, result=row.result)
        return result_of(partner)


_HISTORY: Final = say("This partner has a history, so it stays.")
_ANEW: Final = say("Add the other node as a partner of its own.")
_TEXTS: Final = ("name", "mailbox", "inbox", "languages", "hours", "formats")


def _fill(session: Session, context: ActContext, partner: Partner, said: dict[str, Any]) -> None:
    """Let a partner be as somebody says; what must never be held is left out."""
    if "team" in said:
        key = said["team"]
        partner.team_id = find_team(session, key) if key else None
    if (node := said.get("node")) is not None:
        other = session.scalar(select(Partner.id).where(Partner.node == node, Partner.id.is_distinct_from(partner.id)))
        if other is not None:
            raise ConflictError(say("Another partner has this node."))
    if "person_of" in said:
        _set_person(session, context, partner, said["person_of"])
    if partner.person_of and (said.get("node") or said.get("inbox")):
        raise ConflictError(say("A person has an email address and no node: the team would read it there."))
    for name, value in said.items():
        if name not in {"team", "person_of"}:
            setattr(partner, name, kept(context, value) if name in _TEXTS else value)


def _set_person(session: Session, context: ActContext, partner: Partner, named: str) -> None:
    """Whose person a partner is, or that it is a team: what its keys are confirmed for."""
    team = find_partner(session, named) if named else None
    if (team.id if team else None) == partner.person_of:
        return
    if team is not None and (team.person_of or team.id == partner.id):
        raise ConflictError(say("Name the partner whose person it is."))
    if partner.id is not None and read_partner(session, str(partner.id), context.now).in_state(
        PartnerKeyState.PINNED, context.now
    ):
        raise ConflictError(say("A key was confirmed, and it is a person's or a team's; add another partner."))
    if team is not None and partner.node is not None:
        raise ConflictError(say("A person has an email address and no node: the team would read it there."))
    partner.person_of = team.id if team else None


_act = partial(Act, noun="partner", permission=Permission.PARTNERS_WRITE, route=NO_ROUTE, told="{number}: {name}.")

ACTS: Final = (
    _act(
        "add", "Add a partner", add, audit=(AuditAction.PARTNER_ADDED,), command="partners add",
        page="/partners/new", arguments=("name",), makes=True, undo=lambda _: say("Partner added"),
        title=N_("New partner"), button=N_("Save"),
    ),
    _act(
        "change", "Edit a partner", change, audit=(AuditAction.PARTNER_CHANGED,), command="partners change",
        page="/partners/{partner}/change", arguments=("partner",), undo=lambda _: say("Partner saved"),
        title=N_("Edit partner"), button=N_("Save"),
    ),
    _act(
        "remove", "Remove a partner", remove, audit=(AuditAction.PARTNER_REMOVED,), command="partners remove",
        page="/partners/{partner}/remove",
        arguments=("partner",), undo=lambda _: say("Partner removed"),
        title=N_("Remove this partner"),
    ),
    _act(
        "check", "Record a communication check", check, audit=(AuditAction.PARTNER_CHECKED,),
        command="partners check", page="/partners/{partner}/check", arguments=("partner",), makes=True,
        undo=lambda _: say("Communication check recorded"), title=N_("Communication check"), button=N_("Save"),
    ),
    *key_acts.ACTS,
    *key_notices.ACTS,
    *attestations.ACTS,
    *allowances.ACTS,
)  # fmt: skip
"""What can be done with partners."""
