"""Commands that ask another node over its API, and print what they would print there."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.interface import Invocation, note
from tocsin.node.errors import InputError, TocsinError

if TYPE_CHECKING:
    from tocsin.pipeline.groups import Counts, IngestSummary
    from tocsin.server.client import Client
    from tocsin.server.model import Digest, Report


def client_of(call: Invocation) -> "Client":
    """The client of the node that ``--server`` names, with the token of TOCSIN_TOKEN or TOCSIN_TOKEN_FILE."""
    from tocsin.node.settings import read_secret
    from tocsin.server.client import Client

    token = os.environ.get("TOCSIN_TOKEN", "")
    if not token:
        token = read_secret(os.environ.get("TOCSIN_TOKEN_FILE", ""), setting="TOCSIN_TOKEN_FILE")
    return Client(call.server, token)


def ingest(client: "Client", paths: list[Path], *, source: str | None, feed: str | None) -> "IngestSummary":
    """Send reports in, and wait until all are taken in; says what `tocsin.pipeline.ingest.ingest` would."""
    from tocsin.events import find_reports, shown
    from tocsin.pipeline.groups import Counts, IngestSummary

    started, total, ingests = time.monotonic(), Counts(), list[int]()
    failed: list[tuple[str, TocsinError]] = []
    alarms = dict[tuple[str, str], None]()
    sent: list[tuple[str, Report]] = []
    for path in find_reports(paths):
        try:
            with _file(path) as (file, name):
                sent.append(
                    (shown(path.name), client.send_report(file, name=name, source=source or "", feed=feed or ""))
                )
        except OSError as error:
            wrong = InputError(f"{shown(path)} cannot be read: {error.strerror}.", hint="Check the path.")
            failed.append((shown(path), wrong))
        except TocsinError as error:
            failed.append((shown(path), error))
    for name, report in sent:
        done = _done(client, report)
        counts = _counts(done)
        total += counts
        ingests += done.ingests
        alarms |= {(one.feed, one.words): None for one in done.alarms}
        failed += [(one.file, InputError(one.reason, hint=one.hint)) for one in done.failed]
        if counts.rows:
            note(f"{name}: {total.rows:,} rows so far")
    return IngestSummary(total, failed, time.monotonic() - started, ingests, [*alarms])


def digest_document(one: "Digest") -> dict[str, Any]:
    """A digest as `tocsin deliveries` prints it."""
    return {name: value for name, value in one if name != "team_name"}


def _done(client: "Client", report: "Report") -> "Report":
    """The report once it was taken in, or refused."""
    pause = 0.05
    while report.state == "waiting":
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)
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
    from tocsin.pipeline.groups import Counts

    return Counts(**dict(report.sums)) if report.sums else Counts()
