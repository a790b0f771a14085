"""How each act changes a draft. Nothing here is ever decided by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from tocsin.drafting import acts
from tocsin.drafting.classify import entry_class
from tocsin.drafting.draft import BaseVersion, ChairDecision, ProvisionOutcome, TextState, words_for
from tocsin.drafting.model import Comment, EntryClass, Position, PositionKind, Provision, SourceSpan, StakeholderEntry
from tocsin.drafting.positions import kind_from_words
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import from_row
from tocsin.node.sentences import say

T = TypeVar("T")


def apply(draft: TextState, act: acts.Act, at: datetime) -> None:
    """Change ``draft`` by one act.

    Raises:
        NotFoundError: the act names something that is not in the text.
        ConflictError: it cannot be done to the text as it is now.

    """
    match act:
        case acts.Import():
            raise ConflictError("A text is imported once; import the other file as a text of its own.")
        case acts.Undo():
            raise UsageError("An undo is not applied; the history is replayed without the step.")
        case acts.Propose():
            _propose(draft, act, at)
        case acts.Declare():
            _declare(draft, act, at)
        case acts.AddComment():
            _add_comment(draft, act, at)
        case acts.Rebase():
            _rebase(draft, act)
        case acts.Confirm() | acts.CorrectPosition() | acts.CorrectEntry() | acts.CorrectComment():
            _correct(draft, act)
        case acts.Relabel() | acts.MergeProvisions() | acts.SplitProvision() | acts.Move() | acts.New() | acts.Delete():
            _reshape(draft, act)
        case _:
            _consolidate(draft, act)


def _correct(draft: TextState, act: acts.Correction) -> None:
    match act:
        case acts.Confirm():
            position = _position(draft, act.position)
            draft.positions[position.id] = replace(position, confirmed=True)
        case acts.CorrectPosition():
            position = _position(draft, act.position)
            draft.positions[position.id] = replace(
                position, kind=act.kind, target=act.target, inferred=False, confirmed=True, basis=act.reason
            )
        case acts.CorrectEntry():
            _correct_entry(draft, act)
        case acts.CorrectComment():
            comment = _comment(draft, act.comment)
            draft.comments[comment.id] = replace(
                comment,
                author=comment.author if act.author is None else act.author,
                text=comment.text if act.text is None else act.text,
                author_inferred=comment.author_inferred and act.author is None,
            )


def _reshape(draft: TextState, act: acts.Reshaping) -> None:
    match act:
        case acts.Relabel():
            draft.provisions[act.provision] = replace(_printed(draft, act.provision), label=act.label)
        case acts.MergeProvisions():
            _merge(draft, act)
        case acts.SplitProvision():
            _split(draft, act)
        case acts.Move():
            _move(draft, act)
        case acts.New():
            _new(draft, act.id, act.section, act.label)
        case acts.Delete():
            _remove(draft, act.provision, act.reason or "deleted")


def _consolidate(draft: TextState, act: acts.ChairAct) -> None:
    match act:
        case acts.AppointChair():
            draft.chair = act.name
        case acts.Accept():
            draft.decisions[_printed(draft, act.provision).id] = _accepted(draft, act)
        case acts.Combine():
            _decide(draft, act.provision, ChairDecision(ProvisionOutcome.MERGED, act.text, act.entries))
        case acts.PutInBrackets():
            _decide(draft, act.provision, ChairDecision(ProvisionOutcome.BRACKETED, act.text, act.entries))
        case acts.Leave():
            _decide(draft, act.provision, ChairDecision(ProvisionOutcome.LEFT, _printed(draft, act.provision).base))
        case acts.Close():
            _close(draft)
        case acts.Restore():
            _restore(draft, act)


def _propose(draft: TextState, act: acts.Propose, at: datetime) -> None:
    _known(draft, act.provision)
    _fresh(draft.entries, act.id)
    if act.generation > draft.generation:
        raise NotFoundError(f"There is no base {act.generation}; the latest is {draft.generation}.")
    base = draft.base_at(act.provision, act.generation)
    readable = draft.provisions[act.provision].readable
    kind = entry_class(act.text, base, base_readable=readable) if base else EntryClass.NEW
    kind = kind if act.text.strip() else EntryClass.EMPTY
    entry = from_row(StakeholderEntry, act, line=0, entry_class=kind, comments=(), items=(), spans=(), at=at)
    draft.entries[act.id] = entry
    wanted, basis = _read(entry, base)
    inferred = wanted is not PositionKind.UNKNOWN
    position = Position(f"{act.id}-words", act.stakeholder, act.provision, wanted, inferred, basis, entry=act.id)
    draft.positions[position.id] = replace(position, generation=act.generation, at=at)
    if act.reason:
        said = acts.AddComment(f"{act.id}-reason", act.provision, act.stakeholder, act.reason, entry=act.id)
        _add_comment(draft, said, at)


def _read(entry: StakeholderEntry, base: str) -> tuple[PositionKind, str]:
    """What the words of an entry show; a translation shares few words with the base, whatever it wants."""
    wanted, basis = kind_from_words(entry.entry_class, entry.text, base)
    if entry.language and wanted is PositionKind.REPLACE:
        return PositionKind.UNKNOWN, f"words in '{entry.language}' cannot be compared with the base"
    return wanted, basis


def _declare(draft: TextState, act: acts.Declare, at: datetime) -> None:
    _known(draft, act.provision, sections=True)
    _fresh(draft.positions, act.id)
    if act.entry is not None:
        _entry(draft, act.entry)
    if act.target is not None:
        _known(draft, act.target)
    basis = f"declared: {act.reason}" if act.reason else "declared"
    draft.positions[act.id] = from_row(Position, act, inferred=False, basis=basis, comment=None, at=at, confirmed=True)


def _correct_entry(draft: TextState, act: acts.CorrectEntry) -> None:
    entry = _entry(draft, act.entry)
    if act.provision is not None:
        _known(draft, act.provision)
    text = entry.text if act.text is None else act.text
    provision = act.provision or entry.provision
    base = draft.base_of(entry, provision)
    fresh = entry_class(text, base) if base else EntryClass.NEW
    changed = act.text is not None or act.provision is not None
    draft.entries[entry.id] = replace(
        entry,
        text=text,
        provision=provision,
        stakeholder=act.stakeholder or entry.stakeholder,
        organisations=(act.stakeholder,) if act.stakeholder else entry.organisations,
        role=act.role or entry.role,
        entry_class=act.entry_class or (fresh if changed else entry.entry_class),
        items=() if changed else entry.items,
    )
    for position in [p for p in draft.positions.values() if p.entry == entry.id]:
        draft.positions[position.id] = replace(
            position,
            stakeholder=act.stakeholder or position.stakeholder,
            provision=act.provision or position.provision,
        )


def _add_comment(draft: TextState, act: acts.AddComment, at: datetime) -> None:
    _known(draft, act.provision, sections=True)
    _fresh(draft.comments, act.id)
    if act.entry is not None:
        entry = _entry(draft, act.entry)
        draft.entries[entry.id] = replace(entry, comments=(*entry.comments, act.id))
    if act.reply_to is not None:
        _comment(draft, act.reply_to)
    anchor = None
    if act.start is not None:
        base = draft.provisions[act.provision].base if act.provision in draft.provisions else ""
        end = len(base) if act.end is None else act.end
        if not 0 <= act.start < end <= len(base):
            raise ConflictError(f"Characters {act.start} to {end} are not in the {len(base)} of {act.provision}.")
        anchor = SourceSpan(0, act.start, end)
    draft.comments[act.id] = from_row(
        Comment, act, line=0, spans=(), anchor=anchor, at=at, author_inferred=False, generation=draft.generation
    )


def _merge(draft: TextState, act: acts.MergeProvisions) -> None:
    source, target = _printed(draft, act.provision), _printed(draft, act.into)
    if source.id == target.id:
        raise ConflictError("A provision cannot be merged into itself.")
    joined = " ".join(part for part in (target.base, source.base) if part)
    draft.generation += 1
    _set_base(draft, target.id, joined)
    _remove(draft, source.id, f"merged into {target.id}")
    draft.left_at[source.id] = draft.generation


def _split(draft: TextState, act: acts.SplitProvision) -> None:
    provision = _printed(draft, act.provision)
    _fresh(draft.provisions, act.new)
    first, second = provision.base[: act.at].rstrip(), provision.base[act.at :].lstrip()
    if not first or not second:
        raise ConflictError(f"Cutting {act.provision} at character {act.at} leaves an empty part.")
    draft.generation += 1
    _set_base(draft, provision.id, first)
    draft.provisions[act.new] = replace(provision, id=act.new, label=act.label, base="", lines=(), spans=())
    draft.bases[act.new] = []
    _set_base(draft, act.new, second)
    draft.order.insert(draft.order.index(provision.id) + 1, act.new)


def _move(draft: TextState, act: acts.Move) -> None:
    provision = _printed(draft, act.provision)
    section = draft.sections().get(act.section)
    if section is None:
        raise NotFoundError(f"There is no section '{act.section}' in this text.")
    if act.after == provision.id:
        raise ConflictError("A provision cannot come after itself.")
    if act.after is not None and _printed(draft, act.after).section != section.id:
        raise ConflictError(f"{act.after} is not in section {section.id}.")
    draft.order.remove(provision.id)
    draft.order.insert(_place(draft, section.id, act.after), provision.id)
    draft.provisions[provision.id] = replace(provision, section=section.id, kind=section.kind)


def _new(draft: TextState, identity: str, section_id: str, label: str) -> None:
    _fresh(draft.provisions, identity)
    section = draft.sections().get(section_id)
    if section is None:
        raise NotFoundError(f"There is no section '{section_id}' in this text.")
    last = next((name for name in reversed(draft.order) if draft.provisions[name].section == section_id), None)
    draft.order.insert(_place(draft, section_id, last), identity)
    draft.provisions[identity] = Provision(identity, section_id, label, section.kind, "")
    draft.bases[identity] = [BaseVersion(draft.generation, "")]


def _place(draft: TextState, section: str, after: str | None) -> int:
    """The index in print order behind ``after``, or before the first provision of the section."""
    if after is not None:
        return draft.order.index(after) + 1
    later = list(draft.sections())[list(draft.sections()).index(section) :]
    firsts = [at for at, name in enumerate(draft.order) if draft.provisions[name].section in later]
    return firsts[0] if firsts else len(draft.order)


def _remove(draft: TextState, provision: str, why: str) -> None:
    _printed(draft, provision)
    draft.order.remove(provision)
    draft.gone[provision] = why
    draft.decisions.pop(provision, None)


def _rebase(draft: TextState, act: acts.Rebase) -> None:
    entry = _entry(draft, act.entry)
    if entry.items:
        raise ConflictError(f"{entry.id} speaks about several provisions.", hint="Propose again on each of them.")
    if not entry.generation < act.generation <= draft.generation:
        raise ConflictError(f"{entry.id} is on base {entry.generation} and cannot go to base {act.generation}.")
    base = draft.base_at(entry.provision, act.generation)
    kind = entry_class(act.text, base) if base else EntryClass.NEW
    entry = replace(entry, text=act.text, generation=act.generation, entry_class=kind)
    draft.entries[entry.id] = entry
    wanted, basis = _read(entry, base)
    for position in [
        p for p in draft.positions.values() if p.entry == entry.id and p.comment is None and not p.confirmed
    ]:
        inferred = wanted is not PositionKind.UNKNOWN
        draft.positions[position.id] = replace(
            position, kind=wanted, basis=basis, inferred=inferred, generation=act.generation
        )


def _accepted(draft: TextState, act: acts.Accept) -> ChairDecision:
    if act.entry is not None:
        entry = _entry(draft, act.entry)
        text = words_for(entry, act.provision)
        if not text or entry.entry_class is EntryClass.UNREADABLE:
            raise ConflictError(f"{entry.id} has no readable words for {act.provision}; nothing can be accepted.")
        if draft.base_of(entry, act.provision) != _printed(draft, act.provision).base:
            raise ConflictError(
                f"{entry.id} was written on base {entry.generation}, and {act.provision} has other words now.",
                hint="Let its writer rebase it, or combine words of your own.",
            )
        return ChairDecision(ProvisionOutcome.ACCEPTED, text, (entry.id,))
    position = _position(draft, act.position or "")
    base = _printed(draft, act.provision).base
    if position.kind is PositionKind.DELETE:
        return ChairDecision(ProvisionOutcome.DELETED, "")
    if position.kind in {PositionKind.RETAIN, PositionKind.SUPPORT}:
        return ChairDecision(ProvisionOutcome.ACCEPTED, base)
    raise ConflictError(
        f"The position '{position.kind}' has no words that could be accepted.",
        hint="Accept an entry, or combine words of your own.",
    )


def _restore(draft: TextState, act: acts.Restore) -> None:
    if not 0 <= act.generation < draft.generation:
        raise NotFoundError(f"There is no base {act.generation} before the present base {draft.generation}.")
    for name in [name for name in draft.provisions if draft.left_at.get(name, 0) > act.generation]:
        _put_back(draft, name)
    draft.generation += 1
    draft.decisions = {}
    for name in draft.order:
        text = draft.base_at(name, act.generation)
        if text != draft.provisions[name].base:
            _set_base(draft, name, text)


def _put_back(draft: TextState, provision: str) -> None:
    """Print a provision that left again, behind the nearest one that stood before it and is still in its section."""
    section = draft.provisions[provision].section
    known = list(draft.provisions)
    before = reversed(known[: known.index(provision)])
    last = next((o for o in before if o in draft.order and draft.provisions[o].section == section), None)
    draft.order.insert(_place(draft, section, last), provision)
    del draft.gone[provision], draft.left_at[provision]


def _decide(draft: TextState, provision: str, decision: ChairDecision) -> None:
    _printed(draft, provision)
    for name in decision.entries:
        _entry(draft, name)
    draft.decisions[provision] = decision


def _close(draft: TextState) -> None:
    if not draft.decisions:
        raise ConflictError(say("The chair has decided nothing in this round; there is nothing to close."))
    draft.generation += 1
    for name, decision in list(draft.decisions.items()):
        if decision.outcome is ProvisionOutcome.DELETED:
            _remove(draft, name, f"deleted in base {draft.generation}")
            draft.left_at[name] = draft.generation
        else:
            _set_base(draft, name, decision.text)
    draft.decisions = {}


def _set_base(draft: TextState, provision: str, text: str) -> None:
    draft.provisions[provision] = replace(draft.provisions[provision], base=text)
    draft.bases[provision].append(BaseVersion(draft.generation, text))


def _known(draft: TextState, provision: str, *, sections: bool = False) -> None:
    """Refuse an id that never was in the text; one that has left it is still known."""
    if provision in draft.provisions or (sections and provision in draft.sections()):
        return
    raise NotFoundError(f"There is no provision '{provision}' in this text.", hint="'drafting show' lists them.")


def _printed(draft: TextState, provision: str) -> Provision:
    _known(draft, provision)
    if provision in draft.gone:
        raise ConflictError(
            say("%(provision)s is no longer in the text: %(why)s.", provision=provision, why=draft.gone[provision])
        )
    return draft.provisions[provision]


def _entry(draft: TextState, name: str) -> StakeholderEntry:
    return _of(draft.entries, "entry", name)


def _position(draft: TextState, name: str) -> Position:
    return _of(draft.positions, "position", name)


def _comment(draft: TextState, name: str) -> Comment:
    return _of(draft.comments, "comment", name)


def _of(there: Mapping[str, T], kind: str, name: str) -> T:
    if name not in there:
        raise NotFoundError(f"There is no {kind} '{name}' in this text.", hint="'drafting show' lists them.")
    return there[name]


def _fresh(there: Mapping[str, object], name: str) -> None:
    if name in there:
        raise ConflictError(f"'{name}' is taken already.")
