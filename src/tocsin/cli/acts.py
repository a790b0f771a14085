"""Commands for acts: arguments and options are the fields of the request, and what is needed is asked at a terminal.

The acts of a group are looked up when the group is used, so that `tocsin --help` loads none of them.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from enum import Enum
from functools import cached_property, partial
from importlib import import_module
from inspect import Parameter, Signature
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin

import typer
import typer.main
from typer.core import TyperGroup

from tocsin.cli.directory_records import renew_router
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, capabilities, note, visible
from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from tocsin.interface import Act
    from tocsin.pipeline.stores import NodeWithStores

GROUPS: Final = {
    "deliveries": ("tocsin.delivery.acts", "tocsin.pipeline.notify_now", "tocsin.pipeline.not_notified"),
    "feeds": ("tocsin.events.acts", "tocsin.pipeline.feed_setup"),
    "quarantine": ("tocsin.pipeline.replay",),
    "reports": ("tocsin.pipeline.reread",),
    "never-held": ("tocsin.delivery.never_held.acts",),
    "inbox": (
        "tocsin.incidents.arrivals.acts",
        "tocsin.incidents.arrivals.triage_acts",
        "tocsin.pipeline.inbox_event",
        "tocsin.incidents.arrivals.basis_acts",
    ),
    "notices": ("tocsin.incidents.notices.acts",),
    "incidents": ("tocsin.incidents.acts", "tocsin.incidents.threads.acts"),
    "evidence": ("tocsin.incidents.acts",),
    "playbooks": ("tocsin.incidents.playbooks.acts", "tocsin.incidents.acts"),
    "reviews": ("tocsin.incidents.acts",),
    "takedowns": ("tocsin.incidents.takedowns.acts",),
    "observables": ("tocsin.incidents.acts",),
    "affected": ("tocsin.incidents.acts", "tocsin.pipeline.notify_affected"),
    "duty": ("tocsin.incidents.duty.acts", "tocsin.pipeline.call_outs"),
    "assets": ("tocsin.assets.acts", "tocsin.assets.rows", "tocsin.assets.sheet_acts"),
    "partners": ("tocsin.exchange.partners.acts", "tocsin.exchange.partners.list_acts"),
    "exchange": (
        "tocsin.exchange.ledger.acts",
        "tocsin.exchange.ledger.case_acts",
        "tocsin.exchange.ways.acts",
        "tocsin.exchange.protocols.misp.feed",
        "tocsin.pipeline.misp_push",
        "tocsin.operations.recall_acts",
    ),
    "exchange agreements": ("tocsin.exchange.ledger.agreement_acts",),
    "exchange token": ("tocsin.exchange.protocols.acts",),
    "help-texts": ("tocsin.incidents.arrivals.help_text_acts",),
    "clocks": ("tocsin.incidents.acts", "tocsin.incidents.clocks.text_acts"),
    "severity": ("tocsin.incidents.severity.acts",),
    "problems": ("tocsin.problems.acts", "tocsin.pipeline.inbox_problems"),
    "todo": ("tocsin.pipeline.to_do.acts", "tocsin.pipeline.comments"),
    "machines": ("tocsin.operations.machines",),
    "purge": ("tocsin.operations.purge_act",),
    "undo": ("tocsin.interface.undo_act",),
    "directory": (
        "tocsin.directory.acts",
        "tocsin.directory.claims.acts",
        "tocsin.pipeline.accept_item",
        "tocsin.pipeline.ask_limit",
    ),
    "directory claims": ("tocsin.directory.claims.acts",),
}
"""By group of commands, where its acts are declared."""

_FORMER: Final = {
    "quarantine mend": "edit",
    "quarantine leave": "dismiss",
    "deliveries letters": "requests",
}
"""Names that commands had before, which scripts still use."""

Show = Callable[[Any], None]
"""Prints for a person what an act gave back."""

Document = Callable[[NodeInvocation, Any], object]
"""What an act gave back, as JSON."""


def every_act() -> "Iterator[Act]":
    """All acts, room by room."""
    own = chain.from_iterable(one.acts for one in capabilities())
    for module in dict.fromkeys(chain(*GROUPS.values(), own)):
        yield from import_module(module).ACTS


def act_of(group: str, name: str) -> "Act":
    """An act of a group by its name."""
    acts: Iterator[Act] = (one for module in GROUPS[group] for one in import_module(module).ACTS)
    return next(one for one in acts if one.name == name)


def acts_in(group: str) -> "dict[str, Act]":
    """The acts whose command is made for this group, by the command's name."""
    from tocsin.interface import Absence, OwnSurface

    acts = [one for module in GROUPS[group] for one in import_module(module).ACTS]
    made = [one for one in acts if not isinstance(one.command, Absence | OwnSurface)]
    return {name: one for one in made for place, _, name in [one.command.rpartition(" ")] if place == group}


