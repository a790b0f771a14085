"""Words of closed lists that rooms give to pages as they are stored: each list has its context in catalogues."""

from collections.abc import Mapping
from typing import Final

from tocsin.server.pages.words import NC_

CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "severity": (
        NC_("severity", "critical"),
        NC_("severity", "high"),
        NC_("severity", "medium"),
        NC_("severity", "low"),
        NC_("severity", "info"),
        NC_("severity", "undefined"),
    ),
    "feed": (
        NC_("feed", "well"),
        NC_("feed", "acknowledged"),
        NC_("feed", "late"),
        NC_("feed", "unreadable"),
        NC_("feed", "shrunk"),
        NC_("feed", "grown"),
        NC_("feed", "columns"),
    ),
    "attestation": (
        NC_("attestation", "mandate"),
        NC_("attestation", "accreditation"),
        NC_("attestation", "peer"),
        NC_("attestation", "self"),
    ),
    "fields": (
        NC_("fields", "public"),
        NC_("fields", "technical"),
        NC_("fields", "personal"),
    ),
    "position": (
        NC_("position", "support"),
        NC_("position", "oppose"),
        NC_("position", "amend"),
        NC_("position", "delete"),
        NC_("position", "merge"),
        NC_("position", "replace"),
        NC_("position", "clarify"),
        NC_("position", "retain"),
        NC_("position", "reserve"),
        NC_("position", "unknown"),
    ),
    "basis": (
        NC_("basis", "the words equal the base"),
        NC_("basis", "nothing is written"),
        NC_("basis", "what is written cannot be read"),
        NC_("basis", "a new provision is proposed"),
        NC_("basis", "few words of the base are left"),
        NC_("basis", "the words differ from the base"),
        NC_("basis", "the words state a position"),
    ),
}
"""By kind, as `Words.translate_word` takes it; tests compare them with the lists of the rooms."""
