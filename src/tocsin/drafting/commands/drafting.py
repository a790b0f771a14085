"""``tocsin drafting``: a text agreed by many, every position on record."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.drafting.agreement import agreement as matrix
from tocsin.drafting.agreement import alternatives as places
from tocsin.drafting.agreement import identical_wording, stakeholders, tally
from tocsin.drafting.brackets import brackets as pairs
from tocsin.drafting.brackets import words_between
from tocsin.drafting.commands import chair, change, copies
from tocsin.drafting.commands.change import TextName
from tocsin.drafting.commands.texts import draft_of, read_bytes
from tocsin.drafting.difference import difference
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.exports import step_views
from tocsin.drafting.history import replayed, undone_steps
from tocsin.drafting.jsonform import (
    agreement_document,
    alternatives_document,
    brackets_document,
    import_document,
    plain,
    provision_document,
)
from tocsin.drafting.model import NegotiatedText
from tocsin.drafting.overlap import overlaps
from tocsin.drafting.page import headline
from tocsin.drafting.pages import pages
from tocsin.drafting.parse import read_text
from tocsin.interface import Commands, Invocation, note, print_table, say
from tocsin.node.errors import NotFoundError

app = Commands(no_args_is_help=True, help="Negotiate a text: amendments, positions, agreement, the next draft.")


@app.command("import")
def import_(
    call: Invocation,
    file: Annotated[Path, typer.Argument(help="A plain-text compilation (UTF-8), a Word file, or a copy of a text.")],
    name: Annotated[str | None, typer.Option(help="What to call the text here; by default after the file.")] = None,
    by: change.Actor = "secretariat",
) -> None:
    """Read a text with its amendments and comments; the same file twice is one text."""
    from tocsin.drafting.bundle import copied, is_bundle, read_bundle
    from tocsin.drafting.store import add_copy, add_text

    data = read_bytes(file)
    if is_bundle(data):
        stored, source = read_bundle(data)
        stored = copied(stored, name)
        add_copy(call.database, stored, source, actor=by, at=call.now)
        text = replayed(stored.steps).text
        fresh = True
    else:
        text = read_text(data, file.name)
        stored, fresh = add_text(call.database, text, data, actor=by, at=call.now, name=name)
    if not fresh:
        note(f"'{stored.name}' is here already with the same words; nothing was added.")
    call.emit(import_document(text), lambda: _say_imported(text, stored.name))


def _say_imported(text: NegotiatedText, name: str) -> None:
    found = pairs(text.provisions)
    labels = {entry.stakeholder for entry in text.entries}
    organisations = {one for entry in text.entries for one in entry.organisations}
    say(f"'{name}': {text.title}")
    say(
        f"{len(text.provisions)} provisions; {len(text.entries)} entries by {len(labels)} labels for "
        f"{len(organisations)} organisations; {len(text.comments)} comments; "
        f"{found.open} brackets open and {found.close} close."
    )
    classes = [entry.entry_class.value.replace("_", " ") for entry in text.entries]
    rows = [(kind, classes.count(kind)) for kind in dict.fromkeys(classes)]
    print_table("Entries", ("compared with the base", "entries"), [*rows, ("all", len(classes))], numbers=(1,))
    print_table("To check", ("line", "note"), [(n.line, n.message) for n in text.warnings], numbers=(0,))


@app.command("list")
def list_(call: Invocation) -> None:
    """The texts that are here."""
    from tocsin.drafting.store import stored_texts

    rows = stored_texts(call.database)
    document = [{"name": name, "title": title, "source": source, "id": one} for name, title, source, one in rows]

    def human() -> None:
        if not rows:
            say("No text is here yet. Bring one in with: tocsin drafting import FILE")
            return
        print_table("Texts", ("name", "title", "read from"), [row[:3] for row in rows])

    call.emit(document, human)


@app.command()
def show(
    call: Invocation,
    text: TextName,
    provision: Annotated[str | None, typer.Argument(help="One provision, such as 'P.k bis'.")] = None,
    page: Annotated[int, typer.Option(min=1, help="Which page of a long text.")] = 1,
) -> None:
    """A page of the text, or everything about one provision."""
    draft = draft_of(call, text)
    if provision is not None:
        if provision not in draft.provisions:
            raise NotFoundError(f"There is no provision '{provision}'.", hint=f"'drafting show {text}' lists them.")
        call.emit(provision_document(draft, provision), lambda: _say_provision(draft, provision))
        return
    parts = pages(draft)
    if page > len(parts):
        raise NotFoundError(f"'{text}' has {len(parts)} pages.")
    document = {
        "page": page,
        "pages": len(parts),
        "provisions": [provision_document(draft, name) for name in parts[page - 1]],
    }
    call.emit(document, lambda: _say_page(draft, parts[page - 1], page, len(parts)))


def _say_page(draft: TextState, names: tuple[str, ...], page: int, pages: int) -> None:
    rows = []
    for name in names:
        base = draft.provisions[name].base or "(proposed as new)"
        rows.append((name, base if len(base) < 200 else base[:197] + "…", len(draft.entries_on(name))))
    print_table(f"{draft.text.title} (page {page} of {pages})", ("id", "base", "entries"), rows, numbers=(2,))


def _say_provision(draft: TextState, name: str) -> None:
    say(f"{name}: {draft.provisions[name].base or '(proposed as new)'}\n")
    if name in draft.decisions:
        say(f"The chair: {draft.decisions[name].outcome}. {draft.decisions[name].text}\n")
    for entry in draft.entries_on(name):
        words = words_for(entry, name)
        say(f"{entry.id}  {entry.stakeholder} ({entry.entry_class}, base {entry.generation})")
        base = "" if entry.entry_class == "unreadable" else draft.base_of(entry, name)
        change.print_difference(difference(base, words) if base and words else (), words)
        for remark in entry.comments:
            say(f"   {remark}  {draft.comments[remark].author or 'author not named'}: {draft.comments[remark].text}")
    for comment in draft.comments.values():
        if comment.provision in {name, draft.provisions[name].section} and comment.entry is None:
            words = draft.anchored_words(comment)
            on = f" on '{words}'" if words else "" if comment.provision == name else " on the whole section"
            say(f"{comment.id}  {comment.author or 'author not named'}{on}: {comment.text}")
    rows = [
        (
            p.id,
            p.stakeholder,
            f"{p.kind} into {p.target}" if p.target else p.kind,
            _how(p.inferred, p.confirmed),
            p.basis,
        )
        for p in draft.positions_on(name)
    ]
    print_table("Positions", ("id", "stakeholder", "position", "how", "because"), rows)


def _how(inferred: bool, confirmed: bool) -> str:
    if not inferred:
        return "declared" if confirmed else ""
    return "inferred, confirmed" if confirmed else "inferred"


@app.command()
def log(call: Invocation, text: TextName) -> None:
    """Every step of a text's history, oldest first."""
    from tocsin.drafting.store import load

    steps = load(call.database, text).steps
    undone = undone_steps(steps)
    document = [
        {
            "step": step.seq,
            "at": step.at.isoformat(),
            "actor": step.actor,
            "act": step.act().act,
            "undone": step.seq in undone,
            "signed": step.signature is not None,
            "origin": step.origin,
            "hash": step.hash,
        }
        for step in steps
    ]
    rows = [
        (view.number, view.at, view.actor, view.what, view.state, step.hash[:12])
        for view, step in zip(step_views(steps), steps, strict=True)
    ]
    columns = ("step", "at (UTC)", "by", "what", "state", "hash")
    call.emit(document, lambda: print_table("History", columns, rows, numbers=(0,)))


