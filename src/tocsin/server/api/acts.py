"""A route of the API for an act: its address, its body and its answer are made from the act."""

import hashlib
from functools import cache
from inspect import Parameter, Signature
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, create_model

from tocsin.interface import (
    Absence,
    Act,
    OwnSurface,
    RequestError,
    context_for,
    description_of,
    is_several,
    names_in,
    needs,
    read_request,
)
from tocsin.node.accounts import Principal
from tocsin.server.api.context import ApiContext
from tocsin.server.api.idempotency import HEADER

UNDO: Final = "Tocsin-Undo"
"""The header that says by which number an act can be undone."""


def add_acts(router: APIRouter, counter: ApiContext, acts: tuple[Act, ...]) -> None:
    """Add a route for each act that has one and is not served by hand."""
    for act in acts:
        if not isinstance(act.route, Absence | OwnSurface):
            _add_act(router, counter, act)


def perform(
    counter: ApiContext, visitor: Principal, act: Act, response: Response | None = None, /, **values: Any
) -> Any:
    """Do an act for whoever asks; what it gives back. The response says by which number it can be undone.

    Raises:
        RequestValidationError: a request is not as the act takes it.

    """
    try:
        request = read_request(act, values)
    except RequestError as error:
        wrongs = [{"loc": ("body", name), "msg": wrong} for name, wrong in error.wrongs]
        raise RequestValidationError(wrongs) from None
    context = context_for(counter.node, visitor, act, counter.now, counter.say)
    done = act.perform(context, request)
    if context.undos and response is not None:
        response.headers[UNDO] = str(context.undos[-1])
    if act.routing:
        counter.guide.renew()
    return done


def _add_act(router: APIRouter, counter: ApiContext, act: Act) -> None:
    named = names_in(act.route)
    body = _body_of(act)

    def serve(
        request: Request, visitor: Principal, response: Response, body: BaseModel | None = None, **path: Any
    ) -> Any:
        values = {name: (value,) if is_several(act, name) else value for name, value in path.items()}
        values |= {name: getattr(body, name) for name in body.model_fields_set} if body else {}
        if "once" in act.request.model_fields and not values.get("once") and (key := request.headers.get(HEADER)):
            # A server that is killed after the act may not have kept the answer: who asks again finds what was done.
            values["once"] = hashlib.sha256(key.encode()).hexdigest()
        done = perform(counter, visitor, act, response, **values)
        return done[0] if isinstance(done, list) else done

    parameters: dict[str, Any] = {name: Annotated[_one(act, name), _place_of(act, name)] for name in named}
    parameters |= {"request": Request, "response": Response}
    parameters["visitor"] = Annotated[Principal, needs(act.permission, everything=act.everything)]
    made = [Parameter(name, Parameter.KEYWORD_ONLY, annotation=of) for name, of in parameters.items()]
    if body:
        needed = any(field.is_required() for field in body.model_fields.values())
        of, default = (body, Parameter.empty) if needed else (body | None, None)
        made.append(Parameter("body", Parameter.KEYWORD_ONLY, annotation=Annotated[of, Body()], default=default))
    serve.__signature__ = Signature(made)  # type: ignore[attr-defined]  # FastAPI reads it
    serve.__doc__ = act.explanation
    serve.__name__ = act.operation
    router.post(
        act.route,
        operation_id=act.operation,
        summary=act.summary,
        response_model=act.result,
        status_code=201 if act.makes else 200,
    )(serve)


@cache  # a model is slow to make, and a process may serve several applications
def _body_of(act: Act) -> type[BaseModel] | None:
    """The fields that are not in the address; None where there is none."""
    named = names_in(act.route)
    fields: Any = {name: (of.annotation, of) for name, of in act.request.model_fields.items() if name not in named}
    name = act.operation[0].upper() + act.operation[1:]
    return create_model(name, __doc__=act.request.__doc__, **fields) if fields else None


def _one(act: Act, name: str) -> Any:
    """The type of one value of a field, with its bounds."""
    field = act.request.model_fields[name]
    if is_several(act, name):
        return field.annotation.__args__[0]  # type: ignore[union-attr]  # a tuple of these
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _place_of(act: Act, name: str) -> Any:
    return Path(description=description_of(act, name), examples=act.request.model_fields[name].examples)
