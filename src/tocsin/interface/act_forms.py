"""The form of an act, made from its request: what it asks, what was typed, and what the page of its room adds.

A room gives `FormHooks` for what only its page knows: who can be chosen, what is there already, where it leads.
docs/design/acts.md says how.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic.fields import FieldInfo
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.interface.acts import Absence, Act, OwnSurface, RequestError, is_several, names_in, wording_of
from tocsin.interface.authorization import NotHereError, needs, visitor_of
from tocsin.interface.capabilities import N_
from tocsin.interface.forms import Form, perform_form, text_of, texts_of
from tocsin.interface.numbers import number_in
from tocsin.interface.pages import PageMaker, PageWords
from tocsin.node.accounts import Principal
from tocsin.node.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RemoteError,
    TocsinError,
    UsageError,
    WithheldError,
)

Options = Sequence[tuple[str, str]]
"""What a field offers: values, and what people read."""

_PREVIEW: Final = "preview"
"""The field of a request that says only what would be done; a button of its form says it."""

_REFUSALS: Final = (ConflictError, InputError, NotFoundError, RemoteError, UsageError, WithheldError)


@dataclass(frozen=True)
class FormField:
    """One question of a form.

    ``kind``: ``text``, ``area``, ``time``, ``date``, ``choice``, ``several``, ``box`` or ``file``. ``wrong``: why what
    was typed was refused. ``takes_file``: a file may be chosen in place of a text. ``most``: characters of a line.
    ``options``: what can be chosen, or of a ``text``, what is proposed while it is typed.
    """

    name: str
    label: str
    kind: str
    value: Any = ""
    hint: str = ""
    wrong: str = ""
    required: bool = False
    options: Options = ()
    takes_file: bool = False
    most: int | None = None


@dataclass(frozen=True)
class FormVisit:
    """Somebody at the form of an act. ``named``: what its address names; ``session``: to read; ``form``: as sent."""

    maker: PageMaker
    request: Request
    act: Act
    named: Mapping[str, str]
    session: Session
    form: FormData = field(default_factory=FormData)

    @property
    def visitor(self) -> Principal:
        """Who it is."""
        return visitor_of(self.request)

    @property
    def words(self) -> PageWords:
        """What says texts in the visitor's language."""
        return self.maker.words(self.request)

    @property
    def asked(self) -> dict[str, str]:
        """What the address asks after its question mark."""
        return {**self.request.query_params}


@dataclass(frozen=True)
class RefusedForm:
    """What was typed, and why it was not done. ``preview``: what would be done, where that alone was asked."""

    typed: Mapping[str, Any] = field(default_factory=dict)
    wrongs: Mapping[str, str] = field(default_factory=dict)
    error: TocsinError | None = None
    preview: Any = None

    @property
    def status(self) -> int:
        """The status of the answer."""
        return 409 if self.error else 422 if self.wrongs else 200


def _numbered(named: Mapping[str, str]) -> Mapping[str, str]:
    """What an address names, where all of it are numbers.

    Raises:
        NotHereError: one is none.

    """
    if any(number_in(one) is None for one in named.values()):
        raise NotHereError
    return named


@dataclass(frozen=True)
class FormHooks:
    """What the page of a room adds to the forms of its acts.

    ``back``: the page on which a form is found, and its name. ``after``: where it leads once it was done, given what
    the act gave back; without it, back. ``given``: what the fields say at first. ``linked``: the fields, hidden ones
    too, that links of pages fill in; nothing else of an address gets into a form, which would do what nobody typed.
    ``about``: what the form is about, in a few words. ``choices``: what fields offer or propose, by the name that
    their `Wording` has. ``named``: what the address names, checked. ``takes``: what the form says besides its fields;
    it may refuse the form. ``shown``: what the template takes besides, or otherwise, such as ``rows`` of texts of
    several lines.
    """

    back: Callable[[FormVisit], tuple[str, str]]
    after: Callable[[FormVisit, Any], str] | None = None
    given: Callable[[FormVisit], Mapping[str, Any]] = lambda _: {}
    linked: Collection[str] = ()
    about: Callable[[FormVisit], str] = lambda _: ""
    choices: Mapping[str, Callable[[FormVisit], Options]] = field(default_factory=dict)
    named: Callable[[Mapping[str, str]], Mapping[str, str]] = _numbered
    takes: Callable[[FormVisit], Mapping[str, Any]] = lambda _: {}
    shown: Callable[[FormVisit, RefusedForm], Mapping[str, Any]] = lambda _visit, _refused: {}
    template: str = "act.html"


Performer = Callable[..., tuple[Any, int | None]]
"""Does an act with a form, as `perform_form`."""


