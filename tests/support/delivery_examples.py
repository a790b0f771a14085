"""Events, teams and a database to deliver with, and an independent reader of what was delivered."""

import csv
import email
import email.policy
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import polars as pl

from tocsin.delivery import Sender, queue, release_items
from tocsin.directory import AttachmentFormat, DigestInterval, Team
from tocsin.events.schema import COLUMNS
from tocsin.networks import parse_address
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import Database
from tocsin.node.settings import MailSettings, Settings
from tocsin.node.tell_settings import TellSettings

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
NODE = UUID("6f1d9a52-8f0c-4f8e-9d55-2a2d8f3d6c11")


UNLIMITED = TellSettings(hold_first_mail=False, mails_a_day=0)


def node(*, max_bytes: int = 5_000_000, own: Collection[str] = (), tell: TellSettings = UNLIMITED) -> Sender:
    settings = Settings(
        tell=tell,
        node=NodeSettings(name="CSIRT Example", country="MU", contact="csirt@csirt.example"),
        mail=MailSettings(max_bytes=max_bytes),
    )
    return Sender(NODE, settings, own)


def team(
    number: int = 1,
    *,
    key: str = "",
    name: str = "Example ISP",
    mailboxes: tuple[str, ...] = ("noc@isp.example",),
    interval: DigestInterval = DigestInterval.AT_ONCE,
    formats: tuple[AttachmentFormat, ...] = (AttachmentFormat.CSV,),
    ceiling: str = "AMBER",
) -> Team:
    return Team(
        id=number,
        uuid=UUID(int=number),
        key=key or f"team-{number}",
        name=name,
        mailboxes=mailboxes,
        interval=interval,
        formats=formats,
        ceiling=ceiling,
    )


def events(*rows: Mapping[str, object], ingest: int = 1, first_row: int = 1) -> pl.DataFrame:
    """A frame of the event table; ``source.ip`` and ``destination.ip`` are given as text."""
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    times = {name: pl.Datetime("us", "UTC") for name in ("problem.first_seen", "problem.said_at")}
    known = {
        **COLUMNS,
        **times,
        "problem.new": pl.Boolean(),
        "problem.said": pl.String(),
        "problem.others": pl.String(),
    }
    extra = {name for row in rows for name in row if name.startswith("problem.")}
    columns |= {name: [] for name in extra}
    for number, given in enumerate(rows, start=first_row):
        row: dict[str, object] = {
            "time.source": NOW - timedelta(hours=8),
            "time.observation": NOW,
            "tlp": "AMBER",
            "pap": "GREEN",
            "classification.taxonomy": "malicious-code",
            "classification.type": "infected-system",
            "classification.identifier": "mirai",
            "rsit.type": "infected-system",
            "feed.provider": "Example Feeds",
            "feed.name": "Sinkhole",
            "ingest": ingest,
            "row": number,
            "problem": ingest * 1_000_000 + number,
            "routed": 1,
            "told": 1,
            **given,
        }
        for side in ("source", "destination"):
            halves = parse_address(str(row.pop(f"{side}.ip"))) if f"{side}.ip" in row else None
            if halves is not None:
                for part, half in zip(("hi", "lo"), halves, strict=True):
                    row[f"{side}.ip.{part}"] = half - 2**64 if half >= 2**63 else half
        for name, values in columns.items():
            values.append(row.get(name))
    return pl.DataFrame(columns, schema={name: known[name] for name in columns})


@dataclass
class Told:
    """The event store's part: frames by team; counts how often it was asked."""

    frames: Mapping[int, pl.DataFrame]
    calls: int = 0

    def __call__(self, ingests: Sequence[int], teams: Collection[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        self.calls += 1
        for number, frame in self.frames.items():
            if number in teams:
                yield number, frame.filter(pl.col("ingest").is_in(list(ingests)))


def owe(database: Database, teams: Mapping[int, Team], frames: Mapping[int, pl.DataFrame], now: datetime = NOW) -> int:
    """Queue all events of the frames and let them count."""
    made = 0
    ingests = sorted({int(ingest) for frame in frames.values() for ingest in frame["ingest"].unique()})
    with database.begin() as session:
        for ingest in ingests:
            counts = {number: frame.filter(pl.col("ingest") == ingest).height for number, frame in frames.items()}
            made += queue(session, ingest=ingest, counts=counts, teams=teams, now=now)
            release_items(session, [ingest])
    return made


@dataclass(frozen=True)
class Read:
    """A digest as Python's own parsers read it."""

    subject: str
    sender: str
    to: str
    message_id: str
    headers: Mapping[str, str]
    body: str
    files: Mapping[str, bytes]

    def rows(self) -> list[dict[str, str]]:
        """The events in its CSV data, zipped or not."""
        return [
            row
            for name, content in unpacked(self.files).items()
            if name.endswith(".csv")
            for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
        ]

    def objects(self) -> list[dict[str, object]]:
        """The events in its JSON lines."""
        return [
            json.loads(line)
            for name, content in unpacked(self.files).items()
            if name.endswith(".jsonl")
            for line in content.decode("utf-8").splitlines()
        ]


def unpacked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files by name, those in ZIP files too."""
    found: dict[str, bytes] = {}
    for name, content in files.items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                found |= unpacked({member: archive.read(member) for member in archive.namelist()})
        else:
            found[name] = content
    return found


def read_mail(content: bytes) -> Read:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    body = message.get_body(("plain",))
    assert body is not None
    files = {str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()}
    return Read(
        subject=str(message["Subject"]),
        sender=str(message["From"]),
        to=str(message["To"]),
        message_id=str(message["Message-ID"]),
        headers={name: str(value) for name, value in message.items()},
        body=str(body.get_content()),
        files={name: content for name, content in files.items() if isinstance(content, bytes)},
    )


def read_folder(folder: Path) -> dict[str, Read]:
    """All digests below a folder by file name."""
    return {path.name: read_mail(path.read_bytes()) for path in sorted(folder.rglob("*.eml"))}
