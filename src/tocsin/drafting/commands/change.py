"""``tocsin drafting``: what delegates and the secretariat add to a text. Every command adds steps to its history."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tocsin.drafting import acts
from tocsin.drafting.brackets import brackets, lifted
from tocsin.drafting.commands.texts import draft_of, read_bytes
from tocsin.drafting.contributions import fresh, proposal
from tocsin.drafting.difference import TextPiece, difference
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, Signer
from tocsin.drafting.jsonform import pieces_document
from tocsin.drafting.keys import load_key
from tocsin.drafting.model import EntryClass, PositionKind
from tocsin.drafting.sentences import sentence
from tocsin.interface import Invocation, say
from tocsin.node.errors import InputError, NotFoundError, UsageError

E = TypeVar("E", bound=StrEnum)

Actor = Annotated[str, typer.Option("--by", envvar="TOCSIN_BY", help="Who does this; it stays on record.")]
Stakeholder = Annotated[str, typer.Option("--stakeholder", "-s", help="Whose words or position these are.")]
TextName = Annotated[str, typer.Argument(help="The name of the text; 'list' shows them.", metavar="TEXT")]
ProvisionId = Annotated[str, typer.Argument(help="The provision's id, such as 'P.k bis'.", metavar="PROVISION")]
_TEXT = typer.Option("--text", help="The words; '-' reads them from the standard input.")
Words = Annotated[str, _TEXT]
OptionalWords = Annotated[str | None, _TEXT]
WordsFile = Annotated[Path | None, typer.Option("--file", help="A file with the words (UTF-8).")]
Group = Annotated[str | None, typer.Option("--group", help="The stakeholder's group, such as Government.")]
Members = Annotated[list[str] | None, typer.Option("--member", help="An organisation behind the label; repeatable.")]
Base = Annotated[
    int | None, typer.Option("--base", help="Which base the words were written on; the latest by default.")
]


def add(
    call: Invocation,
    text: str,
    by: str,
    decide: Callable[[TextState], Sequence[acts.Act]],
    *,
    signer: Signer | None = None,
    then: Callable[[TextState], None] | None = None,
) -> None:
    """Add the acts that ``decide`` returns to a text's history, and print what was added."""
    from tocsin.drafting.store import append

    steps, draft = append(call.database, text, lambda _, draft: decide(draft), actor=by, at=call.now, signer=signer)
    document = [{"step": step.seq, "act": step.act().act, "id": made_id(step), "hash": step.hash} for step in steps]

    def human() -> None:
        for step in steps:
            say(f"Step {step.seq}: {sentence(step.act())}.")
        if then is not None:
            then(draft)

    call.emit(document, human)


def option(name: str, annotation: object, default: object = Parameter.empty) -> Parameter:
    """A parameter of a command."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_FIRST = (option("call", Invocation), option("text", TextName))


def command_of(decide: Callable[..., object], serve: Callable[..., None], *more: Parameter) -> Callable[..., None]:
    """The command that gives ``serve`` the name of a text, ``more``, and what ``decide`` takes beside the text itself.

    What must be given comes first. ``words`` may be in a file; where ``decide`` has no default for them, they must be.
    """
    own = list(signature(decide).parameters.values())[1:]
    words = next((one for one in own if one.name == "words"), None)
    if words is not None:
        place = own.index(words)
        own[place : place + 1] = [option("words", OptionalWords, None), option("file", WordsFile, None)]

    def command(call: Invocation, **given: Any) -> None:
        if words is not None:
            said = (given["words"], given.pop("file"))
            given["words"] = words.default if said == (None, None) and words.default is None else words_from(*said)
        serve(call, **given)

    named = [*_FIRST, *(one.replace(kind=Parameter.KEYWORD_ONLY) for one in own), *more]
    named.sort(key=lambda one: one.default is not Parameter.empty)
    command.__signature__ = Signature(named)  # type: ignore[attr-defined]  # Typer makes the options of it
    command.__annotations__ = {one.name: one.annotation for one in named}
    command.__name__, command.__doc__ = decide.__name__, decide.__doc__
    return command


def change(decide: Callable[..., Sequence[acts.Act]]) -> Callable[..., None]:
    """The command that adds to a text what ``decide`` makes of it."""

    def serve(call: Invocation, text: str, by: str, **given: Any) -> None:
        add(call, text, by, lambda draft: decide(draft, **given))

    return command_of(decide, serve, option("by", Actor, "secretariat"))


def made_id(step: HistoryStep) -> str | None:
    """The id of what a step made, if it made something."""
    made = getattr(step.act(), "id", None)
    return made if isinstance(made, str) else None


def print_difference(pieces: Sequence[TextPiece], words: str) -> None:
    """The words with what was taken out {-so-} and put in {+so+}; struck through and underlined on a terminal.

    Square brackets would be taken for those of the text.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    styles = {"keep": "", "delete": "strike dim", "insert": "underline bold"}
    plain = {"keep": ("", ""), "delete": ("{-", "-}"), "insert": ("{+", "+}")}
    line = Text("   ")
    if not pieces:
        line.append(words or "(no words)")
    for piece in pieces:
        before, after = ("", "") if console.is_terminal else plain[piece.change]
        line.append(f"{before}{piece.text}{after}", style=styles[piece.change])
    console.print(line, soft_wrap=not console.is_terminal)


