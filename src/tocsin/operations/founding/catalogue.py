"""The questions that a founder of a CSIRT is asked, in their order, and what each suggests."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import TZPATH

from tocsin.directory import canonical
from tocsin.directory.facts import Authority
from tocsin.directory.hours import read_hours
from tocsin.directory.model import TeamKind
from tocsin.directory.services import FRAMEWORK, service_name
from tocsin.directory.shapes import phone, url
from tocsin.operations.founding.questions import (
    Answers,
    InterviewQuestion,
    country,
    day,
    each,
    person,
    postal_address,
    prose,
    renewal_day,
    scope,
)


def key_from(name: str) -> str:
    """A short name made of a long one."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain[:40].strip("-") or "csirt"


def _one(answers: Answers, name: str) -> str:
    found = answers.get(name, "")
    return found if isinstance(found, str) else "; ".join(found)


def _zone(answers: Answers) -> str:
    """The first time zone of the country in the system's table of zones, else UTC."""
    for folder in TZPATH:
        table = Path(folder) / "zone.tab"
        if table.is_file():
            rows = (row.split("\t") for row in table.read_text(encoding="utf-8").splitlines() if row[:1] != "#")
            return next((row[2] for row in rows if row[0] == _one(answers, "country")), "UTC")
    return "UTC"


def _mission(answers: Answers) -> str:
    return (
        f"{_one(answers, 'name')} helps its constituency to prevent security incidents, to notice them early, "
        "and to handle and recover from them."
    )


def _disclosure(answers: Answers) -> str:
    return (
        f"{_one(answers, 'name')} passes on what others need to protect themselves, and no more. Information is "
        "marked by the Traffic Light Protocol (TLP 2.0), and markings of others are respected. Who was affected is "
        "named only with consent, or where the law demands it."
    )


def _incidents(_: Answers) -> str:
    return (
        "All kinds of security incidents that happen in the constituency or threaten it. How much help is given "
        "depends on how severe the incident is, whom it touches, and who is on duty."
    )


def _renewal(today: date) -> Callable[[Answers], str]:
    return lambda _: (today + timedelta(days=330)).isoformat()


_KINDS: Final = (
    ("national", "for a whole country"),
    ("governmental", "for the government's own networks"),
    ("sectoral", "for one sector, such as banks or universities"),
    ("regional", "for several countries, or for a part of one"),
    ("operator", "for the customers of a network operator"),
    ("product", "for the products of a maker"),
    ("organisation", "for one organisation"),
)
_AUTHORITY: Final = (
    (Authority.NONE.value, "the team advises; others decide"),
    (Authority.SHARED.value, "the team takes part in deciding"),
    (Authority.FULL.value, "the team may order measures, such as taking a system off the network"),
)
_SERVICES: Final = tuple((name, area) for area, names in FRAMEWORK.items() for name in names)
_FIRST_SERVICES: Final = (
    "Information Security Incident Report Acceptance; Information Security Incident Analysis; "
    "Information Security Incident Coordination; Awareness Building"
)


