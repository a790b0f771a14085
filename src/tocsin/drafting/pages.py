"""A long text in pages, so that any part of it is quick to show."""

from tocsin.drafting.draft import TextState

# About as much base text as a printed page holds.
PAGE = 3_000


def pages(draft: TextState) -> tuple[tuple[str, ...], ...]:
    """The ids of the provisions on each page, in print order; a page holds at least one."""
    found: list[list[str]] = []
    size = 0
    for provision in draft.printed():
        if not found or size + len(provision.base) > PAGE:
            found.append([])
            size = 0
        found[-1].append(provision.id)
        size += len(provision.base)
    return tuple(tuple(page) for page in found)
