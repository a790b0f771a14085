"""Call-out rules: what a person sets, without which nobody is called."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select

from tocsin.incidents.act_parts import LINE, worker
from tocsin.incidents.duty.acts import RuleResult
from tocsin.incidents.duty.models import CallOutRule
from tocsin.incidents.duty.read import find_roster
from tocsin.incidents.duty.roster_acts import check_manager
from tocsin.incidents.duty.states import CHANNELS, CallChannel
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.records import AuditAction, audit

_CLOCK: Final = r"^(([01]\d|2[0-3]):[0-5]\d)?$"
_Level = Annotated[Literal["", "low", "medium", "high", "critical"], Wording(choices="severities")]
_Roster = Annotated[str, Wording(choices="rosters", nothing=N_("Nobody"))]


class CallOutRuleFields(BaseModel):
    """When who is called, in which order and how. The kinds of to-do items are said by who knows them."""

    name: Annotated[str, Wording(lacking=N_("Write a name, in at most 200 characters."), order=-1)] = Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Name"),
        description="What people call it; the rule of this name is replaced.", examples=["Nights"],
    )  # fmt: skip
    roster: _Roster = Field(
        min_length=1,
        max_length=200,
        title=N_("Who is on duty"),
        description="The roster whose people are called first.",
    )
    second: _Roster = Field(
        "", max_length=200, title=N_("Then who is on duty in"), description="The roster whose people are called next."
    )
    people: Annotated[tuple[str, ...], Wording(choices="people")] = Field(
        (), max_length=20, title=N_("Then these people"), description="Accounts, called at the end, in this order."
    )
    severity: _Level = Field(
        "", title=N_("Incidents from this severity on"), description="low, medium, high or critical; empty: none."
    )
    minutes: int = Field(
        15, ge=1, le=1440, title=N_("Minutes until the next person is called"),
        description="Minutes without an acknowledgement, after which the next person is called.",
    )  # fmt: skip
    channels: Annotated[tuple[CallChannel, ...], Wording(lacking=N_("Choose at least one way."), choices=CHANNELS)] = (
        Field(min_length=1, max_length=3, title=N_("Ways"), description="mail, webhook or sms.", examples=[["mail"]])
    )
    quiet_from: Annotated[str, Wording(hint=N_("Local time of the roster, such as 22:00."))] = Field(
        "", pattern=_CLOCK, title=N_("Quiet from")
    )
    quiet_to: Annotated[str, Wording(hint=N_("Local time of the roster."))] = Field(
        "", pattern=_CLOCK, title=N_("Quiet to")
    )
    quiet_below: _Level = Field(
        "critical", title=N_("In quiet hours only incidents from this severity on"),
        description="Less severe ones, and to-do items, wait for the end of quiet hours.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _quiet_is_whole(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_to):
            raise ValueError(N_("Quiet hours need a start and an end."))
        return self


def set_rule(context: ActContext, fields: CallOutRuleFields, kinds: tuple[str, ...]) -> RuleResult:
    """Set a rule in the place of the one of this name. ``kinds``: of to-do items.

    Raises:
        UsageError: whoever acts is no manager.
        NotFoundError: there is no such roster or account.

    """
    check_manager(context)
    with context.undoable() as session:
        rule = session.scalar(select(CallOutRule).where(CallOutRule.name == fields.name))
        rule = rule or CallOutRule(name=fields.name)
        rule.roster_id = find_roster(session, fields.roster).id
        rule.second_id = find_roster(session, fields.second).id if fields.second else None
        rule.people = [worker(session, one).id for one in dict.fromkeys(fields.people)]
        rule.kinds, rule.severity, rule.minutes = sorted(set(kinds)), fields.severity, fields.minutes
        rule.channels = [one.value for one in dict.fromkeys(fields.channels)]
        rule.quiet_from, rule.quiet_to, rule.quiet_below = fields.quiet_from, fields.quiet_to, fields.quiet_below
        rule.at, rule.by, rule.ended_at = context.now, context.actor, None
        session.add(rule)
        session.flush()
        audit(
            session, AuditAction.CALL_RULE_SET, at=context.now, actor=context.actor, subject=f"call-rule:{rule.id}",
            detail={"kinds": rule.kinds, "severity": rule.severity, "channels": rule.channels},
        )  # fmt: skip
        return RuleResult(number=rule.id, name=rule.name)
