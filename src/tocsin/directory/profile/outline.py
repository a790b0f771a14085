"""The outline of an RFC 2350 profile: its sections, and which prose stands where.

RFC 2350, appendix D; section 1.4 is in the filled-in example of appendix E and has become usual.
"""

from dataclasses import dataclass
from typing import Final

from tocsin.directory.facts import Topic


@dataclass(frozen=True)
class Section:
    """One section; ``topic``: the prose that stands in it; ``words``: by which others' headings are recognised."""

    number: str
    heading: str
    topic: Topic | None = None
    words: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """1 for a chapter, 2 for a section, 3 below."""
        return self.number.count(".") + 1


OUTLINE: Final = (
    Section("1", "Document Information", words=("document information", "about this document")),
    Section("1.1", "Date of Last Update", words=("date of last update", "last update")),
    Section("1.2", "Distribution List for Notifications", Topic.DISTRIBUTION, ("distribution list",)),
    Section("1.3", "Locations where this Document May Be Found", words=("locations where", "location")),
    Section("1.4", "Authenticating this Document", Topic.AUTHENTICITY, ("authenticat", "authenticity")),
    Section("2", "Contact Information", words=("contact information",)),
    Section("2.1", "Name of the Team", words=("name of the team", "team name")),
    Section("2.2", "Address", words=("address", "postal address")),
    Section("2.3", "Time Zone", words=("time zone", "timezone")),
    Section("2.4", "Telephone Number", words=("telephone", "phone")),
    Section("2.5", "Facsimile Number", words=("facsimile", "fax", "telefax")),
    Section("2.6", "Other Telecommunication", words=("other telecommunication", "other communication")),
    Section("2.7", "Electronic Mail Address", words=("electronic mail", "e-mail", "email", "mail address")),
    Section("2.8", "Public Keys and Encryption Information", Topic.ENCRYPTION, ("public key", "encryption")),
    Section("2.9", "Team Members", Topic.MEMBERS, ("team members",)),
    Section("2.10", "Other Information", Topic.OTHER, ("other information",)),
    Section("2.11", "Points of Customer Contact", Topic.CONTACT, ("points of customer", "points of contact")),
    Section("3", "Charter", words=("charter",)),
    Section("3.1", "Mission Statement", Topic.MISSION, ("mission",)),
    Section("3.2", "Constituency", Topic.CONSTITUENCY, ("constituency",)),
    Section("3.3", "Sponsorship and/or Affiliation", Topic.SPONSORSHIP, ("sponsor", "affiliation")),
    Section("3.4", "Authority", Topic.POWERS, ("authority",)),
    Section("4", "Policies", words=("policies", "policy")),
    Section("4.1", "Types of Incidents and Level of Support", Topic.INCIDENTS, ("types of incident",)),
    Section(
        "4.2",
        "Co-operation, Interaction and Disclosure of Information",
        Topic.DISCLOSURE,
        ("co-operation", "cooperation", "disclosure"),
    ),
    Section("4.3", "Communication and Authentication", Topic.COMMUNICATION, ("communication and auth",)),
    Section("5", "Services", Topic.SERVICES, ("services",)),
    Section("5.1", "Incident Response", Topic.RESPONSE, ("incident response", "incident handling", "reactive")),
    Section("5.1.1", "Incident Triage", Topic.TRIAGE, ("triage",)),
    Section("5.1.2", "Incident Coordination", Topic.COORDINATION, ("incident coordination", "incident co-ordination")),
    Section("5.1.3", "Incident Resolution", Topic.RESOLUTION, ("resolution",)),
    Section("5.2", "Proactive Activities", Topic.PROACTIVE, ("proactive", "pro-active")),
    Section("6", "Incident Reporting Forms", Topic.FORMS, ("incident reporting form", "reporting form")),
    Section("7", "Disclaimers", Topic.DISCLAIMERS, ("disclaimer",)),
)

SECTIONS: Final = {section.number: section for section in OUTLINE}
"""The sections by number."""
