"""``tocsin drafting``: what delegates and the secretariat add to a text. Every command adds steps to its history."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import uuid4

import typer

from tocsin.drafting.commands.records import draft_of, now, open_records, read_bytes
from tocsin.interface.output import Invocation, emit, say
from tocsin.node.errors import InputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from tocsin.drafting.acts import Act
    from tocsin.drafting.difference import TextPiece
    from tocsin.drafting.draft import TextState
    from tocsin.drafting.history import HistoryStep, Signer
    from tocsin.drafting.model import Bracket, PositionKind

E = TypeVar("E", bound=StrEnum)

Actor = Annotated[str, typer.Option("--by", envvar="TOCSIN_BY", help="Who does this; it stays on record.")]
Stakeholder = Annotated[str, typer.Option("--stakeholder", "-s", help="Whose words or position these are.")]
TextName = Annotated[str, typer.Argument(help="The name of the text; 'list' shows them.", metavar="TEXT")]
ProvisionId = Annotated[str, typer.Argument(help="The provision's id, such as 'P.k bis'.", metavar="PROVISION")]
Words = Annotated[str | None, typer.Option("--text", help="The words; '-' reads them from the standard input.")]
WordsFile = Annotated[Path | None, typer.Option("--file", help="A file with the words (UTF-8).")]
Group = Annotated[str | None, typer.Option("--group", help="The stakeholder's group, such as Government.")]
Members = Annotated[list[str] | None, typer.Option("--member", help="An organisation behind the label; repeatable.")]
Base = Annotated[
    int | None, typer.Option("--base", help="Which base the words were written on; the latest by default.")
]


def add(
    ctx: typer.Context,
    text: str,
    by: str,
    decide: "Callable[[TextState], Sequence[Act]]",
    *,
    signer: "Signer | None" = None,
    then: "Callable[[TextState], None] | None" = None,
) -> None:
    """Add the acts that ``decide`` returns to a text's history, and print what was added."""
    from tocsin.drafting.sentences import sentence
    from tocsin.drafting.store import append

    invocation: Invocation = ctx.obj
    database = open_records(invocation.home)
    steps, draft = append(database, text, lambda _, draft: decide(draft), actor=by, at=now(), signer=signer)
    document = [{"step": step.seq, "act": step.act().act, "id": made_id(step), "hash": step.hash} for step in steps]

    def human() -> None:
        for step in steps:
            say(f"Step {step.seq}: {sentence(step.act())}.")
        if then is not None:
            then(draft)

    emit(invocation, document, human)


def made_id(step: "HistoryStep") -> str | None:
    """The id of what a step made, if it made something."""
    made = getattr(step.act(), "id", None)
    return made if isinstance(made, str) else None


def print_difference(pieces: "Sequence[TextPiece]", words: str) -> None:
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


def fresh(kind: str) -> str:
    """A new id that no other copy of the text will make: ``e-`` entries, ``p-`` positions, ``c-`` comments."""
    return f"{kind}-{uuid4().hex[:10]}"


def known_stakeholder(
    draft: "TextState", name: str, group: str | None, members: Sequence[str] | None
) -> tuple[tuple[str, ...], str | None]:
    """The organisations and group of a stakeholder: as given, else as the record knows them."""
    from tocsin.drafting.agreement import stakeholders

    if not name:
        raise UsageError("Whose words are these?", hint="Name the stakeholder with --stakeholder.")
    known = next((person for person in stakeholders(draft) if person.name == name), None)
    organisations = tuple(members) if members else known.organisations if known else (name,)
    return organisations, group or (known.role if known else None)