def act_group(
    group: str, shows: Mapping[str, Show] | None = None, documents: Mapping[str, Document] | None = None
) -> type[TyperGroup]:
    """The class of a group of commands that has its acts.

    ``shows``, by name, where `Act.told` is not enough; ``documents``, where what the act gave back is not all.
    """

    class ActGroup(TyperGroup):
        @cached_property
        def made(self) -> dict[str, Any]:
            app = Commands()
            for name, act in acts_in(group).items():
                show, document = (shows or {}).get(name), (documents or {}).get(name, _document)
                made = _function(act, partial(_tell, act, show, document))
                app.command(name, help=f"{act.summary}. {act.explanation}".strip())(made)
            return {**typer.main.get_group(app).commands} if app.registered_commands else {}

        def list_commands(self, ctx: Any) -> list[str]:
            return [*super().list_commands(ctx), *self.made]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            name = _FORMER.get(f"{group} {cmd_name}", cmd_name)
            return super().get_command(ctx, name) or self.made.get(name)

    return ActGroup


def perform(call: NodeInvocation, act: "Act", values: Mapping[str, Any], *, name: str = "") -> Any:
    """Do an act for whoever sits here; what it gives back.

    Raises:
        UsageError: something is missing, or is not as it must be.

    """
    from tocsin.interface import ActContext, RequestError, read_request

    try:
        request = read_request(act, values)
    except RequestError as error:
        field, wrong = error.wrongs[0]
        raise UsageError(f"{_option(act, field)}: {wrong}" if field else wrong) from None
    context = ActContext(call.node, call.now, call.actor, name, say=partial(say_to, call.node), act=act)
    done = act.perform(context, request)
    if context.undos and sys.stdin.isatty():
        note(f"'tocsin undo {context.undos[-1]}' takes it back within {call.settings.tell.undo_seconds} seconds.")
    if act.routing:
        renew_router(call.home, call.database)
    return done


def say_to(node: "NodeWithStores", language: str, text: str, **values: object) -> str:
    """A text in the language of whoever is written to."""
    from tocsin.server.pages import say_in

    return say_in(node.home / HomeFolder.LOCALE, node.settings.node.terms, language)(text, **values)


def _function(act: "Act", tell: Callable[[NodeInvocation, Any], None]) -> Callable[..., None]:
    """The function of a command, with the signature that Typer reads."""

    def run(call: NodeInvocation, signed: str = "", **given: Any) -> None:
        values = {name: value for name, value in given.items() if value is not None}
        tell(call, perform(call, act, values | _asked(act, values), name=signed))

    parameters: dict[str, tuple[Any, Any]] = {"call": (NodeInvocation, Parameter.empty)}
    parameters |= {name: _parameter(act, name, field) for name, field in act.request.model_fields.items()}
    flag, explanation = act.signed
    if flag:
        parameters["signed"] = (Annotated[str, typer.Option(flag, help=explanation)], "")
    run.__annotations__ = {name: of for name, (of, _) in parameters.items()}
    run.__signature__ = Signature(  # type: ignore[attr-defined]  # Typer reads it
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=of, default=at) for name, (of, at) in parameters.items()]
    )
    return run


def _parameter(act: "Act", name: str, field: "FieldInfo") -> tuple[Any, Any]:
    """The type of an argument or option, and its default."""
    from tocsin.interface import description_of

    of = _typed(field)
    if name in act.arguments:
        argument = typer.Argument(help=description_of(act, name), metavar=name.upper())
        return (
            (Annotated[of, argument], Parameter.empty)
            if field.is_required()
            else (Annotated[of | None, argument], None)
        )
    needed = " Needed." if field.is_required() else ""
    option = typer.Option(_option(act, name), help=f"{description_of(act, name)}{needed}")
    return Annotated[of if of is bool else of | None, option], False if of is bool else None


def _typed(field: "FieldInfo") -> Any:
    """What Typer reads of a field; what it cannot is a text, which the request then reads."""
    if get_origin(field.annotation) is tuple:
        return list[str]
    of = next((one for one in get_args(field.annotation) if one is not NoneType), field.annotation)
    return of if of in {str, int, bool} or (isinstance(of, type) and issubclass(of, Enum)) else str


def _asked(act: "Act", given: Mapping[str, Any]) -> dict[str, str]:
    """What is needed and was not given, asked for at a terminal."""
    if not sys.stdin.isatty():
        return {}
    needed = [name for name, field in act.request.model_fields.items() if field.is_required() and name not in given]
    return {name: typer.prompt(act.request.model_fields[name].title or name) for name in needed}


def _option(act: "Act", name: str) -> str:
    from tocsin.interface import wording_of

    if name in act.arguments:
        return name.upper()
    return wording_of(act, name).option or f"--{name.replace('_', '-')}"


def document_of(done: Any) -> Any:
    """What an act gave back, as JSON: of one subject it alone."""
    if isinstance(done, list):
        return document_of(done[0]) if len(done) == 1 else [document_of(one) for one in done]
    return done.model_dump() if hasattr(done, "model_dump") else asdict(done)


def _document(_call: NodeInvocation, done: Any) -> Any:
    return document_of(done)


def _tell(act: "Act", show: Show | None, document: Document, call: NodeInvocation, done: Any) -> None:
    whole: Any = document(call, done)
    each = whole if isinstance(whole, list) else [whole]
    call.emit(whole, partial(show, done) if show else visible("\n".join(act.told.format(**one) for one in each)))