@app.command()
def agreement(call: Invocation, text: TextName) -> None:
    """Provision by stakeholder: where the text is stable, contested or unknown."""
    draft = draft_of(call, text)
    found = matrix(draft)

    def human() -> None:
        people = stakeholders(draft)
        rows = [
            (
                row.provision.id,
                row.standing,
                "; ".join(f"{kind} {labels} ({orgs})" for kind, (labels, orgs) in tally(row, people).items()),
                "; ".join(row.reasons),
            )
            for row in found
        ]
        columns = ("provision", "standing", "labels (organisations)", "because")
        print_table(headline(found), columns, rows)

    call.emit(agreement_document(draft, found), human)


@app.command()
def alternatives(
    call: Invocation, text: TextName, provision: Annotated[str, typer.Argument(help="The provision's id.")]
) -> None:
    """Each place that an entry would change, once, in text order, with every other wording once."""
    draft = draft_of(call, text)
    if provision not in draft.provisions:
        raise NotFoundError(f"There is no provision '{provision}'.", hint=f"'drafting show {text}' lists them.")

    def human() -> None:
        found = places(draft, provision)
        numbered = [(str(number), place.base.strip(), place) for number, place in enumerate(found.places, 1)]
        numbered += [("all", "(the whole provision)", found.whole)] if found.whole else []
        rows = [
            (*((number, base or "(nothing)") if option is place.options[0] else ("", "")),
             option.text.strip() or "(nothing)",
             " · ".join(dict.fromkeys(draft.entries[name].stakeholder for name in option.entries)))
            for number, base, place in numbered
            for option in place.options
        ]  # fmt: skip
        print_table(f"Alternatives on {provision}", ("place", "base", "instead", "by"), rows, numbers=(0,))

    call.emit(alternatives_document(draft, provision), human)


