"""Several people's versions of one text as tracked changes on that text, exact for each of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.drafting.difference import Edit, edits
from tocsin.interface.word import Paragraph, Revision, TextRun, tidy


@dataclass(frozen=True, slots=True)
class Version:
    r"""What one author wants a text to be; ``\n`` ends a paragraph."""

    author: str
    text: str
    date: datetime | None = None


def redline(base: str, versions: Sequence[Version]) -> tuple[tuple[Paragraph, ...], tuple[Version, ...]]:
    r"""The base as paragraphs with each version's changes tracked, and the versions that do not fit on it.

    ``original`` of the paragraphs is the base, ``author_view`` each fitting author's version. A version that deletes
    what another one deletes already does not fit: a Word file can say only once that words are gone. Show it on its own
    copy of the base. ``\n`` ends a paragraph.
    """
    taken: list[tuple[Revision, Revision, Edit]] = []
    left: list[Version] = []
    for version in versions:
        wanted = edits(base, version.text)
        if any(_clash(edit, other) for edit in wanted for _, _, other in taken):
            left.append(version)
            continue
        adds = Revision("insert", version.author, version.date)
        taken += [(adds, replace(adds, kind="delete"), edit) for edit in wanted]
    return _paragraphs(_pieces(base, taken)), tuple(left)


def _clash(one: Edit, other: Edit) -> bool:
    """Whether both delete some of the same characters."""
    return max(one.start, other.start) < min(one.end, other.end)


def _pieces(base: str, taken: Sequence[tuple[Revision, Revision, Edit]]) -> Iterable[TextRun]:
    """The base cut where something begins or ends, with the marks of each piece, and what is new in its place."""
    gone: dict[int, Revision] = {}
    new: dict[int, list[TextRun]] = defaultdict(list)
    cuts = {0, len(base)}
    for adds, removes, edit in taken:
        cuts |= {edit.start, edit.end}
        if edit.text:
            new[edit.end].append(TextRun(edit.text, (adds,)))
        if edit.start < edit.end:
            gone[edit.start] = removes
    ends = {edit.start: edit.end for _, _, edit in taken if edit.start < edit.end}
    until = 0
    mark: tuple[Revision, ...] = ()
    places = sorted(cuts)
    for start, end in zip(places, [*places[1:], len(base)], strict=True):
        yield from new[start]
        if start >= until:
            mark = (gone[start],) if start in gone else ()
            until = ends.get(start, start)
        yield TextRun(base[start:end], mark)


def _paragraphs(runs: Iterable[TextRun]) -> tuple[Paragraph, ...]:
    done: list[Paragraph] = []
    current: list[TextRun] = []
    for run in runs:
        first, *rest = run.text.split("\n")
        current.append(replace(run, text=first))
        for text in rest:
            done.append(Paragraph(tidy(current), run.marks))
            current = [replace(run, text=text)]
    return (*done, Paragraph(tidy(current)))
