"""What every form of readiness does: its act, and on to a page; or back to the form with what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.interface import PageMaker, RequestError, perform_form
from tocsin.node.accounts import Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.node.sentences import say
from tocsin.readiness.acts import act_of


@dataclass(frozen=True)
class FormFailure:
    """Why a form was not taken, and what was typed. ``form``: which of the page's forms it was, by its act."""

    form: str = ""
    typed: Mapping[str, Any] = field(default_factory=dict)
    wrongs: Sequence[tuple[str, str]] = ()
    error: TocsinError | None = None

    @property
    def status(self) -> int:
        """The status of the answer."""
        return 200 if not self.form else 409 if isinstance(self.error, ConflictError) else 422

    def value(self, form: str, name: str, otherwise: str = "") -> Any:
        """What was typed into a field of a form; ``otherwise`` where it was not sent."""
        return self.typed.get(name, otherwise) if form == self.form else otherwise


NONE = FormFailure()


def perform(
    maker: PageMaker, visitor: Principal, operation: str, form: FormData, path: str | Callable[[Any], str], **given: Any
) -> Response | FormFailure:
    """Do an act with what a form says, and on to ``path``, or to what makes one of the result; or why not."""
    try:
        done, undo = perform_form(maker, visitor, act_of(operation), form, **given)
    except RequestError as error:
        return FormFailure(operation, form, error.wrongs)
    except (ConflictError, InputError, NotFoundError, UsageError) as error:
        return FormFailure(operation, form, error=error)
    return maker.go(path if isinstance(path, str) else path(done), undo=undo)


def changed(operation: str, form: FormData) -> FormFailure:
    """The refusal of a form whose page shows what is not so any more."""
    error = ConflictError(
        say("Another person changed this since you opened the page."),
        hint=say("Nothing of yours is saved yet. Look at what is new, then send it again."),
    )
    return FormFailure(operation, form, error=error)