def add_forms(
    router: APIRouter, maker: PageMaker, acts: Sequence[Act], hooks: FormHooks, perform: Performer = perform_form
) -> None:
    """The form of each of these acts that has one, at its address, and what it does."""
    for act in acts:
        if not isinstance(act.page, Absence | OwnSurface):
            ActForm(maker, act, hooks, perform).add_to(router)


def embedded_forms(
    maker: PageMaker, request: Request, session: Session, acts: Sequence[Act], hooks: FormHooks, **named: Any
) -> dict[str, Mapping[str, Any]]:
    """The forms of acts as parts of the page of what they change, by name: of those that the visitor may do.

    Each goes to the address of its act, whose own page says what was refused, with what was typed.
    ``named``: what their addresses name.
    """
    made: dict[str, Mapping[str, Any]] = defaultdict(dict)  # nothing is what a page shows of others
    for act in acts:
        reach = visitor_of(request).reach(act.permission)
        if not isinstance(act.page, Absence | OwnSurface) and (reach.everything if act.everything else reach):
            of = {name: str(named[name]) for name in names_in(act.page)}
            made[act.name] = _shown(FormVisit(maker, request, act, of, session), hooks, RefusedForm())
    return made


@dataclass(frozen=True)
class ActForm:
    """The form of an act: a page that shows it, and what it does."""

    maker: PageMaker
    act: Act
    hooks: FormHooks
    perform: Performer = perform_form

    def add_to(self, router: APIRouter, *, page: bool = True) -> None:
        """What is sent to the address of the act; ``page``: also the form, at the same address."""
        guarded = Annotated[Principal, needs(self.act.permission, everything=self.act.everything)]

        def named(request: Request) -> dict[str, str]:
            return {name: str(request.path_params[name]) for name in names_in(self.act.page)}

        if page:

            @router.get(self.act.page)
            def ask(request: Request, _visitor: guarded) -> Response:
                """The form."""
                return self.show(request, named(request))

        @router.post(self.act.page)
        def do(request: Request, _visitor: guarded, form: Form) -> Response:
            """Do it, or say what is wrong, with what was typed."""
            return self.do(request, named(request), form)

    def show(
        self,
        request: Request,
        named: Mapping[str, str],
        form: FormData | None = None,
        refused: RefusedForm | None = None,
    ) -> Response:
        """The form; ``named``: what its address names."""
        refused = refused or RefusedForm()
        with self.maker.node.database.reading() as session:
            shown = _shown(self._visit(request, named, session, form), self.hooks, refused)
        return self.maker.page(request, self.hooks.template, status=refused.status, **shown)

    def do(self, request: Request, named: Mapping[str, str], form: FormData) -> Response:
        """Do it, or say what would be done, or what is wrong, with what was typed."""
        act, hooks, refused = self.act, self.hooks, RefusedForm(typed_in(self.act, form))
        try:
            with self.maker.node.database.reading() as session:
                visit = self._visit(request, named, session, form)
                given = {**_values(act, visit.named), **hooks.takes(visit)}
                back, _ = hooks.back(visit)
            done, undo = self.perform(self.maker, visit.visitor, act, form, **given)
            if not text_of(form, _PREVIEW):
                return self.maker.go(hooks.after(visit, done) if hooks.after else back, undo=undo)
            refused = replace(refused, preview=done)
        except RequestError as error:
            wrongs = dict(error.wrongs)
            refused = replace(refused, wrongs=wrongs, error=error if "" in wrongs else None)
        except _REFUSALS as error:
            refused = replace(refused, error=error)
        return self.show(request, named, form, refused)

    def _visit(self, request: Request, named: Mapping[str, str], session: Session, form: FormData | None) -> FormVisit:
        return FormVisit(self.maker, request, self.act, self.hooks.named(named), session, form or FormData())


def _values(act: Act, named: Mapping[str, str]) -> dict[str, Any]:
    """What an address names, as the request takes it."""
    return {name: (of,) if is_several(act, name) else of for name, of in named.items()}


def _shown(visit: FormVisit, hooks: FormHooks, refused: RefusedForm) -> dict[str, Any]:
    act, (back, place) = visit.act, hooks.back(visit)
    shown = {
        "act": act, "fields": form_fields(visit, hooks, refused), "about": hooks.about(visit), "error": refused.error,
        "title": act.title or act.summary, "button": act.button or act.title or N_("Confirm"), "back": back,
        "place": place, "address": act.page.format(**visit.named), "hidden": _hidden(visit, hooks, refused),
        "notice": act.notice,
        "preview": refused.preview, "rows": 6,
    }  # fmt: skip
    return {**shown, **hooks.shown(visit, refused)}


def typed_in(act: Act, form: FormData) -> dict[str, Any]:
    """What was typed into the fields of an act: texts, or lists of texts."""
    return {name: texts_of(form, name) if _is_chosen(act, name) else text_of(form, name) for name in _names(act)}


