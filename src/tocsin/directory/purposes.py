"""What a mailbox is for where nobody says so, and what it counts as."""

from typing import Final

from tocsin.directory.facts import ContactPurpose
from tocsin.directory.model import TeamKind

_BY_NAME: Final = {
    ContactPurpose.ABUSE: {"abuse", "spam", "postmaster-abuse"},
    ContactPurpose.SECURITY: {"security", "cert", "csirt", "cirt", "soc", "sirt", "infosec", "csoc"},
    ContactPurpose.VULNERABILITY: {"psirt", "vulnerability", "vuln", "disclosure", "security-alert"},
    ContactPurpose.INCIDENT: {"incident", "incidents", "report"},
}
_BY_KIND: Final = {
    TeamKind.ABUSE: ContactPurpose.ABUSE,
    TeamKind.PRODUCT: ContactPurpose.VULNERABILITY,
    TeamKind.NATIONAL: ContactPurpose.SECURITY,
    TeamKind.GOVERNMENTAL: ContactPurpose.SECURITY,
    TeamKind.SECTORAL: ContactPurpose.SECURITY,
    TeamKind.REGIONAL: ContactPurpose.SECURITY,
}


def purpose_of(stated: str, address: str, kind: TeamKind) -> ContactPurpose:
    """What a mailbox is for: as stated (a ``ContactPurpose``, or empty), else by its name, else by the kind of team.

    Names are those of RFC 2142 and of habit: ``abuse``, ``security``, ``cert``.
    """
    if stated:
        return ContactPurpose(stated)
    local = address.partition("@")[0].lower()
    named = next((purpose for purpose, names in _BY_NAME.items() if local in names), None)
    return named or _BY_KIND.get(kind, ContactPurpose.GENERAL)


def counts_as_abuse(purpose: ContactPurpose) -> bool:
    """Whether a mailbox of this purpose is a registered abuse mailbox."""
    return purpose is ContactPurpose.ABUSE


def counts_as_security(purpose: ContactPurpose) -> bool:
    """Whether a mailbox of this purpose is a security or CSIRT contact."""
    return purpose in {ContactPurpose.SECURITY, ContactPurpose.INCIDENT, ContactPurpose.EMERGENCY}
