"""Mails put into threads, as one JSON document: ``python bench/threads.py [--mails N]``.

An mbox is written, then read and threaded by `tocsin incidents thread` in a process of its own; then one new mail is
placed among the ids of all. Half of the mails are in threads of up to 30, an eighth in one thread without end.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from tocsin.incidents.threading import MailLinks, place_mail

LONGEST = 30


def main() -> None:
    parser = argparse.ArgumentParser(description="Times threads of mails.")
    parser.add_argument("--mails", type=int, default=100_000)
    mails = parser.parse_args().mails
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        mbox = Path(folder) / "all.mbox"
        with mbox.open("wb") as written:
            written.writelines(_mails(mails, random.Random(1)))
        result: dict[str, object] = {"mails": mails, "megabytes": round(mbox.stat().st_size / 1e6, 1)}
        for name, options in (("cold", []), ("cold_with_subjects", ["--subjects"])):
            result[name] = _command(mbox, options)
    json.dump(result | {"one_new_mail_ms": _one_more(mails)}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _mails(count: int, chance: random.Random) -> Iterator[bytes]:
    chains: list[list[int]] = [[]]
    for number in range(count):
        kind = chance.random()
        chain = chains[0] if kind < 1 / 8 else chance.choice(chains[-1_000:]) if kind < 5 / 8 else []
        if chain is not chains[0] and len(chain) >= LONGEST:
            chain = []
        before = chain[:1] + chain[1:][-19:]
        references = "\n ".join(f"<{one}.{one * 7919}@mail.example>" for one in before)
        links = (
            f"References: {references}\nIn-Reply-To: <{chain[-1]}.{chain[-1] * 7919}@mail.example>\n" if chain else ""
        )
        if not chain:
            chains.append(chain)
        chain.append(number)
        yield (
            f"From person{number % 997}@isp.example  Fri Nov 27 12:00:00 2026\n"
            "Received: from mx.isp.example (mx.isp.example [192.0.2.25])\n"
            f" by mail.example with ESMTPS id {number:x}; Fri, 27 Nov 2026 12:00:00 +0000\n"
            f"From: Person {number % 997} <person{number % 997}@isp.example>\nTo: csirt@cert.example\n"
            f"Subject: {'Re: ' if chain[1:] else ''}report {chain[0]}\nDate: Fri, 27 Nov 2026 12:00:00 +0000\n"
            f"Message-ID: <{number}.{number * 7919}@mail.example>\n{links}MIME-Version: 1.0\n"
            f"Content-Type: text/plain; charset=utf-8\n\n{'What we saw today. ' * chance.randrange(5, 120)}\n\n"
        ).encode()


def _command(mbox: Path, options: list[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "tocsin", "incidents", "thread", str(mbox), "--json", *options]
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    after = getrusage(RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "rows": len(rows),
        "threads": len({row["thread"] for row in rows}),
    }


def _one_more(mails: int) -> float:
    known = {f"<{number}.{number * 7919}@mail.example>": number for number in range(mails)}
    mail = MailLinks("<new@mail.example>", tuple(f"<missing{number}@x.example>" for number in range(1_000)))
    began = time.perf_counter()
    place_mail(mail, known, known)
    return round((time.perf_counter() - began) * 1000, 3)


if __name__ == "__main__":
    main()