def words_from(text: str | None, file: Path | None) -> str:
    """The words given as an option, in a file, or on the standard input."""
    if (text is None) == (file is None):
        raise UsageError("Give the words with --text or --file.", hint="--text '' proposes no words at all.")
    if file is not None:
        try:
            return read_bytes(file).decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8.", hint="Save it as plain text in UTF-8.") from error
    return sys.stdin.read().strip() if text == "-" else (text or "")


def propose(
    call: Invocation,
    text: TextName,
    provision: ProvisionId,
    stakeholder: Stakeholder,
    words: OptionalWords = None,
    file: WordsFile = None,
    group: Group = None,
    member: Members = None,
    base: Base = None,
    language: Annotated[str, typer.Option(help="The language of the words, such as 'fr'.")] = "",
    reason: Annotated[str, typer.Option(help="Why, in the stakeholder's words: a comment on them.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    by: Actor = "secretariat",
) -> None:
    """Propose words for a provision, and see the difference word by word."""
    proposed = words_from(words, file)

    def show(draft: TextState) -> None:
        generation = draft.generation if base is None else base
        print_difference(difference(draft.base_at(provision, generation), proposed), proposed)

    def show_recorded(draft: TextState) -> None:
        show(draft)
        read = list(draft.positions.values())[-1]
        say(f"   Position {read.id}: {read.kind}, since {read.basis}; 'drafting position' declares another.")

    if dry_run:
        draft = draft_of(call, text)
        pieces = difference(draft.base_at(provision, draft.generation if base is None else base), proposed)
        call.emit(pieces_document(pieces), lambda: show(draft))
        return

    def decide(draft: TextState) -> list[acts.Act]:
        written = proposal(
            draft, provision, stakeholder, proposed, group=group, members=member, base=base, language=language,
            reason=reason,
        )  # fmt: skip
        return [written]

    add(call, text, by, decide, then=show_recorded)


@change
def position(
    draft: TextState,
    provision: ProvisionId,
    kind: Annotated[str, typer.Argument(help="support, oppose, amend, delete, merge, replace, clarify, retain, …")],
    stakeholder: Stakeholder,
    reason: Annotated[str, typer.Option(help="Why, in the stakeholder's words.")] = "",
    entry: Annotated[str | None, typer.Option(help="The entry the position is on.")] = None,
    target: Annotated[str | None, typer.Option(help="For merge: the provision to merge it into.")] = None,
) -> Sequence[acts.Act]:
    """Declare what a stakeholder wants of a provision or section, with or without words."""
    wanted = _one_of(PositionKind, kind, "position")
    return [acts.Declare(fresh("p"), provision, stakeholder, wanted, draft.generation, reason, entry, target)]


@change
def confirm(
    _draft: TextState,
    position_id: Annotated[str, typer.Argument(help="The position's id, such as p12.", metavar="POSITION")],
) -> Sequence[acts.Act]:
    """Confirm a position that was inferred."""
    return [acts.Confirm(position_id)]


@change
def correct(
    draft: TextState,
    what: Annotated[str, typer.Argument(help="The id of a position, an entry or a comment.", metavar="ID")],
    reason: Annotated[str, typer.Option(help="How you know; it stays on record.")],
    kind: Annotated[str | None, typer.Option(help="A position's right kind.")] = None,
    target: Annotated[str | None, typer.Option(help="A merge's right target.")] = None,
    words: OptionalWords = None,
    entry_class: Annotated[str | None, typer.Option("--class", help="An entry's right class.")] = None,
    provision: Annotated[str | None, typer.Option(help="The provision an entry belongs to.")] = None,
    stakeholder: Annotated[str | None, typer.Option(help="Whose entry it is.")] = None,
    group: Group = None,
    author: Annotated[str | None, typer.Option(help="Who wrote a comment.")] = None,
) -> Sequence[acts.Act]:
    """Correct how a position, entry or comment was read; the reading before stays in the history."""
    if what in draft.positions:
        if kind is None:
            raise UsageError("Say which kind it is.", hint="--kind support, …")
        return [acts.CorrectPosition(what, _one_of(PositionKind, kind, "position"), reason, target)]
    if what in draft.entries:
        right = None if entry_class is None else _one_of(EntryClass, entry_class, "class")
        return [acts.CorrectEntry(what, reason, words, right, provision, stakeholder, group)]
    if what in draft.comments:
        return [acts.CorrectComment(what, reason, author, words)]
    raise NotFoundError(f"There is nothing called '{what}' in this text.", hint="'drafting show' lists them.")


@change
def comment(
    draft: TextState,
    provision: Annotated[str, typer.Argument(help="The id of a provision or section.", metavar="PROVISION")],
    author: Annotated[str, typer.Option(help="Who says it.")],
    words: Words,
    entry: Annotated[str | None, typer.Option(help="The entry it is about, which may be another's.")] = None,
    on: Annotated[str | None, typer.Option(help="The words of the base that it is about.")] = None,
    reply_to: Annotated[str | None, typer.Option(help="The comment it answers.")] = None,
) -> Sequence[acts.Act]:
    """Remark on a section, a provision, or some words of it."""
    start = end = None
    if on is not None:
        start = _place_of(on, draft, provision)
        end = start + len(on)
    return [acts.AddComment(fresh("c"), provision, author, words, entry, start, end, reply_to)]


@change
def relabel(
    _draft: TextState,
    provision: ProvisionId,
    label: Annotated[str, typer.Argument(help="The label to print, such as 'k bis'.")],
) -> Sequence[acts.Act]:
    """Change a provision's printed label; its id stays."""
    return [acts.Relabel(provision, label)]


@change
def merge(
    _draft: TextState,
    provision: ProvisionId,
    into: Annotated[str, typer.Argument(help="The provision that takes its words.")],
) -> Sequence[acts.Act]:
    """Put the words of one provision behind another's; what was said on it stays on record."""
    return [acts.MergeProvisions(provision, into)]


@change
def split(
    draft: TextState,
    provision: ProvisionId,
    before: Annotated[str, typer.Option(help="The words that the new provision begins with.")],
    label: Annotated[str, typer.Option(help="The label of the new provision.")],
) -> Sequence[acts.Act]:
    """Cut a provision in two."""
    from tocsin.drafting.bundle import free_id

    identity = free_id(draft, f"{provision.partition('.')[0]}.{label}")
    return [acts.SplitProvision(provision, _place_of(before, draft, provision), identity, label)]


@change
def move(
    draft: TextState,
    provision: ProvisionId,
    after: Annotated[str | None, typer.Option(help="The provision to print it after.")] = None,
    section: Annotated[str | None, typer.Option(help="The section to print it first in.")] = None,
) -> Sequence[acts.Act]:
    """Print a provision elsewhere."""
    if after is not None and after in draft.provisions:
        return [acts.Move(provision, draft.provisions[after].section, after)]
    if section is None:
        raise UsageError("Say where to: --after PROVISION or --section SECTION.")
    return [acts.Move(provision, section, None)]


@change
def new(
    draft: TextState,
    section: Annotated[str, typer.Argument(help="The section's id, such as P.")],
    stakeholder: Stakeholder,
    label: Annotated[str, typer.Option(help="The label to print.")] = "",
    *,
    words: Words,
    group: Group = None,
    member: Members = None,
) -> Sequence[acts.Act]:
    """Propose a provision that the base does not have."""
    from tocsin.drafting.bundle import free_id

    identity = free_id(draft, f"{section}.{label or 'new'}")
    written = proposal(draft, identity, stakeholder, words, group=group, members=member)
    return [acts.New(identity, section, label), written]


@change
def delete(
    _draft: TextState,
    provision: ProvisionId,
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")],
) -> Sequence[acts.Act]:
    """Take a provision out of the text; everything said about it stays on record."""
    return [acts.Delete(provision, reason)]


def undo(
    call: Invocation,
    text: TextName,
    step: Annotated[int, typer.Argument(help="The step's number; 'log' shows them.")],
    key: Annotated[Path | None, typer.Option(help="The chair's key file, for a step of the chair.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Make the text as if a step had not happened. Undoing the undo brings it back."""
    add(call, text, by, lambda _: [acts.Undo(step)], signer=None if key is None else load_key(key))


def lift(call: Invocation, text: str, number: int, stakeholder: str, by: str) -> None:
    """Propose the words of a bracket without it, on each provision it touches."""

    def decide(draft: TextState) -> list[acts.Act]:
        pairs = brackets(draft.printed()).pairs
        if not 1 <= number <= len(pairs):
            raise NotFoundError(f"The brackets are numbered 1 to {len(pairs)}.")
        return [
            proposal(draft, name, stakeholder, words)
            for name, words in lifted(draft.printed(), pairs[number - 1]).items()
        ]

    add(call, text, by, decide)


def _place_of(words: str, draft: TextState, provision: str) -> int:
    base = draft.provisions[provision].base if provision in draft.provisions else ""
    if base.count(words) != 1:
        raise UsageError(
            f"'{words}' is found {base.count(words)} times in {provision}; give words that are there once."
        )
    return base.index(words)


def _one_of(kinds: type[E], name: str, what: str) -> E:
    try:
        return kinds(name.replace("-", "_"))
    except ValueError as error:
        raise UsageError(
            f"'{name}' is no {what}.", hint=f"One of: {', '.join(kind.value for kind in kinds)}."
        ) from error
