"""A draft as plain text: the compilation in the layout that is read, the clean text, in brackets, side by side."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from tocsin.drafting.agreement import alternatives, in_brackets
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.model import Comment, Provision, StakeholderEntry, TextSection

_COLUMN = 54


def compilation(draft: TextState, source: str | None = None) -> str:
    """Base, entries and comments in the layout of negotiation compilations; ``read_compilation`` reads it back.

    With the ``source`` of the import, and as long as nothing in it was changed, every line of it stays as it was and
    what came later is put where it belongs.
    """
    if source is not None and _only_added(draft):
        return _with_additions(draft, source)
    parts = [*draft.text.preamble]
    for section, provisions in by_section(draft):
        remarks = _remarks(draft.remarks_on(section.id))
        parts += ["", f"{section.number}.\t{section.title}{remarks}"] if section.title else [""]
        parts += _section(draft, provisions)
    return "\n".join(parts) + "\n"


def clean(draft: TextState) -> str:
    """The text alone, with what the chair decided in this round; brackets that are part of it stay."""
    return _texts(draft, {provision.id: draft.next_text(provision.id) for provision in draft.printed()})


def bracketed(draft: TextState) -> str:
    """The text with every place on which entries differ as "[as it is] [or so]"; decided provisions as decided."""
    texts = {
        provision.id: draft.decisions[provision.id].text
        if provision.id in draft.decisions
        else in_brackets(provision.base, alternatives(draft, provision.id))
        for provision in draft.printed()
    }
    return _texts(draft, texts)


def side_by_side(draft: TextState, stakeholder: str | None = None) -> str:
    """The base on the left; on the right what each stakeholder (or one) wrote on it."""
    parts: list[str] = []
    for provision in draft.printed():
        entries = [
            entry
            for entry in draft.entries_on(provision.id)
            if stakeholder in {None, entry.stakeholder, *entry.organisations}
        ]
        for count, entry in enumerate(entries):
            left = f"{provision.id}\n{provision.base}" if count == 0 else ""
            right = f"{entry.stakeholder} ({entry.entry_class})\n{words_for(entry, provision.id)}"
            parts += [*_columns(left, right), ""]
        if not entries and stakeholder is None and provision.base:
            parts += [*_columns(f"{provision.id}\n{provision.base}", ""), ""]
    return "\n".join(parts) + "\n"


def by_section(draft: TextState) -> list[tuple[TextSection, list[Provision]]]:
    """Every section with its provisions, in print order."""
    found = {section.id: (section, list[Provision]()) for section in draft.text.sections}
    for provision in draft.printed():
        found[provision.section][1].append(provision)
    return list(found.values())


def blocks(
    draft: TextState, provisions: Sequence[Provision]
) -> Iterator[tuple[list[Provision], list[StakeholderEntry]]]:
    """Provisions of a section that entries speak about together, and these entries, which stand behind them.

    A provision that only an entry proposes is not among them: the entry shows it.
    """
    entries = list(draft.entries.values())
    written = {p.id: [entry for entry in entries if entry.provision == p.id] for p in provisions}
    proposed = {name for entry in entries for name in (entry.provision, *(item.provision for item in entry.items))}
    to_come = {provision.id for provision in provisions if provision.base}
    shown: list[Provision] = []
    waiting: list[StakeholderEntry] = []
    together: set[str] = set()
    for provision in provisions:
        if provision.base or provision.id not in proposed:
            shown.append(provision)
        waiting += written[provision.id]
        to_come.discard(provision.id)
        together |= {item.provision for entry in written[provision.id] for item in entry.items}
        together &= to_come
        if not together:
            yield shown, waiting
            shown, waiting = [], []


def header(draft: TextState, entry: StakeholderEntry) -> str:
    """Who wrote an entry, as it stands before the words, in the form that ``read_compilation`` knows."""
    provision, role = draft.provisions[entry.provision], entry.role or ""
    new = not provision.base and not entry.items
    if new and not provision.label and entry.text:
        return f"[New {provision.kind.capitalize()}, {f'{entry.stakeholder} {role}'.strip()}]: "
    label = f"new {provision.label}) " if new and provision.label else ""
    return f"· {', '.join(part for part in (entry.stakeholder, role) if part)}: {label}"


def label_before(provision: Provision) -> str:
    """The label as it stands before the words of a provision."""
    return f"{provision.label}) " if provision.label else ""


def _only_added(draft: TextState) -> bool:
    """Whether everything imported is as it was, apart from remarks on it."""
    text = draft.text
    added = {name for name, comment in draft.comments.items() if comment.line == 0}
    return (
        draft.printed() == list(text.provisions)
        and all(replace(draft.entries[e.id], comments=e.comments) == e for e in text.entries)
        and all(set(draft.entries[e.id].comments) - set(e.comments) <= added for e in text.entries)
        and all(draft.comments[c.id] == c for c in text.comments)
    )


def _with_additions(draft: TextState, source: str) -> str:
    behind: dict[int, str] = {}
    below: dict[int, list[str]] = {}
    for comment in draft.comments.values():
        if comment.line == 0 and (line := _line_of_remark(draft, comment)):
            behind[line] = behind.get(line, "") + f"\t{_remark(comment)}"
    for entry in draft.entries.values():
        if entry.line == 0:
            below.setdefault(_last_line(draft, entry.provision), []).extend(["", _entry(draft, entry)])
    lines = source.split("\n")
    parts = [
        part for number, line in enumerate(lines, 1) for part in (line + behind.get(number, ""), *below.get(number, ()))
    ]
    return "\n".join([*parts, *below.get(0, ())])


def _line_of_remark(draft: TextState, comment: Comment) -> int:
    """The source line that a later remark is put behind; 0 when it stands in a later entry, which prints it itself."""
    if comment.entry is not None:
        entry = draft.entries[comment.entry]
        return max([entry.line, *(span.line for span in entry.spans)])
    if comment.provision in draft.provisions:
        return max(draft.provisions[comment.provision].lines, default=0)
    return draft.sections()[comment.provision].span.line


def _last_line(draft: TextState, provision: str) -> int:
    """The last source line that is about a provision."""
    lines = [*draft.provisions[provision].lines]
    for entry in draft.text.entries:
        if entry.speaks_of(provision):
            lines += [entry.line, *(span.line for span in entry.spans)]
    lines += [
        span.line
        for comment in draft.text.comments
        if comment.provision == provision or (comment.entry and draft.entries[comment.entry].speaks_of(provision))
        for span in comment.spans
    ]
    return max(lines, default=0)


def _section(draft: TextState, provisions: Sequence[Provision]) -> list[str]:
    """The provisions of a section, each block followed by the entries that speak about it."""
    parts: list[str] = []
    for shown, entries in blocks(draft, provisions):
        if shown:
            parts.append("")
        parts += [f"{label_before(p)}{p.base}{_remarks(draft.remarks_on(p.id))}" for p in shown]
        parts += [line for entry in entries for line in ["", _entry(draft, entry)]]
    return parts


def _entry(draft: TextState, entry: StakeholderEntry) -> str:
    return f"{header(draft, entry)}{entry.text}{_remarks(draft.comments[name] for name in entry.comments)}"


def _remarks(comments: Iterable[Comment]) -> str:
    return "".join(f"\t{_remark(comment)}" for comment in comments)


def _remark(comment: Comment) -> str:
    text = comment.text.replace("\n", " ")
    if comment.author is None or text.startswith(comment.author):
        return f"Comment by Author: {text}"
    if comment.author_inferred:
        return f"Comment by Author: {comment.author}: {text}"
    return f"Comment by {comment.author}: {text}"


def _texts(draft: TextState, texts: dict[str, str]) -> str:
    parts = [*draft.text.preamble]
    for section, provisions in by_section(draft):
        parts += ["", f"{section.number}. {section.title}"] if section.title else [""]
        parts += [line for p in provisions if texts[p.id] for line in ["", f"{label_before(p)}{texts[p.id]}"]]
    return "\n".join(parts) + "\n"


def _columns(left: str, right: str) -> list[str]:
    lines = zip_longest(_wrapped(left), _wrapped(right), fillvalue="")
    return [f"{first:<{_COLUMN}} │ {second}".rstrip() for first, second in lines]


def _wrapped(text: str) -> list[str]:
    return [line for part in text.split("\n") for line in textwrap.wrap(part, _COLUMN) or [""]]