def propose(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    stakeholder: Stakeholder,
    words: Words = None,
    file: WordsFile = None,
    group: Group = None,
    member: Members = None,
    base: Base = None,
    language: Annotated[str, typer.Option(help="The language of the words, such as 'fr'.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    by: Actor = "secretariat",
) -> None:
    """Propose words for a provision, and see the difference word by word."""
    from tocsin.drafting.acts import Propose
    from tocsin.drafting.difference import difference
    from tocsin.drafting.jsonform import pieces_document

    proposed = words_from(words, file)
    invocation: Invocation = ctx.obj

    def show(draft: "TextState") -> None:
        generation = draft.generation if base is None else base
        print_difference(difference(draft.base_at(provision, generation), proposed), proposed)

    def show_recorded(draft: "TextState") -> None:
        show(draft)
        read = list(draft.positions.values())[-1]
        say(f"   Position {read.id}: {read.kind}, since {read.basis}; 'drafting position' declares another.")

    if dry_run:
        draft = draft_of(invocation, text)
        pieces = difference(draft.base_at(provision, draft.generation if base is None else base), proposed)
        emit(invocation, pieces_document(pieces), lambda: show(draft))
        return

    def decide(draft: "TextState") -> list["Act"]:
        organisations, role = known_stakeholder(draft, stakeholder, group, member)
        generation = draft.generation if base is None else base
        identity = fresh("e")
        return [Propose(identity, provision, stakeholder, organisations, role, proposed, generation, language)]

    add(ctx, text, by, decide, then=show_recorded)


def position(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    kind: Annotated[str, typer.Argument(help="support, oppose, amend, delete, merge, replace, clarify, retain, …")],
    stakeholder: Stakeholder,
    reason: Annotated[str, typer.Option(help="Why, in the stakeholder's words.")] = "",
    entry: Annotated[str | None, typer.Option(help="The entry the position is on.")] = None,
    target: Annotated[str | None, typer.Option(help="For merge: the provision to merge it into.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Declare what a stakeholder wants of a provision or section, with or without words."""
    from tocsin.drafting.acts import Declare

    wanted = _kind(kind)
    add(
        ctx,
        text,
        by,
        lambda draft: [
            Declare(fresh("p"), provision, stakeholder, wanted, draft.generation, reason, entry, target),
        ],
    )


def confirm(
    ctx: typer.Context,
    text: TextName,
    position_id: Annotated[str, typer.Argument(help="The position's id, such as p12.", metavar="POSITION")],
    by: Actor = "secretariat",
) -> None:
    """Confirm a position that was inferred."""
    from tocsin.drafting.acts import Confirm

    add(ctx, text, by, lambda _: [Confirm(position_id)])


def correct(
    ctx: typer.Context,
    text: TextName,
    what: Annotated[str, typer.Argument(help="The id of a position, an entry or a comment.", metavar="ID")],
    reason: Annotated[str, typer.Option(help="How you know; it stays on record.")],
    kind: Annotated[str | None, typer.Option(help="A position's right kind.")] = None,
    target: Annotated[str | None, typer.Option(help="A merge's right target.")] = None,
    words: Words = None,
    file: WordsFile = None,
    entry_class: Annotated[str | None, typer.Option("--class", help="An entry's right class.")] = None,
    provision: Annotated[str | None, typer.Option(help="The provision an entry belongs to.")] = None,
    stakeholder: Annotated[str | None, typer.Option(help="Whose entry it is.")] = None,
    group: Group = None,
    author: Annotated[str | None, typer.Option(help="Who wrote a comment.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Correct how a position, entry or comment was read; the reading before stays in the history."""
    from tocsin.drafting.acts import CorrectComment, CorrectEntry, CorrectPosition
    from tocsin.drafting.model import EntryClass

    text_given = None if words is None and file is None else words_from(words, file)

    def decide(draft: "TextState") -> list["Act"]:
        if what in draft.positions:
            if kind is None:
                raise UsageError("Say which kind it is.", hint="--kind support, …")
            return [CorrectPosition(what, _kind(kind), reason, target)]
        if what in draft.entries:
            right = None if entry_class is None else _one_of(EntryClass, entry_class, "class")
            return [CorrectEntry(what, reason, text_given, right, provision, stakeholder, group)]
        if what in draft.comments:
            return [CorrectComment(what, reason, author, text_given)]
        raise NotFoundError(
            f"There is nothing called '{what}' in this text.", hint=f"'drafting show {text} PROVISION'."
        )

    add(ctx, text, by, decide)


def comment(
    ctx: typer.Context,
    text: TextName,
    provision: Annotated[str, typer.Argument(help="The id of a provision or section.", metavar="PROVISION")],
    author: Annotated[str, typer.Option(help="Who says it.")],
    words: Words = None,
    file: WordsFile = None,
    entry: Annotated[str | None, typer.Option(help="The entry it is about, which may be somebody else's.")] = None,
    on: Annotated[str | None, typer.Option(help="The words of the base that it is about.")] = None,
    reply_to: Annotated[str | None, typer.Option(help="The comment it answers.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Remark on a section, a provision, or some words of it."""
    from tocsin.drafting.acts import AddComment

    said = words_from(words, file)

    def decide(draft: "TextState") -> list["Act"]:
        start = end = None
        if on is not None:
            base = draft.provisions[provision].base if provision in draft.provisions else ""
            if base.count(on) != 1:
                raise UsageError(f"'{on}' stands {base.count(on)} times in {provision}; give words that stand once.")
            start = base.index(on)
            end = start + len(on)
        return [AddComment(fresh("c"), provision, author, said, entry, start, end, reply_to)]

    add(ctx, text, by, decide)


def relabel(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    label: Annotated[str, typer.Argument(help="The label to print, such as 'k bis'.")],
    by: Actor = "secretariat",
) -> None:
    """Change a provision's printed label; its id stays."""
    from tocsin.drafting.acts import Relabel

    add(ctx, text, by, lambda _: [Relabel(provision, label)])


def merge(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    into: Annotated[str, typer.Argument(help="The provision that takes its words.")],
    by: Actor = "secretariat",
) -> None:
    """Put the words of one provision behind another's; what was said on it stays on record."""
    from tocsin.drafting.acts import MergeProvisions

    add(ctx, text, by, lambda _: [MergeProvisions(provision, into)])


def split(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    before: Annotated[str, typer.Option(help="The words that the new provision begins with.")],
    label: Annotated[str, typer.Option(help="The label of the new provision.")],
    by: Actor = "secretariat",
) -> None:
    """Cut a provision in two."""
    from tocsin.drafting.acts import SplitProvision

    def decide(draft: "TextState") -> list["Act"]:
        base = draft.provisions[provision].base if provision in draft.provisions else ""
        if base.count(before) != 1:
            raise UsageError(
                f"'{before}' stands {base.count(before)} times in {provision}; give words that stand once."
            )
        return [SplitProvision(provision, base.index(before), _free(draft, provision.partition(".")[0], label), label)]

    add(ctx, text, by, decide)


def move(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    after: Annotated[str | None, typer.Option(help="The provision to print it after.")] = None,
    section: Annotated[str | None, typer.Option(help="The section to print it first in.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Print a provision elsewhere."""
    from tocsin.drafting.acts import Move

    def decide(draft: "TextState") -> list["Act"]:
        if after is not None and after in draft.provisions:
            return [Move(provision, draft.provisions[after].section, after)]
        if section is None:
            raise UsageError("Say where to: --after PROVISION or --section SECTION.")
        return [Move(provision, section, None)]

    add(ctx, text, by, decide)


def new(
    ctx: typer.Context,
    text: TextName,
    section: Annotated[str, typer.Argument(help="The section's id, such as P.")],
    stakeholder: Stakeholder,
    label: Annotated[str, typer.Option(help="The label to print.")] = "",
    words: Words = None,
    file: WordsFile = None,
    group: Group = None,
    member: Members = None,
    by: Actor = "secretariat",
) -> None:
    """Propose a provision that the base does not have."""
    from tocsin.drafting.acts import New, Propose

    proposed = words_from(words, file)

    def decide(draft: "TextState") -> list["Act"]:
        identity = _free(draft, section, label or "new")
        organisations, role = known_stakeholder(draft, stakeholder, group, member)
        words = Propose(fresh("e"), identity, stakeholder, organisations, role, proposed, draft.generation)
        return [New(identity, section, label), words]

    add(ctx, text, by, decide)


def delete(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")],
    by: Actor = "secretariat",
) -> None:
    """Take a provision out of the text; everything said about it stays on record."""
    from tocsin.drafting.acts import Delete

    add(ctx, text, by, lambda _: [Delete(provision, reason)])


def undo(
    ctx: typer.Context,
    text: TextName,
    step: Annotated[int, typer.Argument(help="The step's number; 'log' shows them.")],
    key: Annotated[Path | None, typer.Option(help="The chair's key file, for a step of the chair.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Make the text as if a step had not happened. Undoing the undo brings it back."""
    from tocsin.drafting.acts import Undo
    from tocsin.drafting.keys import load_key

    add(ctx, text, by, lambda _: [Undo(step)], signer=None if key is None else load_key(key))


def lift(ctx: typer.Context, text: str, number: int, stakeholder: str, by: str) -> None:
    """Propose the words of a bracket without it, on each provision it touches."""
    from tocsin.drafting.acts import Propose
    from tocsin.drafting.brackets import brackets, lifted

    def decide(draft: "TextState") -> list["Act"]:
        pairs = brackets(draft.printed()).pairs
        if not 1 <= number <= len(pairs):
            raise NotFoundError(f"The brackets are numbered 1 to {len(pairs)}.")
        organisations, role = known_stakeholder(draft, stakeholder, None, None)
        return [
            Propose(fresh("e"), name, stakeholder, organisations, role, words, draft.generation)
            for name, words in lifted(draft.printed(), pairs[number - 1]).items()
        ]

    add(ctx, text, by, decide)


def between(draft: "TextState", pair: "Bracket") -> str:
    """The words between two brackets, shortened."""
    if pair.start_provision == pair.end_provision:
        words = draft.provisions[pair.start_provision].base[pair.start + 1 : pair.end]
    else:
        words = draft.provisions[pair.start_provision].base[pair.start + 1 :] + " …"
    return words if len(words) <= 80 else words[:79] + "…"


def _free(draft: "TextState", section: str, label: str) -> str:
    from tocsin.drafting.bundle import free_id

    return free_id(draft, f"{section}.{label}")


def _kind(name: str) -> "PositionKind":
    from tocsin.drafting.model import PositionKind

    return _one_of(PositionKind, name, "position")


def _one_of(kinds: type[E], name: str, what: str) -> E:
    try:
        return kinds(name.replace("-", "_"))
    except ValueError as error:
        raise UsageError(
            f"'{name}' is no {what}.", hint=f"One of: {', '.join(kind.value for kind in kinds)}."
        ) from error
