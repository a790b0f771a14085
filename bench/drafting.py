"""How fast a long text is imported and shown: 300 pages, 5,000 amendments, every page timed.

python bench/drafting.py [--pages 300] [--amendments 5000]
"""

import argparse
import json
import random
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tocsin.drafting.agreement import agreement
from tocsin.drafting.history import read_act, replayed
from tocsin.drafting.jsonform import provision_document
from tocsin.drafting.page import page as html_page
from tocsin.drafting.pages import PAGE, pages
from tocsin.drafting.plaintext import read_compilation
from tocsin.drafting.store import add_text, load
from tocsin.node.records import open_database
from tocsin.node.records.engine import sqlite_url

WORDS = (
    "encourage greater cooperation among all stakeholders at national regional and international levels in building "
    "trust confidence and security of networks services data children users operators standards training response teams"
).split()
NAMES = [f"Stakeholder {number}" for number in range(1, 61)]
PROVISION = 600


def compilation(page_count: int, amendments: int, seed: int = 7) -> str:
    """A text of that many printed pages with that many amendments, in the layout of negotiation compilations."""
    pick = random.Random(seed)
    provisions = page_count * PAGE // PROVISION
    each = [amendments // provisions + (number < amendments % provisions) for number in range(provisions)]
    pick.shuffle(each)
    parts = ["A long text"]
    for number in range(provisions):
        if number % 25 == 0:
            parts += ["", f"{number // 25 + 1}.\tChapter {_letters(number // 25)}"]
        base = sentence(pick)
        parts += ["", f"{chr(97 + number % 25)}) {base}"]
        for name in pick.sample(NAMES, each[number]):
            parts += ["", f"· {name}, Government: {amended(base, pick)}"]
    return "\n".join(parts) + "\n"


def sentence(pick: random.Random) -> str:
    words: list[str] = []
    while sum(map(len, words)) + len(words) < PROVISION:
        words.append(pick.choice(WORDS) if pick.random() > 0.05 else "[if agreed]")
    return " ".join(words).capitalize() + "."


def amended(base: str, pick: random.Random) -> str:
    words = base.split(" ")
    for _ in range(pick.randint(1, 8)):
        at = pick.randrange(len(words))
        words[at : at + pick.randint(0, 2)] = pick.sample(WORDS, pick.randint(0, 3))
    return " ".join(words)


def _letters(number: int) -> str:
    return chr(65 + number // 26) + chr(97 + number % 26)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--pages", type=int, default=300)
    options.add_argument("--amendments", type=int, default=5_000)
    given = options.parse_args()
    data = compilation(given.pages, given.amendments).encode()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "records.sqlite"))
        database.migrate()
        start = time.perf_counter()
        text = read_compilation(data, "long.txt")
        read = time.perf_counter() - start
        add_text(database, text, data, actor="bench", at=datetime.now(UTC))
        imported = time.perf_counter() - start
        read_act.cache_clear()  # as in a process that has not seen the text
        start = time.perf_counter()
        draft = replayed(load(database, "long").steps)
        opened = time.perf_counter() - start
        shown = []
        for names in pages(draft):
            start = time.perf_counter()
            [provision_document(draft, name) for name in names]
            shown.append(time.perf_counter() - start)
        start = time.perf_counter()
        html_page(draft, shown=pages(draft)[len(shown) // 2])
        as_html = time.perf_counter() - start
        start = time.perf_counter()
        agreement(draft)
        matrix = time.perf_counter() - start
        database.engine.dispose()
    shown.sort()
    figures = {
        "pages": len(shown),
        "provisions": len(text.provisions),
        "amendments": len(text.entries),
        "bytes": len(data),
        "read_s": round(read, 2),
        "import_s": round(imported, 2),
        "open_ms": round(opened * 1000),
        "page_ms": {"median": round(shown[len(shown) // 2] * 1000, 1), "worst": round(shown[-1] * 1000, 1)},
        "open_and_show_worst_page_ms": round((opened + shown[-1]) * 1000),
        "html_page_ms": round(as_html * 1000),
        "agreement_ms": round(matrix * 1000),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
