"""Acts: what somebody can change here, each written once as data beside its function.

The command, the route of the API, the form of the page, the matrix in docs/acts.md and the permission matrix are made
from it. docs/design/acts.md says why.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Final, Self, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from tocsin.interface.capabilities import N_
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.node.errors import SimultaneousError, UsageError
from tocsin.node.node import Node
from tocsin.node.records import GRACE, AuditAction, Database, recorded

_BRACES: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


class OwnSurface(str):
    """An address on a door where the door has a surface of its own, by hand; it calls the act's function.

    ``why``: what is particular about it, so that it is not made.
    """

    __slots__ = ("why",)
    why: str

    def __new__(cls, address: str, why: str = "") -> Self:
        """The address, with the reason."""
        made = super().__new__(cls, address)
        made.why = why
        return made


class Absence(str):
    """Why an act is not on a door."""

    __slots__ = ()


class Reverse(str):
    """The name of the act that takes an act back, at any time."""

    __slots__ = ()


class NoUndo(str):
    """Why an act cannot be undone: its page names what it is done to, and asks before."""

    __slots__ = ()


@dataclass(frozen=True)
class Wording:
    """Of a field of a request: what neither its type, its title nor its description says.

    ``option``: of the command, where its name does not do. ``lacking``: what is said when it is missing. ``hint``:
    below its title on a form, and after the refusal of a command. ``choices``: what it offers, by value, or the name
    under which the page of its room knows that, such as "people". ``proposed``: the name under which that page knows
    what is proposed while a text is typed. ``nothing``: what stands where nothing is chosen.
    ``lines``: it is a text of several lines. ``time``: a text that says a time. ``file``: the most bytes of a file
    whose content it is, or may be where it is a text. ``hidden``: no form asks it; a button or the address says it.
    ``order``: -1 where a form asks it before the others, 1 after them.

    Where a type has one and its field another, the field's goes before.
    """

    option: str = ""
    lacking: str = ""
    hint: str = ""
    choices: Mapping[str, str] | str = ""
    proposed: str = ""
    nothing: str = ""
    lines: bool = False
    time: bool = False
    file: int = 0
    hidden: bool = False
    order: int = 0

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        """Where a field has no other description, the API says its hint."""
        made = handler(schema)
        return {"description": self.hint, **made} if self.hint else made


def in_english(_language: str, text: str, **values: object) -> str:
    """The text as it stands, filled in."""
    return text % values


Say = Callable[..., str]
"""A text of ours in a language, filled in: for whoever is written to."""


@dataclass(frozen=True)
class ActContext:
    """Who acts, when, and on which node.

    ``actor``: as the audit log names it. ``name``: whose word it is, as people read it; empty where a command was not
    told. ``person``: the number of the account, None at the command line. ``reach``: whose things are covered.
    ``say``: says a text in the language of whoever is written to. ``waits``: whether it may wait for another process.
    ``act``: which one. ``holds``: what it sends waits while it can be undone. ``undos``: the numbers of its undos.
    ``may``: whether whoever acts may do something else too. ``keyed_by``: what a request is known by when it comes
    twice, instead of the actor: several people do it once.
    """

    node: Node
    now: datetime
    actor: str
    name: str = ""
    person: int | None = None
    reach: PermissionScope = field(default_factory=lambda: PermissionScope(everything=True))
    say: Say = in_english
    waits: bool = True
    act: "Act | None" = None
    holds: bool = False
    undos: list[int] = field(default_factory=list)
    may: Callable[[Permission], bool] = lambda _: True
    keyed_by: str = ""

    @property
    def database(self) -> Database:
        """The records of the node."""
        return self.node.database

    @property
    def by(self) -> dict[str, Any]:
        """Who and when, as functions of rooms take it: ``actor`` and ``now``."""
        return {"actor": self.actor, "now": self.now}

    @property
    def not_before(self) -> datetime | None:
        """When what the act sends may leave; None: at once."""
        seconds = self.node.settings.tell.undo_seconds
        return self.now + timedelta(seconds=seconds) + GRACE if self.holds and seconds else None

    @contextmanager
    def undoable(self, said: Callable[[int], str] | None = None) -> Iterator[Session]:
        """A transaction whose changes can be undone for a while, where the settings say so: docs/design/undo.md.

        ``said``: what is said of it, where it is not what the act says.
        """
        seconds, act = self.node.settings.tell.undo_seconds, self.act
        with self.database.begin() as session:
            if not seconds or act is None or not callable(act.undo):
                yield session
                return
            with recorded(session) as changes:
                yield session
                session.flush()
                if not changes.rows:  # all was so already
                    return
                number = changes.keep(
                    act=act.operation, permission=act.permission, actor=self.actor, said=said or act.undo,
                    at=self.now, until=self.now + timedelta(seconds=seconds),
                )  # fmt: skip
        self.undos.append(number)

    def key_of(self, request: BaseModel) -> str | None:
        """What a request is known by when it comes twice: whose it is and all that it says; None without ``once``."""
        if not getattr(request, "once", ""):
            return None
        return hashlib.sha256(f"{self.keyed_by or self.actor}\n{request.model_dump_json()}".encode()).hexdigest()

    @property
    def signature(self) -> str:
        """How records name who says it: by number where there is an account, else as the command was told."""
        return self.actor if self.person is not None else self.name or self.actor


@dataclass(frozen=True)
class Act:
    """One act.

    ``function`` is given the context and a request, a pydantic model; it does all of it in one transaction, with the
    audit entry, and gives back what is told: a model, or a list with one for each subject. ``noun``: what it changes.
    ``command``, ``route``, ``page``: its address on each door, or `Absence` with the reason. ``arguments``: the fields
    that stand without a name in the command. ``told``: what a person reads afterwards, with fields of the result.
    ``everything``: only for whom the permission reaches all things; else the function asks ``context.reach``.
    ``signed``: the option by which the command is told whose word it is, and its help. ``routing``: it changes who must
    know, so rules are compiled anew afterwards. ``makes``: it makes what was not there. ``undo``: what is said of so
    many things where it can be undone; then the function uses `ActContext.undoable`. Else what takes it back, or why
    nothing can. ``title``: what its form is called, where the summary is too long for that; ``button``: what its button
    says, where it is not the title; ``notice``: what a form says before anything is filled in.
    """

    name: str
    summary: str
    function: Callable[[ActContext, Any], Any]
    _: KW_ONLY
    noun: str
    permission: Permission
    audit: tuple[AuditAction, ...]
    command: str
    route: str
    page: str
    arguments: tuple[str, ...] = ()
    told: str = ""
    everything: bool = True
    signed: tuple[str, str] = ("", "")
    routing: bool = False
    makes: bool = False
    undo: Callable[[int], str] | Reverse | NoUndo | None = None
    title: str = ""
    button: str = ""
    notice: str = ""

    @cached_property
    def request(self) -> type[BaseModel]:
        """The model of its request."""
        _context, request, *_ = get_type_hints(self.function).values()
        return cast("type[BaseModel]", request)

    def perform(self, context: ActContext, request: BaseModel) -> Any:
        """Do it, with what may be kept of what was typed.

        Where the same came twice at once, as by a double click, the second is done again: it finds the first.

        PostgreSQL lets both begin, and refuses what must be there once; SQLite lets one begin after the other.
        """
        from sqlalchemy.exc import IntegrityError

        request = _intake().passed(self, context, request)
        try:
            return self.function(context, request)
        except (IntegrityError, SimultaneousError):
            return self.function(context, request)

    @property
    def operation(self) -> str:
        """Its name in the API."""
        first, *others = f"{self.name} {self.noun}".replace("-", " ").split()
        return first + "".join(map(str.capitalize, others))

    @property
    def explanation(self) -> str:
        """What the function's docstring says, on one line, without what it raises."""
        return " ".join((self.function.__doc__ or "").partition("Raises:")[0].split())

    @property
    def result(self) -> Any:
        """The type of what it gives back for one subject; None: nothing."""
        made = get_type_hints(self.function)["return"]
        return get_args(made)[0] if get_origin(made) is list else made


