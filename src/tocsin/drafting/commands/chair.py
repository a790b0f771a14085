"""``tocsin drafting``: the named chair's steps to the next draft, signed and reversible, and proof that they replay."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.drafting.commands import change as drafting_change
from tocsin.drafting.commands.change import Actor, ProvisionId, TextName, Words, WordsFile
from tocsin.drafting.commands.records import draft_of, open_records
from tocsin.interface.output import Invocation, emit, note, print_table, say
from tocsin.node.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from tocsin.drafting.acts import Act
    from tocsin.drafting.draft import TextState

consolidate = typer.Typer(no_args_is_help=True, help="The chair's steps to the next draft; each is signed.")

KeyFile = Annotated[Path, typer.Option("--key", envvar="TOCSIN_CHAIR_KEY", help="The chair's key file.")]
Entries = Annotated[list[str] | None, typer.Option("--entry", help="An entry whose words are in it; repeatable.")]


def key(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="The file to write the private key to.")]
) -> None:
    """Make a signing key for a chair (Ed25519, readable by you only)."""
    from tocsin.drafting.keys import new_key

    invocation: Invocation = ctx.obj
    made = new_key(file)
    document = {"file": str(file), "public_key": made.public}
    emit(invocation, document, lambda: say(f"Key written to {file}. Its public part is {made.public}."))


def chair(
    ctx: typer.Context,
    text: TextName,
    name: Annotated[str, typer.Option(help="The chair's name.")],
    key_file: KeyFile,
    present_key: Annotated[Path | None, typer.Option(help="The present chair's key, to hand over.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Name the chair of a text. Once there is one, only the present chair's key can name another."""
    from tocsin.drafting.acts import AppointChair
    from tocsin.drafting.keys import load_key

    new = load_key(key_file)
    signer = new if present_key is None else load_key(present_key)
    drafting_change.add(ctx, text, by, lambda _: [AppointChair(name, new.public)], signer=signer)


@consolidate.command()
def accept(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    key_file: KeyFile,
    entry: Annotated[str | None, typer.Option(help="The entry whose words are taken.")] = None,
    position: Annotated[str | None, typer.Option(help="The position (delete, retain, support) that is taken.")] = None,
) -> None:
    """Take an entry's words, or a position, for the next draft."""
    from tocsin.drafting.acts import Accept

    if (entry is None) == (position is None):
        raise UsageError("Name what is accepted: --entry or --position.")
    _decide(ctx, text, key_file, lambda _: Accept(provision, entry, position))


@consolidate.command()
def combine(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    key_file: KeyFile,
    words: Words = None,
    file: WordsFile = None,
    entry: Entries = None,
) -> None:
    """Write the words of the next draft out of several entries."""
    from tocsin.drafting.acts import Combine

    wording = drafting_change.words_from(words, file)
    _decide(ctx, text, key_file, lambda _: Combine(provision, wording, tuple(entry or ())))


@consolidate.command()
def bracket(
    ctx: typer.Context,
    text: TextName,
    provision: ProvisionId,
    key_file: KeyFile,
    words: Words = None,
    file: WordsFile = None,
    entry: Entries = None,
) -> None:
    """Leave it open: put the places that differ in brackets, from some entries or all, or as you write it."""
    from tocsin.drafting.acts import PutInBrackets
    from tocsin.drafting.agreement import alternatives, comparable, in_brackets

    def decide(draft: "TextState") -> "Act":
        if words is not None or file is not None:
            return PutInBrackets(provision, drafting_change.words_from(words, file), tuple(entry or ()))
        there = [one.id for one in comparable(draft, provision)]
        if missing := [name for name in entry or () if name not in there]:
            raise ConflictError(
                f"{missing[0]} has no words on the present base of {provision}.",
                hint="Rebase it first, or leave it out.",
            )
        chosen = tuple(entry or there)
        found = in_brackets(draft.provisions[provision].base, alternatives(draft, provision, chosen))
        return PutInBrackets(provision, found, chosen)

    _decide(ctx, text, key_file, decide)


@consolidate.command()
def leave(ctx: typer.Context, text: TextName, provision: ProvisionId, key_file: KeyFile) -> None:
    """Leave the base of a provision as it is in this round."""
    from tocsin.drafting.acts import Leave

    _decide(ctx, text, key_file, lambda _: Leave(provision))


