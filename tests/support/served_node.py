"""A node with its server and mail server, and the people who come to it with a real browser."""

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp

from support.cast import HEADER, Tocsin
from support.form_filling import Hand
from support.mail_server import PostOffice

PASSWORD = "marmot tunes violet"


@dataclass
class House:
    """A node that is served at ``url``; ``ahead``: how far its clock is before that of the machine."""

    home: Path
    url: str
    office: PostOffice
    hand: Hand
    ahead: timedelta = timedelta()
    devices: dict[str, pyotp.TOTP] = field(default_factory=dict)
    reports: int = 0

    def now(self) -> datetime:
        """What the node takes for the time."""
        return datetime.now(UTC) + self.ahead

    def later(self, **by: float) -> None:
        """Let time pass, by days, hours and so on."""
        self.ahead += timedelta(**by)

    @property
    def tocsin(self) -> Tocsin:
        """Its command line."""
        return Tocsin(self.home, {}, self.now)

    def letter_to(self, mailbox: str, with_words: str) -> str:
        """The text of the first mail to a mailbox that holds these words, once it came."""
        found: list[str] = []

        def came() -> bool:
            found[:] = [
                text
                for boxes, content in list(self.office.arrived)
                if mailbox in boxes and with_words in (text := text_of(content))
            ]
            return bool(found)

        self.hand.until(came)
        return found[0]

    def report(self, *rows: str) -> Path:
        """A file of open RDP services."""
        self.reports += 1
        path = self.home.parent / f"{self.now():%Y-%m-%d}-scan_rdp-test{self.reports}-geo.csv"
        path.write_text("\n".join([HEADER, *rows, ""]))
        return path

    def send_in(self, file: Path) -> None:
        """Whoever is at the browser sends a report in by the form, and waits until it is taken in."""
        hand = self.hand
        hand.go("/reports/new")
        hand.attach("File", file)
        hand.press("Upload")
        hand.until(lambda: "its turn comes" not in hand.title, again=hand.path)

    def begin_with(self, link: str, name: str, mailbox: str = "") -> None:
        """Follow a link that makes an account."""
        hand = self.hand
        hand.go(link)
        hand.fill("Your name", name)
        if mailbox:
            hand.fill("Your email address", mailbox)
        hand.fill("Password", PASSWORD)
        hand.press("Create the account")

    def set_up_device(self, person: str) -> None:
        """Type the secret that the page shows into a device, and its code into the page."""
        hand = self.hand
        assert hand.title == "Second factor"
        device = self.devices[person] = pyotp.TOTP("".join(hand.value("ol.steps code").split()))
        hand.fill("Enter the six digits that it shows now", device.at(self.now()))
        hand.press("Switch the second factor on")
        assert hand.title == "Recovery codes"
        assert len(re.findall(r"^[a-z2-7-]{27}$", hand.text, re.MULTILINE)) >= 8
        hand.press("I have saved them")

    @contextmanager
    def as_(self, person: str) -> Iterator[Hand]:
        """The browser of one person, for a while; who was away too long signs in again."""
        hand = self.hand
        hand.take_out(person)
        hand.go("/account")
        if hand.title == "Sign in":
            hand.fill("Email address", f"{person}@people.example")
            hand.fill("Password", PASSWORD)
            hand.press("Sign in")
        if hand.title == "Second factor":
            hand.fill("Code", self.devices[person].at(self.now()))
            hand.press("Sign in")
        yield hand
        hand.put_away(person)


def text_of(content: bytes) -> str:
    """The plain text of a mail."""
    body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def welcome_in(text: str) -> str:
    """The link in a text by which somebody comes in."""
    found = re.search(r"http\S+/welcome/\S+", text)
    assert found, text
    return found[0]


def row(address: str, at: datetime) -> str:
    """A row of a report: an open RDP service."""
    return f'"{at:%Y-%m-%d %H:%M:%S}","medium","{address}","tcp",3389,,"rdp",64500,"MU",,'
