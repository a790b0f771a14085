"""Who is called when to-do items wait: the rule that a person sets, and each look at what there is."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, field_validator

from tocsin.delivery import sole_caller
from tocsin.incidents.duty import CallOutRuleFields, RuleResult, call_out_due, kinds_called_for, set_rule
from tocsin.interface import N_, Act, ActContext, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KINDS, kinds_now

CALLABLE: Final = tuple(
    kind for kind, of in KINDS.items() if not of.slow and kind not in {ItemKind.CALL_OUTS, ItemKind.DUTY_GAPS}
)
"""The kinds of to-do items that someone can be called for: those that a query finds."""


class CallOutRequest(CallOutRuleFields):
    """A call-out rule."""

    kinds: Annotated[
        tuple[ItemKind, ...], Wording(lacking=N_("Choose kinds that are in the list."), choices="kinds")
    ] = Field((), max_length=len(ItemKind), title=N_("To-do items"), description="Kinds of to-do items.")

    @field_validator("kinds")
    @classmethod
    def _can_be_called_for(cls, kinds: tuple[ItemKind, ...]) -> tuple[ItemKind, ...]:
        if any(one not in CALLABLE for one in kinds):
            raise ValueError(N_("Nobody can be called for one of these kinds."))
        return kinds


def set_call_out_rule(context: ActContext, request: CallOutRequest) -> RuleResult:
    """Nobody is called before. The rule of the same name is replaced."""
    return set_rule(context, request, tuple(one.value for one in request.kinds))


def look_for_call_outs(node: NodeWithStores, now: datetime) -> int:
    """Call whom the rules say for what waits now; how many calls left by webhook and SMS.

    What depends on who looks is found as the whole team may see it.

    Raises:
        ConflictError: another process does so at this moment, or may by now; or another machine is the node.

    """
    if (standby := node.standby) is not None:
        standby.check_is_node()  # where its folder is away people are called all the same: twice is better than never
    with sole_caller(node.database) as check_sole:
        with node.database.reading() as session:
            kinds = [ItemKind(one) for one in kinds_called_for(session) if one in set(ItemKind)]
        found = {one.value for one in kinds_now(node, kinds, now)} if kinds else set()
        return call_out_due(node, found, now, check_sole)


ACTS: Final = (
    Act(
        "rule", "Set a call-out rule", set_call_out_rule, noun="call-out", permission=Permission.INCIDENTS_WRITE,
        audit=(AuditAction.CALL_RULE_SET,), command="duty rule", route="/duty/rules", arguments=("name",),
        page="/duty/rules/new", told="{name}: set.", makes=True, undo=lambda _: say("Call-out rule set"),
        title=N_("Call-out rule"), button=N_("Save"),
        notice=N_(
            "A rule of the same name is replaced. Each way of calling is set up in the settings, but email."
        ),
    ),
)  # fmt: skip
"""What can be done with call-out rules here; they are ended and tested in `tocsin.incidents.duty`."""
