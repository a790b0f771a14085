"""Times reports from their arrival in a folder to their mails' acceptance by an SMTP server, with teams told at once.

python bench/at_once.py --seconds 60 --rows 100 --teams 200
"""

import argparse
import csv
import email
import email.policy
import io
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

HEADER = '"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city"'


class Office:
    """Notes when each mail was accepted."""

    def __init__(self) -> None:
        self.accepted: list[tuple[float, bytes]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a mail."""
        self.accepted.append((time.time(), envelope.content))
        return "250 OK"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rows", type=int, default=100, help="Events that come each second, in one report.")
    parser.add_argument("--teams", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Drop a report each second, and find for each of its mails how long it took."""
    office = Office()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        home, inbox = node(folder, port, options.teams), folder / "inbox"
        inbox.mkdir()
        quick = ("--every", "0.2")
        running = [start(home, "watch", str(inbox), *quick), start(home, "deliver", "--watch", *quick)]
        time.sleep(5)
        dropped = drop(inbox, options)
        wait(office, options.seconds)
    finally:
        for process in running:
            process.terminate()
            process.wait()
        controller.stop()
    return figures(office, dropped, options)


def node(folder: Path, port: int, teams: int) -> Path:
    """A node with teams told at once, each answering for a part of 198.18.0.0/15 (RFC 2544)."""
    home = folder / "home"
    home.mkdir()
    (home / "tocsin.toml").write_text(
        "[tell]\nhold_first_mail = false\nbrake_mails = 0\nmails_a_day = 0\n"
        f'[mail]\nchannel = "smtp"\nport = {port}\nsecurity = "none"\n'
    )
    names = [
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["{address(n, 0)}/24"]\n'
        for n in range(teams)
    ]
    path = folder / "teams.toml"
    path.write_text("\n".join(names))
    subprocess.run([*command(home), "directory", "import", str(path)], check=True, stdout=subprocess.DEVNULL)
    return home


def address(team: int, host: int) -> str:
    """A host of a team's own /24 in 198.18.0.0/15."""
    return f"198.{18 + team // 256}.{team % 256}.{host}"


def command(home: Path) -> list[str]:
    """The command line on a node."""
    return [str(Path(sys.executable).parent / "tocsin"), "--home", str(home)]


def start(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """A command that goes on."""
    return subprocess.Popen([*command(home), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def drop(inbox: Path, options: argparse.Namespace) -> list[float]:
    """Put a report into the folder each second; when each was there. The port of its rows says which it is."""
    chance, dropped = random.Random(options.seed), []
    began = time.time()
    for number in range(options.seconds):
        time.sleep(max(0.0, began + number - time.time()))
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        hosts = {(chance.randrange(options.teams), chance.randrange(1, 255)) for _ in range(options.rows)}
        rows = [f'"{stamp}","medium","{address(*one)}","tcp",{1024 + number},,"rdp",64500,"MU",,' for one in hosts]
        name = f"{stamp[:10]}-scan_rdp-at{number}-geo.csv"
        (inbox / f".{name}").write_text("\n".join([HEADER, *rows, ""]))
        (inbox / f".{name}").rename(inbox / name)
        dropped.append(time.time())
    return dropped


def wait(office: Office, seconds: int) -> None:
    """Until no mail came for a while."""
    until = time.time() + seconds + 30
    while time.time() < until:
        count = len(office.accepted)
        time.sleep(5)
        if len(office.accepted) == count:
            return


def figures(office: Office, dropped: list[float], options: argparse.Namespace) -> dict[str, object]:
    """How long each event took from its report's arrival to the acceptance of its mail."""
    took = []
    for accepted, content in office.accepted:
        message = email.message_from_bytes(content, policy=email.policy.default)
        for part in message.walk():
            if part.get_content_type() == "text/csv":
                rows = csv.DictReader(io.StringIO(part.get_content()))
                took += [accepted - dropped[int(row["source.port"]) - 1024] for row in rows]
    took.sort()
    at = {
        name: round(took[int(share * (len(took) - 1))], 2) for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1))
    }
    return {
        "reports": options.seconds,
        "events": len(took),
        "events_per_second": options.rows,
        "teams": options.teams,
        "mails": len(office.accepted),
        "seconds_from_arrival_to_acceptance": at,
    }


if __name__ == "__main__":
    main()
