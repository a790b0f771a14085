"""Delivers in a process of its own, so that a test can kill it."""

from pathlib import Path

import polars as pl

from support.delivery_examples import NOW, Told, events, node, team
from tocsin.delivery import deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.directory import Team
from tocsin.node.records import open_database
from tocsin.node.settings import MailSettings

TEAMS: dict[int, Team] = {number: team(number, mailboxes=(f"noc@t{number}.example",)) for number in range(1, 6)}
FRAMES: dict[int, pl.DataFrame] = {
    number: events(*({"source.ip": f"192.0.2.{row}"} for row in range(number * 3))) for number in TEAMS
}


def work(url: str, folder: Path, port: int | None) -> None:
    """Tell the teams what is theirs, by files in the folder or by SMTP."""
    deliver(
        open_database(url),
        teams=TEAMS,
        events_of=Told(FRAMES),
        channel=SmtpChannel(MailSettings(port=port, security="none")) if port else FileChannel(folder / "mails"),
        node=node(),
        now=NOW,
    )