@cache
def _intake() -> Any:
    """What requests pass: `tocsin.delivery.never_held.act_filter`, which stands above and is found by its name."""
    return import_module("tocsin.delivery.never_held.act_filter")


def context_for(node: Node, visitor: Principal, act: Act, now: datetime, say: Say = in_english) -> ActContext:
    """The context of an act that somebody does who is signed in, or by an API token."""
    name = visitor.name or visitor.actor
    reach = visitor.reach(act.permission)
    return ActContext(node, now, visitor.actor, name, visitor.person, reach, say, act=act, may=visitor.may)


class RequestError(UsageError):
    """A request is not as the act takes it; ``wrongs``: names of fields, and what is wrong with each."""

    def __init__(self, wrongs: Sequence[tuple[str, str]], hint: str) -> None:
        super().__init__(wrongs[0][1], hint=hint)
        self.wrongs = wrongs


def read_request(act: Act, values: Mapping[str, Any]) -> Any:
    """The request of an act from what somebody gave.

    Raises:
        RequestError: something is missing or is not as it must be.

    """
    try:
        return act.request(**values)
    except ValidationError as error:
        named = [(_name_of(one), one) for one in error.errors()]
        wrongs = [(name, _sentence(one, wording_of(act, name))) for name, one in named]
        raise RequestError(wrongs, wording_of(act, wrongs[0][0]).hint) from None


def is_several(act: Act, name: str) -> bool:
    """Whether a field takes several values."""
    return get_origin(act.request.model_fields[name].annotation) is tuple


def names_in(address: str) -> list[str]:
    """The names in braces of an address."""
    return _BRACES.findall(address)


def wording_of(act: Act, name: str) -> Wording:
    """How a field is worded."""
    field = act.request.model_fields.get(name)
    made: dict[str, Any] = {}
    for one in field.metadata if field else ():  # that of the type first
        if isinstance(one, Wording):
            made |= {of.name: said for of in fields(one) if (said := getattr(one, of.name))}
    return Wording(**made)


def description_of(act: Act, name: str) -> str:
    """What commands and the API say of a field."""
    return act.request.model_fields[name].description or wording_of(act, name).hint


def _name_of(error: Any) -> str:
    return str(error["loc"][0]) if error["loc"] else ""


def _sentence(error: Any, wording: Wording) -> str:
    match error["type"]:
        case "string_too_long":
            return N_("This is too long.")
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")
        case "missing" | "string_too_short" | "too_short":
            return wording.lacking or N_("Fill this in.")
        case _:
            return wording.lacking or N_("This is not as it must be.")