def _is_chosen(act: Act, name: str) -> bool:
    """Whether several values are chosen; several that are typed are lines of one text."""
    return is_several(act, name) and not wording_of(act, name).lines


def form_fields(visit: FormVisit, hooks: FormHooks, refused: RefusedForm) -> list[FormField]:
    """The questions of the form of an act: the fields of its request, but those in its address and hidden ones."""
    act, words = visit.act, visit.words
    given = {} if refused.typed else {**hooks.given(visit), **_asked(visit, hooks)}
    made = []
    for name in _names(act):
        if name in visit.named or _is_hidden(act, name):
            continue
        field, wording = act.request.model_fields[name], wording_of(act, name)
        options = _options(visit, hooks, name)
        value = _text(refused.typed.get(name, given.get(name, _default(field))))
        made.append(
            FormField(
                name, words.say(field.title or name), _kind(act, name, options),
                "\n".join(value) if isinstance(value, list) and not _is_chosen(act, name) else value,
                words.say(wording.hint) if wording.hint else "",
                words.translate(words.say(refused.wrongs[name])) if name in refused.wrongs else "",
                _is_needed(field) and not _is_chosen(act, name),
                hooks.choices[wording.proposed](visit) if wording.proposed else options or (),
                takes_file=bool(wording.file and wording.lines), most=_most(field),
            )
        )  # fmt: skip
    return made


def _names(act: Act) -> list[str]:
    """The fields of a request as a form asks them; what makes it known when it comes twice is none."""
    return sorted(
        (name for name in act.request.model_fields if name != "once"), key=lambda name: wording_of(act, name).order
    )


def _is_hidden(act: Act, name: str) -> bool:
    return wording_of(act, name).hidden


def _asked(visit: FormVisit, hooks: FormHooks) -> dict[str, Any]:
    """What the address asks that fields say at first."""
    asked = visit.asked
    names = [name for name in _names(visit.act) if name in hooks.linked and not _is_chosen(visit.act, name)]
    return {name: asked[name] for name in names if name in asked}


def _hidden(visit: FormVisit, hooks: FormHooks, refused: RefusedForm) -> list[tuple[str, str]]:
    """Hidden fields that the address or the form before brought."""
    made = []
    for name in _names(visit.act):
        if name in hooks.linked and name not in visit.named and _is_hidden(visit.act, name):
            said = refused.typed.get(name) if refused.typed else visit.request.query_params.getlist(name)
            made += [(name, str(one)) for one in ([said] if isinstance(said, str) else said or ()) if one]
    return made


def _kind(act: Act, name: str, options: Options | None) -> str:
    wording, annotation = wording_of(act, name), act.request.model_fields[name].annotation
    if _is_chosen(act, name):
        return "several"
    if options is not None:
        return "choice"
    if annotation is bool:
        return "box"
    if wording.time or _says_time(annotation):
        return "time"
    if date in (annotation, *getattr(annotation, "__args__", ())):
        return "date"
    return "area" if wording.lines else "file" if wording.file else "text"


def _says_time(annotation: Any) -> bool:
    """Whether a type is that of a time, also of one that may be missing."""
    return annotation is datetime or any(map(_says_time, get_args(annotation)))


def _is_needed(field: FieldInfo) -> bool:
    """Whether a form must say it: also what a command may leave as it is, and what cannot be empty."""
    return field.is_required() or (field.default == "" and any(getattr(one, "min_length", 0) for one in field.metadata))


def _most(field: FieldInfo) -> int | None:
    return next((most for one in field.metadata if (most := getattr(one, "max_length", None))), None)


def _options(visit: FormVisit, hooks: FormHooks, name: str) -> Options | None:
    """What a field offers; None: it is typed.

    Where nothing need be chosen nothing is what stands first: else a browser sends the first of its options. A list
    that only its page knows begins with nothing where its wording says so, and one of which something must be chosen
    where nothing may be assumed.
    """
    wording, words, field = wording_of(visit.act, name), visit.words, visit.act.request.model_fields[name]
    needed = field.is_required()
    if not wording.choices:
        return None
    if isinstance(wording.choices, str):
        offered, nothing = [*hooks.choices[wording.choices](visit)], "" if needed else wording.nothing
    else:
        offered = [(str(value), words.say(said)) for value, said in wording.choices.items()]
        nothing = wording.nothing or ("" if needed else N_("None"))
    if _is_chosen(visit.act, name) or _text(_default(field)) in {value for value, _ in offered}:
        return offered
    return [("", words.say(nothing)), *offered] if nothing else offered


def _default(field: FieldInfo) -> Any:
    return "" if field.is_required() or field.default_factory or field.default is None else field.default


def _text(value: Any) -> Any:
    """A value as a field of a form has it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, tuple | list):
        return [str(getattr(one, "value", one)) for one in value]
    return value if isinstance(value, bool) else "" if value is None else str(getattr(value, "value", value))
