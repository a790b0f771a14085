"""Commands that ask another node over its API, and print what they would print there."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.cli.output import Invocation, note
from tocsin.errors import InputError, TocsinError

if TYPE_CHECKING:
    from tocsin.client import Client, Digest, Report
    from tocsin.pipeline import Counts, Outcome

_WAIT = 60.0  # seconds that a request waits for a report to be taken in
_ONLY_WHOLE = {"not_reached", "tickets", "mails"}


def client_of(invocation: Invocation) -> "Client":
    """The client of the node that ``--server`` names, with the token of TOCSIN_TOKEN or TOCSIN_TOKEN_FILE."""
    from tocsin.client import Client
    from tocsin.settings import read_secret

    token = os.environ.get("TOCSIN_TOKEN", "")
    if not token:
        token = read_secret(os.environ.get("TOCSIN_TOKEN_FILE", ""), setting="TOCSIN_TOKEN_FILE")
    return Client(invocation.server, token)


def ingest(client: "Client", paths: list[Path], *, source: str | None, feed: str | None) -> "Outcome":
    """Send reports in, one after the other, and wait for each; says what `tocsin.pipeline.ingest` would."""
    from tocsin.events.reports import find_reports, shown
    from tocsin.pipeline import Counts, Outcome

    started, total, ingests = time.monotonic(), Counts(), list[int]()
    failed: list[tuple[str, TocsinError]] = []
    for path in find_reports(paths):
        try:
            report = _sent(client, path, source or "", feed or "")
        except OSError as error:
            wrong = InputError(f"{shown(path)} cannot be read: {error.strerror}.", hint="Check the path.")
            failed.append((shown(path), wrong))
        except TocsinError as error:
            failed.append((shown(path), error))
        else:
            total += _counts(report)
            ingests += report.ingests
            failed += [(one.file, InputError(one.reason, hint=one.hint)) for one in report.failed]
            note(f"{shown(path.name)}: {total.rows:,} rows so far")
    return Outcome(total, failed, time.monotonic() - started, ingests)


def digest_document(one: "Digest") -> dict[str, Any]:
    """A digest as `tocsin deliveries` prints it."""
    document = asdict(one)
    del document["team_name"]
    return {name: value for name, value in document.items() if value is not None or name not in _ONLY_WHOLE}


def _sent(client: "Client", path: Path, source: str, feed: str) -> "Report":
    with _file(path) as (file, name):
        report = client.send_report(file, name=name, source=source, feed=feed, wait=_WAIT)
    while report.state == "waiting":
        time.sleep(1)
        report = client.report(report.id)
    return report


@contextmanager
def _file(path: Path) -> Iterator[tuple[Path, str]]:
    """The file at a path, or standard input in a file, and its name."""
    if str(path) != "-":
        yield path, path.name
        return
    with tempfile.NamedTemporaryFile(prefix="tocsin-") as kept:
        while block := sys.stdin.buffer.read(1 << 20):
            kept.write(block)
        kept.flush()
        yield Path(kept.name), "standard input"


def _counts(report: "Report") -> "Counts":
    from tocsin.pipeline import Counts

    return Counts(**asdict(report.sums)) if report.sums else Counts()
