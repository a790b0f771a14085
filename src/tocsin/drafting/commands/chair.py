"""``tocsin drafting``: the named chair's steps to the next draft, signed and reversible, and proof that they replay."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.drafting.acts import Accept, Act, AppointChair, Close, Combine, Leave, PutInBrackets, Rebase, Restore
from tocsin.drafting.brackets import brackets
from tocsin.drafting.commands.change import (
    Actor,
    OptionalWords,
    ProvisionId,
    TextName,
    Words,
    WordsFile,
    add,
    command_of,
    option,
    print_difference,
    words_from,
)
from tocsin.drafting.commands.texts import draft_of
from tocsin.drafting.contributions import bracketed, refuse_position
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.history import replayed, verify
from tocsin.drafting.jsonform import pieces_document
from tocsin.drafting.keys import load_key, new_key
from tocsin.drafting.layouts import clean
from tocsin.drafting.rebasing import outdated, rebased
from tocsin.interface import Commands, Invocation, note, print_table, say
from tocsin.node.errors import ConflictError, UsageError

consolidate = Commands(no_args_is_help=True, help="The chair's steps to the next draft; each is signed.")

KeyFile = Annotated[Path, typer.Option("--key", envvar="TOCSIN_CHAIR_KEY", help="The chair's key file.")]
Entries = Annotated[list[str] | None, typer.Option("--entry", help="An entry whose words are in it; repeatable.")]


def key(call: Invocation, file: Annotated[Path, typer.Argument(help="The file to write the private key to.")]) -> None:
    """Make a signing key for a chair (Ed25519, readable by you only)."""
    made = new_key(file)
    document = {"file": str(file), "public_key": made.public}
    call.emit(document, f"Key written to {file}. Its public part is {made.public}.")


def chair(
    call: Invocation,
    text: TextName,
    name: Annotated[str, typer.Option(help="The chair's name.")],
    key_file: KeyFile,
    present_key: Annotated[Path | None, typer.Option(help="The present chair's key, to hand over.")] = None,
    by: Actor = "secretariat",
) -> None:
    """Name the chair of a text. Once there is one, only the present chair's key can name another."""
    new = load_key(key_file)
    signer = new if present_key is None else load_key(present_key)
    add(call, text, by, lambda _: [AppointChair(name, new.public)], signer=signer)


def chair_step(decide: Callable[..., Act], then: Callable[[TextState], None] | None = None) -> Callable[..., None]:
    """The command of ``consolidate`` that adds a step of the chair, under the chair's name."""

    def serve(call: Invocation, text: str, key_file: Path, **given: Any) -> None:
        signer = load_key(key_file)
        name = draft_of(call, text).chair or "chair"
        add(call, text, name, lambda draft: [decide(draft, **given)], signer=signer, then=then)

    return consolidate.command()(command_of(decide, serve, option("key_file", KeyFile)))


@chair_step
def accept(
    draft: TextState,
    provision: ProvisionId,
    entry: Annotated[str | None, typer.Option(help="The entry whose words are taken.")] = None,
    position: Annotated[str | None, typer.Option(help="The position (delete, retain, support) that is taken.")] = None,
) -> Act:
    """Take an entry's words, or a position, for the next draft."""
    if (entry is None) == (position is None):
        raise UsageError("Name what is accepted: --entry or --position.")
    if entry in draft.entries:
        refuse_position(words_for(draft.entries[entry], provision))
    return Accept(provision, entry, position)


@chair_step
def combine(_draft: TextState, provision: ProvisionId, words: Words, entry: Entries = None) -> Act:
    """Write the words of the next draft out of several entries."""
    return Combine(provision, words, tuple(entry or ()))


@chair_step
def bracket(draft: TextState, provision: ProvisionId, words: OptionalWords = None, entry: Entries = None) -> Act:
    """Leave it open: put the places that differ in brackets, from some entries or all, or as you write it."""
    if words is not None:
        return PutInBrackets(provision, words, tuple(entry or ()))
    return bracketed(draft, provision, entry)


@chair_step
def leave(_draft: TextState, provision: ProvisionId) -> Act:
    """Leave the base of a provision as it is in this round."""
    return Leave(provision)


def close(_draft: TextState) -> Act:
    """Make the decisions of this round the next base."""
    return Close()


def _say_unpaired(draft: TextState) -> None:
    for issue in brackets(draft.printed()).issues:
        note(issue.message)


chair_step(close, _say_unpaired)


@chair_step
def restore(_draft: TextState, base: Annotated[int, typer.Option(help="The base whose words come back.")]) -> Act:
    """Make the words of an older base the next base: takes back a closed round that others have built on."""
    return Restore(base)


def replay(
    call: Invocation,
    text: TextName,
    to: Annotated[int | None, typer.Option(help="Show the text after this step.")] = None,
) -> None:
    """Replay the whole history and check every version, hash and signature; or show the text after one step."""
    from tocsin.drafting.store import load

    steps = load(call.database, text).steps
    if to is not None:
        draft = replayed(steps, upto=to)
        words = clean(draft)
        call.emit({"step": to, "digest": steps[to - 1].result, "text": words}, words.rstrip())
        return
    verify(steps)
    signed = sum(step.signature is not None for step in steps)
    document = {"steps": len(steps), "signed": signed, "head": steps[-1].hash, "identical": True}
    call.emit(document, f"{len(steps)} steps replay to the same text bit for bit; {signed} are signed by the chair.")


def rebase(
    call: Invocation,
    text: TextName,
    entry: Annotated[str | None, typer.Argument(help="The entry to put on the present base.")] = None,
    take: Annotated[bool, typer.Option("--take", help="Record the words shown; only if nothing clashes.")] = False,
    words: OptionalWords = None,
    file: WordsFile = None,
    by: Actor = "secretariat",
) -> None:
    """Show which entries are made on an older base, what changed there, and record its words on the present base."""
    draft = draft_of(call, text)
    if entry is None:
        old = outdated(draft)
        document = [{"entry": e.id, "provision": e.provision, "generation": e.generation} for e in old]
        rows = [(e.id, e.provision, e.stakeholder, e.generation) for e in old]
        columns = ("entry", "provision", "stakeholder", "base")
        call.emit(document, lambda: print_table("Entries on an older base", columns, rows, numbers=(3,)))
        return
    seen = rebased(draft, entry)
    given = words_from(words, file) if words is not None or file is not None else None
    if given is None and take and seen.clashes:
        raise ConflictError(
            f"{len(seen.clashes)} edits of {entry} meet changes of the base; only its writer can say more.",
            hint="Give the words with --text or --file.",
        )
    if given is not None or take:
        final = seen.text if given is None else given
        refuse_position(final)
        add(call, text, by, lambda now: [Rebase(entry, final, now.generation)])
        return
    clashes = [{"old": seen.old_base[c.start : c.end], "new": c.text} for c in seen.clashes]
    shown = {"entry": entry, "base_changes": pieces_document(seen.base_changes), "text": seen.text, "clashes": clashes}

    def human() -> None:
        say("What changed in the base:")
        print_difference(seen.base_changes, seen.new_base)
        say(f"The entry's words on it:\n   {seen.text}")
        for clash in clashes:
            say(f"Left out, since the base changed there too: '{clash['old']}' → '{clash['new']}'")

    call.emit(shown, human)
