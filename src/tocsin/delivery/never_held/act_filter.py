"""What somebody typed into an act passes the filter of what must never be held, whichever act and door it is.

`tocsin.interface.Act.perform` finds it by its name, since it stands below.
"""

from typing import Any, Final

from pydantic import BaseModel, ValidationError

from tocsin.delivery.never_held.intake_filter import IntakeFilter
from tocsin.interface import Act, ActContext
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

_SHORTEST: Final = 24
"""Letters of a text that can name a class and a place."""

_PLACES: Final = {"replay": "quarantine edit"}


def passed(act: Act, context: ActContext, request: BaseModel) -> BaseModel:
    """The request with what may be kept of its texts, after the rest was noted.

    Raises:
        InputError: what is left is no request any more, or a file in it must never be held.

    """
    intake = IntakeFilter(context.node, place_of(act), lambda: context.now)
    values = {name: getattr(request, name) for name in type(request).model_fields}
    kept = {name: _kept(value, intake) for name, value in values.items()}
    changed = {name: value for name, value in kept.items() if value is not values[name]}
    if not changed:
        return request
    left = request.model_copy()
    try:
        for name, value in changed.items():
            type(left).__pydantic_validator__.validate_assignment(left, name, value)
    except ValidationError:
        raise _refused() from None
    return left


def place_of(act: Act) -> str:
    """How references name the way in: the room of the act, of the pipeline its module."""
    room, module = act.function.__module__.split(".")[1:3]
    return _PLACES.get(module, module.replace("_", " ")) if room == "pipeline" else room


def _kept(value: Any, intake: IntakeFilter) -> Any:
    """A value with what may be kept of it; itself where that is all."""
    if isinstance(value, str):
        return intake.kept_text(value) if len(value) >= _SHORTEST else value
    if isinstance(value, bytes):
        if intake.kept(value)[1]:
            raise _refused()
        return value
    if isinstance(value, BaseModel):
        return _all(value, {name: getattr(value, name) for name in type(value).model_fields}, intake)
    if isinstance(value, dict):
        return _all(value, value, intake)
    if isinstance(value, list | tuple):
        kept = [_kept(one, intake) for one in value]
        same = all(one is other for one, other in zip(kept, value, strict=True))
        return value if same else type(value)(kept)
    return value


def _all(whole: Any, values: dict[str, Any], intake: IntakeFilter) -> Any:
    kept = {name: _kept(one, intake) for name, one in values.items()}
    return whole if all(kept[name] is values[name] for name in values) else kept


def _refused() -> InputError:
    return InputError(
        say("A part of it must not be kept here."),
        hint=say("Only a reference of it was noted. docs/never-held.md says what to do."),
    )
