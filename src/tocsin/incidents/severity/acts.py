"""An incident is rated by a scheme; the level set by hand (`rate`) overrides it, with a reason."""

from typing import Annotated, Final

from pydantic import Field

from tocsin.incidents.act_parts import (
    LINE,
    IncidentAddition,
    IncidentResult,
    changing,
    done_before,
    incident_act,
    kept,
    once_of,
)
from tocsin.incidents.severity.ratings import chosen_scheme, rating_data, read_answers
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, ActContext, OwnSurface, Wording
from tocsin.node.sentences import say

_Answers = Annotated[
    tuple[Annotated[str, Field(max_length=400)], ...],
    Wording(option="--answer", lacking=N_("Answer at least one question.")),
]


class IncidentRating(IncidentAddition):
    """Answers to the questions of a severity scheme."""

    scheme: str = Field(
        "",
        max_length=200,
        title=N_("Severity scheme"),
        description="A scheme of the settings; without it, the usual one.",
    )
    answers: _Answers = Field(
        min_length=1,
        max_length=200,
        title=N_("Answers"),
        description="Such as impact=serious; what is left out is unknown, and makes a range.",
    )
    comment: str = Field(
        "", max_length=1_000, pattern=LINE, title=N_("Note"), description="What is to be known of the answers."
    )


class RatingResult(IncidentResult):
    """Besides: the level by the scheme, empty where several are possible; all that are; the rule that decided."""

    scheme: str = ""
    level: str = ""
    levels: list[str] = Field(default_factory=list)
    rule: str = ""
    why: list[str] = Field(default_factory=list)


def rate_by_scheme(context: ActContext, request: IncidentRating) -> RatingResult:
    """The severity follows the level, where the answers leave one. A legal test sets none: a person decides.

    Raises:
        NotFoundError: the settings name no such scheme.
        UsageError: an answer is not written as it must be.
        TextFaultError: an answer does not fit; names all.

    """
    if (done := done_before(context, request)) is not None:
        return RatingResult(**done.model_dump())
    scheme = chosen_scheme(context.node, request.scheme)
    data, comment = rating_data(scheme, read_answers(scheme, request.answers)), kept(context, request.comment)
    with changing(context, request) as opened:
        incident = opened.live()
        data["before"] = incident.severity
        incident.severity = data["severity"] or incident.severity
        data["after"] = incident.severity
        made = opened.enter(IncidentEntryKind.RATING, comment, data=data, once=once_of(context, request))
        said = {name: data[name] for name in ("scheme", "level", "levels", "rule", "why")}
        return RatingResult(**opened.done(made).model_dump(), **said)


ACTS: Final = (
    incident_act(
        "rate", "Rate an incident by a severity scheme", rate_by_scheme, command="severity rate", path="rating",
        page=OwnSurface("/incidents/{reference}/rating"), noun="incident by scheme", makes=True,
        arguments=("reference", "answers"), told="{reference}: {levels}. Severity: {severity}.",
        undo=lambda _: say("Rated by scheme"),
    ),
)  # fmt: skip
"""What can be done with severity schemes."""
