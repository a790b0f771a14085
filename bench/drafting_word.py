"""A Word file of 300 pages with 5,000 tracked changes by twelve authors: written, read, seen, and taken as a text."""

import json
import random
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tocsin.drafting.akoma import akoma_ntoso
from tocsin.drafting.draft import begun
from tocsin.drafting.word import (
    ListLevel,
    Paragraph,
    Revision,
    TextRun,
    WordComment,
    WordDocument,
    accepted,
    author_view,
    authors,
    changes,
    numbered,
    original,
    read_docx,
    write_docx,
)
from tocsin.drafting.word.text_in import read_word_text
from tocsin.drafting.word.text_out import compiled_docx, redlined_docx
from tocsin.interface.word import Kind

PAGES, CHANGES = 300, 5_000
START = datetime(2014, 3, 4, tzinfo=UTC)
WORDS = "the of and States shall promote security confidence cooperation information society rights access".split()
KINDS: tuple[Kind, ...] = ("insert", "delete")
T = TypeVar("T")


def document() -> WordDocument:
    """Five labelled paragraphs of 80 words a page; a comment on every twentieth change."""
    chance = random.Random(1)
    comments: list[WordComment] = []
    blocks: list[Paragraph] = []
    made = 0
    for _ in range(PAGES * 5):
        runs: list[TextRun] = []
        for part in range(8):
            runs.append(TextRun(words(chance, 10)))
            if part < 4 and made < CHANGES and chance.random() < 0.85:
                made += 1
                when = START + timedelta(minutes=made)
                mark = Revision(chance.choice(KINDS), f"Author {chance.randrange(12)}", when)
                if made % 20 == 0:
                    comments.append(WordComment(len(comments) + 1, mark.author, words(chance, 12), START))
                runs.append(TextRun(words(chance, 4), (mark,), (len(comments),) if made % 20 == 0 else ()))
        blocks.append(Paragraph(tuple(runs), numbering=(1, 0)))
    return numbered(WordDocument(tuple(blocks), tuple(comments), lists=((1, (ListLevel("decimal", "%1)"),)),)))


def words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count)) + " "


def timed(act: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = act()
    return result, round(time.perf_counter() - began, 3)


def main() -> None:
    whole = document()
    data, write = timed(lambda: write_docx(whole))
    again, read = timed(lambda: read_docx(data))
    everybody = authors(again)
    _, views = timed(lambda: [original(again), accepted(again), *(author_view(again, name) for name in everybody)])
    text, taken = timed(lambda: read_word_text(data))
    draft = begun(text)
    figures = {
        "pages": PAGES,
        "changes": len(changes(again)),
        "authors": len(everybody),
        "bytes": len(data),
        "same_after_reading": again == whole,
        "entries": len(text.entries),
        "seconds": {
            "write": write,
            "read": read,
            f"{len(everybody) + 2}_views": views,
            "read_as_text": taken,
            "compilation_docx": timed(lambda: compiled_docx(draft))[1],
            "redline_docx": timed(lambda: redlined_docx(draft))[1],
            "akoma_ntoso": timed(lambda: akoma_ntoso(draft, START))[1],
        },
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
