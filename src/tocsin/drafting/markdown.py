"""A draft as Markdown: the text, and under each provision what was written on it with its difference."""

import re

from tocsin.drafting.agreement import agreement
from tocsin.drafting.difference import TextChange, difference
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.layouts import by_section
from tocsin.drafting.model import Comment, StakeholderEntry

_SPECIAL = re.compile(r"([\\\\`*_{}\[\]<>#|~])")
_MARKS = {TextChange.KEEP: ("", ""), TextChange.DELETE: ("<del>", "</del>"), TextChange.INSERT: ("<ins>", "</ins>")}


def markdown(draft: TextState) -> str:
    """The document (CommonMark with <ins> and <del>); nothing of anybody's words is read as markup."""
    rows = {row.provision.id: row for row in agreement(draft)}
    parts = [f"# {escaped(draft.text.title)}", ""]
    for section, provisions in by_section(draft):
        parts += [f"## {escaped(f'{section.number}. {section.title}')}", ""]
        parts += [_comment(remark) for remark in draft.remarks_on(section.id)]
        for provision in provisions:
            row = rows[provision.id]
            parts += [f"### {escaped(provision.id)} ({row.standing})", ""]
            parts += [escaped(draft.next_text(provision.id)) or "*Proposed as new.*", ""]
            parts += [_comment(remark) for remark in draft.remarks_on(provision.id)]
            for entry in draft.entries_on(provision.id):
                parts += _entry(draft, entry, provision.id)
            for name, positions in row.cells.items():
                said = "; ".join(f"{p.kind} ({'inferred' if p.inferred else 'declared'})" for p in positions)
                parts.append(f"- Position of {escaped(name)}: {said}")
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text).replace("\n", "  \n")


def _entry(draft: TextState, entry: StakeholderEntry, provision: str) -> list[str]:
    base, words = draft.base_of(entry, provision), words_for(entry, provision)
    role = f", {entry.role}" if entry.role else ""
    parts = [f"**{escaped(entry.stakeholder)}**{role} ({entry.entry_class.replace('_', ' ')}, {entry.id})", ""]
    if words:
        pieces = difference(base, words) if base else ()
        marked = "".join(f"{_MARKS[p.change][0]}{escaped(p.text)}{_MARKS[p.change][1]}" for p in pieces)
        parts += [marked or escaped(words), ""]
    remarks = [draft.comments[name] for name in entry.comments if draft.comments[name].provision == provision]
    return parts + [_comment(comment) for comment in remarks]


def _comment(comment: Comment) -> str:
    return (
        f"> {escaped(comment.author or 'Author not named')}: {escaped(comment.text).replace(chr(10), chr(10) + '> ')}\n"
    )
