"""What a team says, or others say, about the team itself: plain frozen data, no database.

A fact is an assertion like a rule: it has a source, and sources may disagree. Which part of the network a team answers
for is a rule (``model.py``), not a fact.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class FactKind(StrEnum):
    """What a fact is about."""

    AUTHORITY = "authority"
    LANGUAGE = "language"
    SERVICE = "service"
    HOURS = "hours"
    CHANNEL = "channel"
    MEMBERSHIP = "membership"
    ATTESTATION = "attestation"
    ESTABLISHED = "established"
    ADDRESS = "address"
    STATEMENT = "statement"
    FIELD = "field"  # a person's word on a field of the team itself, which imports then leave alone


class Authority(StrEnum):
    """What a team may make its constituency do (RFC 2350, section 3.3.4): order it, help decide, or only advise."""

    FULL = "full"
    SHARED = "shared"
    NONE = "none"


class ContactPurpose(StrEnum):
    """What a mailbox or another channel is for."""

    GENERAL = "general"
    INCIDENT = "incident"
    ABUSE = "abuse"
    SECURITY = "security"
    VULNERABILITY = "vulnerability"
    EMERGENCY = "emergency"


class ChannelKind(StrEnum):
    """A way to reach a team beside mail."""

    PHONE = "phone"
    FAX = "fax"
    FORM = "form"
    API = "api"
    WEBSITE = "website"
    PROFILE = "profile"
    OTHER = "other"


class Status(StrEnum):
    """What a team is in a body such as FIRST, Trusted Introducer or a regional forum."""

    MEMBER = "member"
    LIAISON = "liaison"
    LISTED = "listed"
    ACCREDITED = "accredited"
    CERTIFIED = "certified"
    CANDIDATE = "candidate"
    SUSPENDED = "suspended"


class AttestationKind(StrEnum):
    """What an attestation is."""

    MANDATE = "mandate"
    ACCREDITATION = "accreditation"
    PEER = "peer"
    SELF = "self"


class ProfileTopic(StrEnum):
    """What a statement is about: the sections of RFC 2350, appendix D, that are prose."""

    DISTRIBUTION = "distribution"
    AUTHENTICITY = "authenticity"
    ENCRYPTION = "encryption"
    MEMBERS = "members"
    OTHER = "other"
    CONTACT = "contact"
    MISSION = "mission"
    CONSTITUENCY = "constituency"
    SPONSORSHIP = "sponsorship"
    POWERS = "powers"
    INCIDENTS = "incidents"
    DISCLOSURE = "disclosure"
    COMMUNICATION = "communication"
    SERVICES = "services"
    RESPONSE = "response"
    TRIAGE = "triage"
    COORDINATION = "coordination"
    RESOLUTION = "resolution"
    PROACTIVE = "proactive"
    FORMS = "forms"
    DISCLAIMERS = "disclaimers"


@dataclass(frozen=True, slots=True)
class Fact:
    """One assertion about a team.

    ``value`` and ``detail`` are canonical texts, as ``fact_schema.py`` reads them. A membership is the body, with
    ``status``, ``since`` and ``until``; an attestation its issuer, with ``kind``, ``scope``, ``expires``, ``evidence``;
    a channel a number or an address, with ``kind`` and ``purpose``; a statement its text, with ``about``. ``recorded``
    is when this node came to know it; ``withdrawn`` when its source stopped saying it, None while it stands.
    """

    kind: FactKind
    value: str
    detail: tuple[tuple[str, str], ...] = ()
    source: str = ""
    as_of: date | None = None
    confidence: int | None = None
    said_by: str = ""
    recorded: datetime | None = None
    withdrawn: datetime | None = None

    def stood(self, at: datetime | None = None) -> bool:
        """Whether it was known and not withdrawn at a time; now when None."""
        if at is None or self.recorded is None:
            return self.withdrawn is None
        return self.recorded <= at and (self.withdrawn is None or self.withdrawn > at)

    def get(self, name: str) -> str:
        """One detail, or an empty text."""
        return dict(self.detail).get(name, "")

    @property
    def thing(self) -> str:
        """What a person's word on it is about, within its kind: one body, one issuer, one section; else all of it."""
        if self.kind is FactKind.MEMBERSHIP:
            return self.value.casefold()
        if self.kind is FactKind.ATTESTATION:
            return f"{self.get('kind')} {self.value.casefold()}"
        return self.get("about") or self.get("field")

    def day(self, name: str) -> date | None:
        """One detail that is a date, or None."""
        text = self.get(name)
        return date.fromisoformat(text) if text else None


def shown_fact(fact: Fact) -> str:
    """A fact on one line: its value, and each detail with its name."""
    details = [text for name, text in fact.detail if name in _PLAIN]
    details += [f"{name} {text}" for name, text in fact.detail if name not in _PLAIN]
    value = " / ".join(line for line in fact.value.splitlines() if line)
    return f"{value} ({', '.join(details)})" if details else value


_PLAIN = {"kind", "purpose", "status", "about"}  # words that say by themselves what they are