def questions(today: date) -> tuple[InterviewQuestion, ...]:
    """Every question, in the order in which they are asked."""
    return (
        InterviewQuestion(
            "name",
            "What is the team called?",
            canonical.name,
            why="The full name, as it will sign its mails.",
            example="National CSIRT of Kestria",
            needed=True,
        ),
        InterviewQuestion(
            "key",
            "What is its short name?",
            canonical.key,
            why="You will type it in commands: letters a to z, digits, hyphens.",
            example="csirt-xa",
            default=lambda answers: key_from(_one(answers, "name")),
            needed=True,
        ),
        InterviewQuestion(
            "kind",
            "What sort of team is it?",
            canonical.choice(TeamKind),
            default=lambda _: "national",
            needed=True,
            choices=_KINDS,
        ),
        InterviewQuestion(
            "organisation",
            "Which organisation does it belong to?",
            canonical.line,
            why="The one that pays for it. Empty if it stands alone.",
            example="Ministry of Communication",
        ),
        InterviewQuestion(
            "country",
            "In which country is it?",
            country,
            why="Its name in English, or the code of two letters (ISO 3166-1).",
            example="MU",
            needed=True,
        ),
        InterviewQuestion(
            "mandate",
            "Who gave the team its mandate?",
            canonical.line,
            why="A law, a decree, a minister, a board. Leave it empty if there is none yet: the checklist reminds you.",
            example="Ministry of Communication, decree 12 of 2026",
        ),
        InterviewQuestion(
            "mandate_until",
            "Until when does the mandate hold?",
            day,
            why="A date such as 2028-12-31. Empty if it has no end, or if there is no mandate.",
            example="2028-12-31",
        ),
        InterviewQuestion(
            "constituency",
            "Whom does the team serve?",
            prose,
            why="One or two sentences. This is its constituency.",
            example="All networks in Kestria, and the people who use them.",
            needed=True,
        ),
        InterviewQuestion(
            "networks",
            "Which networks, AS numbers and domains are theirs?",
            each(scope),
            why="Between commas. A code of two letters means a whole country. Empty if you do not know yet.",
            example="AS64500, 192.0.2.0/24, .mu, MU",
        ),
        InterviewQuestion(
            "authority",
            "What may the team decide for them?",
            canonical.choice(Authority),
            default=lambda _: Authority.NONE.value,
            needed=True,
            choices=_AUTHORITY,
        ),
        InterviewQuestion(
            "mission",
            "What is the team there for?",
            prose,
            why="Its mission, in a sentence or two.",
            default=_mission,
            needed=True,
        ),
        InterviewQuestion(
            "services",
            "Which services does it offer?",
            each(lambda text: service_name(canonical.name(text)), between=";"),
            why="Numbers between commas, from the FIRST CSIRT Services Framework, or your own words between "
            "semicolons. Begin with few: a service that is promised and not given costs trust.",
            default=lambda _: _FIRST_SERVICES,
            needed=True,
            choices=_SERVICES,
        ),
        InterviewQuestion(
            "timezone",
            "In which time zone does it work?",
            canonical.timezone,
            example="Indian/Mauritius",
            default=_zone,
            needed=True,
        ),
        InterviewQuestion(
            "hours",
            "When is somebody there?",
            each(read_hours, between=";"),
            why="Days with from and to; several between semicolons; 24x7 for always.",
            example="mon-fri 08:00-16:00; sat 09:00-12:00",
            default=lambda _: "mon-fri 08:00-16:00",
            needed=True,
        ),
        InterviewQuestion(
            "languages",
            "In which languages can people write to it?",
            each(canonical.language),
            why="Language tags (BCP 47) between commas; the first is the one in which you write.",
            example="en, fr",
            default=lambda _: "en",
            needed=True,
        ),
        InterviewQuestion(
            "mailbox",
            "At which mailbox do people report incidents?",
            canonical.mailbox,
            why="It should belong to the team, not to a person, so that it is read when somebody is away.",
            example="csirt@cert.example",
            needed=True,
        ),
        InterviewQuestion("phone", "At which telephone number?", phone, why="Empty if none.", example="+230 201 0000"),
        InterviewQuestion(
            "emergency_phone",
            "And in an emergency, outside those hours?",
            phone,
            why="Empty if none.",
            example="+230 201 0001",
        ),
        InterviewQuestion(
            "website",
            "Where is its website?",
            url,
            why="security.txt and the profile will be published there. Empty if there is none yet.",
            example="https://cert.example",
        ),
        InterviewQuestion(
            "form", "Is there a form for reports on the web?", url, example="https://cert.example/report"
        ),
        InterviewQuestion(
            "address",
            "What is its postal address?",
            postal_address,
            why="Lines between semicolons. Empty if it is not public.",
            example="1 Harbour Road; Port Kestria",
        ),
        InterviewQuestion(
            "roster",
            "Who is on duty?",
            person,
            why="One person a line, name and mailbox; an empty line ends it. They take turns, a week each. "
            "The roster stays on this machine: names are not in the profile.",
            example="Ana Tester <ana@cert.example>",
            several=True,
        ),
        InterviewQuestion(
            "incidents",
            "Which incidents does it take on?",
            prose,
            default=_incidents,
            needed=True,
        ),
        InterviewQuestion(
            "disclosure",
            "How does it handle what it is told?",
            prose,
            why="Its disclosure policy. People report when they know what happens to what they say.",
            default=_disclosure,
            needed=True,
        ),
        InterviewQuestion(
            "memberships",
            "Which bodies is it a member of?",
            each(canonical.name),
            why="Between commas, such as FIRST, AfricaCERT, APCERT, LAC4, OIC-CERT, TF-CSIRT. Empty if none yet.",
        ),
        InterviewQuestion(
            "expires",
            "When must security.txt be renewed?",
            renewal_day(today),
            why="It says how to report flaws (RFC 9116) and ends on a day less than a year away.",
            default=_renewal(today),
            needed=True,
        ),
        InterviewQuestion(
            "smtp",
            "Which server sends your mail (SMTP)?",
            canonical.host,
            why="Empty: finished mails are written into a folder for now, and nothing is sent.",
            example="mail.cert.example",
        ),
        InterviewQuestion(
            "imap",
            "Which server keeps your incoming mail (IMAP)?",
            canonical.host,
            why="Empty: no mailbox is read for now.",
            example="mail.cert.example",
        ),
    )
