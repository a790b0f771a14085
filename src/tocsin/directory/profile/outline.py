"""The outline of an RFC 2350 profile: its sections, and which prose stands where.

RFC 2350, appendix D; section 1.4 is in the filled-in example of appendix E and has become usual.
"""

from dataclasses import dataclass
from typing import Final

from tocsin.directory.facts import ProfileTopic


@dataclass(frozen=True)
class ProfileSection:
    """One section; ``topic``: the prose that stands in it; ``words``: by which others' headings are recognised."""

    number: str
    heading: str
    topic: ProfileTopic | None = None
    words: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """1 for a chapter, 2 for a section, 3 below."""
        return self.number.count(".") + 1


OUTLINE: Final = (
    ProfileSection("1", "Document Information", words=("document information", "about this document")),
    ProfileSection("1.1", "Date of Last Update", words=("date of last update", "last update")),
    ProfileSection("1.2", "Distribution List for Notifications", ProfileTopic.DISTRIBUTION, ("distribution list",)),
    ProfileSection("1.3", "Locations where this Document May Be Found", words=("locations where", "location")),
    ProfileSection("1.4", "Authenticating this Document", ProfileTopic.AUTHENTICITY, ("authenticat", "authenticity")),
    ProfileSection("2", "Contact Information", words=("contact information",)),
    ProfileSection("2.1", "Name of the Team", words=("name of the team", "team name")),
    ProfileSection("2.2", "Address", words=("address", "postal address")),
    ProfileSection("2.3", "Time Zone", words=("time zone", "timezone")),
    ProfileSection("2.4", "Telephone Number", words=("telephone", "phone")),
    ProfileSection("2.5", "Facsimile Number", words=("facsimile", "fax", "telefax")),
    ProfileSection("2.6", "Other Telecommunication", words=("other telecommunication", "other communication")),
    ProfileSection("2.7", "Electronic Mail Address", words=("electronic mail", "e-mail", "email", "mail address")),
    ProfileSection(
        "2.8", "Public Keys and Encryption Information", ProfileTopic.ENCRYPTION, ("public key", "encryption")
    ),
    ProfileSection("2.9", "Team Members", ProfileTopic.MEMBERS, ("team members",)),
    ProfileSection("2.10", "Other Information", ProfileTopic.OTHER, ("other information",)),
    ProfileSection(
        "2.11", "Points of Customer Contact", ProfileTopic.CONTACT, ("points of customer", "points of contact")
    ),
    ProfileSection("3", "Charter", words=("charter",)),
    ProfileSection("3.1", "Mission Statement", ProfileTopic.MISSION, ("mission",)),
    ProfileSection("3.2", "Constituency", ProfileTopic.CONSTITUENCY, ("constituency",)),
    ProfileSection("3.3", "Sponsorship and/or Affiliation", ProfileTopic.SPONSORSHIP, ("sponsor", "affiliation")),
    ProfileSection("3.4", "Authority", ProfileTopic.POWERS, ("authority",)),
    ProfileSection("4", "Policies", words=("policies", "policy")),
    ProfileSection("4.1", "Types of Incidents and Level of Support", ProfileTopic.INCIDENTS, ("types of incident",)),
    ProfileSection(
        "4.2",
        "Co-operation, Interaction and Disclosure of Information",
        ProfileTopic.DISCLOSURE,
        ("co-operation", "cooperation", "disclosure"),
    ),
    ProfileSection("4.3", "Communication and Authentication", ProfileTopic.COMMUNICATION, ("communication and auth",)),
    ProfileSection("5", "Services", ProfileTopic.SERVICES, ("services",)),
    ProfileSection(
        "5.1", "Incident Response", ProfileTopic.RESPONSE, ("incident response", "incident handling", "reactive")
    ),
    ProfileSection("5.1.1", "Incident Triage", ProfileTopic.TRIAGE, ("triage",)),
    ProfileSection(
        "5.1.2", "Incident Coordination", ProfileTopic.COORDINATION, ("incident coordination", "incident co-ordination")
    ),
    ProfileSection("5.1.3", "Incident Resolution", ProfileTopic.RESOLUTION, ("resolution",)),
    ProfileSection("5.2", "Proactive Activities", ProfileTopic.PROACTIVE, ("proactive", "pro-active")),
    ProfileSection("6", "Incident Reporting Forms", ProfileTopic.FORMS, ("incident reporting form", "reporting form")),
    ProfileSection("7", "Disclaimers", ProfileTopic.DISCLAIMERS, ("disclaimer",)),
)

SECTIONS: Final = {section.number: section for section in OUTLINE}
"""The sections by number."""
