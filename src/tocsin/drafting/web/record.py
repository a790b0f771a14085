"""A text as a page shows it, and the step that its form makes: once, and on words that are still there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import Request
from fastapi.responses import Response

from tocsin.drafting.acts import Act, AddComment, Close, Declare, Propose
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, Signer, canonical_act, replayed, signing_key, undone_steps
from tocsin.drafting.keys import account_key
from tocsin.drafting.store import append, load
from tocsin.drafting.stored_text import StoredText
from tocsin.interface import N_, NotHereError, PageMaker, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError
from tocsin.node.sentences import say

STEPS: Final = {
    "import": N_("Text imported"),
    "propose": N_("Proposal"),
    "position": N_("Position"),
    "confirm": N_("Position confirmed"),
    "correct-position": N_("Position corrected"),
    "correct-entry": N_("Proposal corrected"),
    "correct-comment": N_("Comment corrected"),
    "comment": N_("Comment"),
    "relabel": N_("Label changed"),
    "merge": N_("Provisions merged"),
    "split": N_("Provision split"),
    "move": N_("Provision moved"),
    "new": N_("New provision"),
    "delete": N_("Provision deleted"),
    "rebase": N_("Proposal rebased"),
    "chair": N_("Chair named"),
    "accept": N_("Wording accepted"),
    "combine": N_("Wording combined"),
    "bracket": N_("Left in brackets"),
    "leave": N_("Left as it is"),
    "close": N_("Round closed"),
    "restore": N_("Older base restored"),
    "undo": N_("Step undone"),
}
"""What each step of a history is called."""

Moved = Callable[[TextState, Sequence[HistoryStep]], bool]


class MovedError(ConflictError):
    """What a form shows is not so any more; nothing is recorded."""


@dataclass(frozen=True)
class OpenText:
    """A text, its state, and what the visitor is in it. ``signer``: the key of the chair who looks, else None."""

    stored: StoredText
    draft: TextState
    visitor: Principal
    signer: Signer | None

    @property
    def name(self) -> str:
        """What it is called here."""
        return self.stored.name

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/drafting/{quote(self.name, safe='')}"

    def path_of(self, provision: object) -> str:
        """The address of the page of a provision; that of the text where there is none."""
        known = isinstance(provision, str) and provision in self.draft.provisions
        return f"{self.path}/provisions/{quote(str(provision), safe='')}" if known else self.path

    @property
    def speaker(self) -> str:
        """For whom the visitor spoke last in this text, or empty."""
        mine = (step.act() for step in reversed(self.stored.steps) if step.actor == self.visitor.name)
        said = (getattr(act, "stakeholder", "") or getattr(act, "author", "") for act in mine)
        return next((name for name in said if isinstance(name, str) and name), "")

    def may_undo(self, step: HistoryStep) -> bool:
        """Whether the visitor may undo a step: an own one, or any as the chair or an administrator."""
        if (
            step.seq == 1
            or not self.visitor.may(Permission.DRAFTING_WRITE)
            or step.seq in undone_steps(self.stored.steps)
        ):
            return False
        if step.signature is not None:
            return self.signer is not None
        steers = self.signer is not None or self.visitor.may(Permission.ADMIN_WRITE)
        return steers or step.actor == self.visitor.name


@dataclass(frozen=True)
class TextPages:
    """What the pages of drafting are made with."""

    maker: PageMaker

    def open(self, name: str, visitor: Principal) -> OpenText:
        """The text called ``name``."""
        stored = load(self.maker.node.database, name)
        return OpenText(stored, replayed(stored.steps), visitor, self._signer(stored, visitor))

    def show(self, request: Request, template: str, text: OpenText, *, status: int = 200, **context: Any) -> Response:
        """A page of a text."""
        number = number_in(request.query_params.get("step", "")) or 0
        done = text.stored.steps[number - 1] if 0 < number <= len(text.stored.steps) else None
        shared: dict[str, Any] = {
            "text": text,
            "name": text.name,
            "draft": text.draft,
            "title": text.draft.text.title or text.name,
            "seen": len(text.stored.steps),
            "made": uuid4().hex[:10],
            "step_done": done if done and done.actor in {text.visitor.name, text.draft.chair} else None,
            "steps_named": STEPS,
            "writes": text.visitor.may(Permission.DRAFTING_WRITE),
        }
        return self.maker.page(request, f"drafting/{template}.html", status=status, **shared, **context)

    def record(
        self,
        text: OpenText,
        make: Callable[[TextState], Sequence[Act]],
        *,
        seen: int,
        moved: Moved = lambda _draft, _since: False,
        chair: bool = False,
    ) -> int:
        """The number of the last step that a form makes; a second sending of the form is the same step.

        ``seen``: how many steps there were when its page was made. ``moved``: whether steps since then make what it
        shows untrue. ``chair``: it is signed, and under the chair's name.

        Raises:
            MovedError: they do.

        """
        again: list[int] = []

        def decide(stored: StoredText, draft: TextState) -> Sequence[Act]:
            acts, since = make(draft), stored.steps[seen:]
            again.extend(step.seq for step in since if _is_same(step, acts[-1]))
            if again:
                return []
            if moved(draft, since):
                raise MovedError(
                    say("The text changed since this page was made: read it again, then send the form again.")
                )
            return acts

        visitor = text.visitor
        actor = text.draft.chair or visitor.name if chair else visitor.name
        steps, _ = append(
            self.maker.node.database, text.stored.id, decide, actor=actor, at=self.maker.now,
            signer=text.signer if chair else None, account=visitor.actor,
        )  # fmt: skip
        return steps[-1].seq if steps else again[0]

    def _signer(self, stored: StoredText, visitor: Principal) -> Signer | None:
        if visitor.person is None or not visitor.may(Permission.DRAFTING_WRITE):
            return None
        key = account_key(self.maker.node.home, visitor.person)
        return key if key and key.public == signing_key(stored.steps, Close()) else None


def provision_in(text: OpenText, provision: str) -> str:
    """The same where it is or was a provision of the text.

    Raises:
        NotHereError: it never was.

    """
    if provision not in text.draft.provisions:
        raise NotHereError
    return provision


def changed_since(provision: str) -> Moved:
    """Whether anything but comments happened since to a provision, or to the text as a whole."""

    def moved(_draft: TextState, since: Sequence[HistoryStep]) -> bool:
        acts = (step.act() for step in since)
        return any(getattr(act, "provision", provision) == provision for act in acts if not isinstance(act, AddComment))

    return moved


def _is_same(step: HistoryStep, act: Act) -> bool:
    """Whether a step is the act, or made the same thing: its id is the form's own."""
    made, there = Propose | Declare | AddComment, step.act()
    same = isinstance(there, made) and isinstance(act, made) and there.id == act.id
    return same or step.body == canonical_act(act)
