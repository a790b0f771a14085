"""What a mailbox is for where nobody says so, and what it counts as."""

from typing import Final

from tocsin.directory.facts import Purpose
from tocsin.directory.model import TeamKind

_BY_NAME: Final = {
    Purpose.ABUSE: {"abuse", "spam", "postmaster-abuse"},
    Purpose.SECURITY: {"security", "cert", "csirt", "cirt", "soc", "sirt", "infosec", "csoc"},
    Purpose.VULNERABILITY: {"psirt", "vulnerability", "vuln", "disclosure", "security-alert"},
    Purpose.INCIDENT: {"incident", "incidents", "report"},
}
_BY_KIND: Final = {
    TeamKind.ABUSE: Purpose.ABUSE,
    TeamKind.PRODUCT: Purpose.VULNERABILITY,
    TeamKind.NATIONAL: Purpose.SECURITY,
    TeamKind.GOVERNMENTAL: Purpose.SECURITY,
    TeamKind.SECTORAL: Purpose.SECURITY,
    TeamKind.REGIONAL: Purpose.SECURITY,
}


def purpose_of(stated: str, address: str, kind: TeamKind) -> Purpose:
    """What a mailbox is for: as stated (a ``Purpose``, or empty), else by its name, else by what sort of team it is.

    Names are those of RFC 2142 and of habit: ``abuse``, ``security``, ``cert``.
    """
    if stated:
        return Purpose(stated)
    local = address.partition("@")[0].lower()
    named = next((purpose for purpose, names in _BY_NAME.items() if local in names), None)
    return named or _BY_KIND.get(kind, Purpose.GENERAL)


def counts_as_abuse(purpose: Purpose) -> bool:
    """Whether a mailbox of this purpose is a registered abuse mailbox."""
    return purpose is Purpose.ABUSE


def counts_as_security(purpose: Purpose) -> bool:
    """Whether a mailbox of this purpose is a security or CSIRT contact."""
    return purpose in {Purpose.SECURITY, Purpose.INCIDENT, Purpose.EMERGENCY}