@app.command()
def overlap(call: Invocation, text: TextName) -> None:
    """Provisions that share runs of words, or that a comment says are alike."""
    draft = draft_of(call, text)
    found = overlaps(draft)
    document = [{"one": o.one, "other": o.other, "words": list(o.runs), "comments": list(o.comments)} for o in found]
    rows = [
        (o.one, o.other, " … ".join(o.runs), " ".join(draft.comments[name].text for name in o.comments)) for o in found
    ]
    call.emit(document, lambda: print_table("Overlap", ("one", "other", "words in both", "said"), rows))


@app.command()
def identical(call: Invocation, text: TextName) -> None:
    """Identical wording by different stakeholders: equal words, nothing more."""
    found = identical_wording(draft_of(call, text))
    document = [plain(one) for one in found]
    rows = [(one.provision, " · ".join(one.stakeholders), "the base" if one.equals_base else "") for one in found]
    columns = ("provision", "stakeholders", "equal to")
    call.emit(document, lambda: print_table("Identical wording", columns, rows))


@app.command()
def brackets(
    call: Invocation,
    text: TextName,
    lift: Annotated[int | None, typer.Option(help="Propose to lift the bracket of this number.")] = None,
    stakeholder: change.Stakeholder = "",
    by: change.Actor = "secretariat",
) -> None:
    """The brackets of the base, and which do not pair. Lifting one is an amendment like any other."""
    if lift is not None:
        change.lift(call, text, lift, stakeholder, by)
        return
    draft = draft_of(call, text)
    found = pairs(draft.printed())

    def human() -> None:
        rows = [
            (number, p.start_provision, p.end_provision, p.depth, words_between(draft.provisions, p))
            for number, p in enumerate(found.pairs, 1)
        ]
        title = f"{found.open} brackets open, {found.close} close"
        print_table(title, ("number", "from", "to", "depth", "words"), rows, numbers=(0, 3))
        for issue in found.issues:
            say(f"{issue.message} (line {issue.line})")

    call.emit(brackets_document(found), human)


app.add_typer(chair.consolidate, name="consolidate")
for command in (
    change.propose,
    change.position,
    change.confirm,
    change.correct,
    change.comment,
    change.relabel,
    change.merge,
    change.split,
    change.move,
    change.new,
    change.delete,
    change.undo,
    chair.key,
    chair.chair,
    chair.replay,
    chair.rebase,
    copies.export,
    copies.bundle,
    copies.merge_bundle,
):
    app.command()(command)