@consolidate.command()
def close(ctx: typer.Context, text: TextName, key_file: KeyFile) -> None:
    """Make the decisions of this round the next base."""
    from tocsin.drafting.acts import Close
    from tocsin.drafting.brackets import brackets

    def show_unpaired(draft: "TextState") -> None:
        for issue in brackets(draft.printed()).issues:
            note(issue.message)

    _decide(ctx, text, key_file, lambda _: Close(), then=show_unpaired)


@consolidate.command()
def restore(
    ctx: typer.Context,
    text: TextName,
    base: Annotated[int, typer.Option(help="The base whose words come back.")],
    key_file: KeyFile,
) -> None:
    """Make the words of an older base the next base: takes back a closed round that others have built on."""
    from tocsin.drafting.acts import Restore

    _decide(ctx, text, key_file, lambda _: Restore(base))


def _decide(
    ctx: typer.Context,
    text: str,
    key_file: Path,
    decide: "Callable[[TextState], Act]",
    *,
    then: "Callable[[TextState], None] | None" = None,
) -> None:
    """Add a step of the chair, under the chair's name."""
    from tocsin.drafting.keys import load_key

    signer = load_key(key_file)
    invocation: Invocation = ctx.obj
    name = draft_of(invocation, text).chair or "chair"
    drafting_change.add(ctx, text, name, lambda draft: [decide(draft)], signer=signer, then=then)


def replay(
    ctx: typer.Context,
    text: TextName,
    to: Annotated[int | None, typer.Option(help="Show the text after this step.")] = None,
) -> None:
    """Replay the whole history and check every version, hash and signature; or show the text after one step."""
    from tocsin.drafting.history import replayed, verify
    from tocsin.drafting.layouts import clean
    from tocsin.drafting.store import load

    invocation: Invocation = ctx.obj
    steps = load(open_records(invocation.home), text).steps
    if to is not None:
        draft = replayed(steps, upto=to)
        words = clean(draft)
        emit(invocation, {"step": to, "digest": steps[to - 1].result, "text": words}, lambda: say(words.rstrip()))
        return
    verify(steps)
    signed = sum(step.signature is not None for step in steps)
    document = {"steps": len(steps), "signed": signed, "head": steps[-1].hash, "identical": True}
    sentence = f"{len(steps)} steps replay to the same text bit for bit; {signed} are signed by the chair."
    emit(invocation, document, lambda: say(sentence))


def rebase(
    ctx: typer.Context,
    text: TextName,
    entry: Annotated[str | None, typer.Argument(help="The entry to put on the present base.")] = None,
    take: Annotated[bool, typer.Option("--take", help="Record the words shown; only if nothing clashes.")] = False,
    words: Words = None,
    file: WordsFile = None,
    by: Actor = "secretariat",
) -> None:
    """Show which entries stand on an older base, what changed under one, and record its words on the present base."""
    from tocsin.drafting.acts import Rebase
    from tocsin.drafting.jsonform import pieces_document
    from tocsin.drafting.rebasing import outdated, rebased

    invocation: Invocation = ctx.obj
    draft = draft_of(invocation, text)
    if entry is None:
        old = outdated(draft)
        document = [{"entry": e.id, "provision": e.provision, "generation": e.generation} for e in old]
        rows = [(e.id, e.provision, e.stakeholder, e.generation) for e in old]
        columns = ("entry", "provision", "stakeholder", "base")
        emit(invocation, document, lambda: print_table("Entries on an older base", columns, rows, numbers=(3,)))
        return
    seen = rebased(draft, entry)
    given = drafting_change.words_from(words, file) if words is not None or file is not None else None
    if given is None and take and seen.clashes:
        raise ConflictError(
            f"{len(seen.clashes)} edits of {entry} meet changes of the base; only its writer can say more.",
            hint="Give the words with --text or --file.",
        )
    if given is not None or take:
        final = seen.text if given is None else given
        drafting_change.add(ctx, text, by, lambda now: [Rebase(entry, final, now.generation)])
        return
    clashes = [{"old": seen.old_base[c.start : c.end], "new": c.text} for c in seen.clashes]
    shown = {"entry": entry, "base_changes": pieces_document(seen.base_changes), "text": seen.text, "clashes": clashes}

    def human() -> None:
        say("What changed in the base:")
        drafting_change.print_difference(seen.base_changes, seen.new_base)
        say(f"The entry's words on it:\n   {seen.text}")
        for clash in clashes:
            say(f"Left out, since the base changed there too: '{clash['old']}' → '{clash['new']}'")

    emit(invocation, shown, human)
