"""What people report, in plain words, and what the field calls it."""

import re
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class ReportKind(StrEnum):
    """What it is, as somebody would say who is no specialist."""

    RANSOMWARE = "ransomware"  # files are locked, for a ransom
    MONEY = "money"  # money went to a fraudster
    BREAK_IN = "break-in"  # an account or a machine was taken over
    DECEIT = "deceit"  # a false page or message that asks for passwords or money
    HURT = "hurt"  # threats, blackmail, hate, harassment
    FLOOD = "flood"  # a site or service is made unreachable
    PROGRAM = "program"  # a harmful program
    LEAK = "leak"  # data got out
    FLAW = "flaw"  # a weakness of a product, a service or a page
    SPAM = "spam"  # unwanted mail in bulk
    OTHER = "other"


KINDS: Final = {
    ReportKind.RANSOMWARE: N_("Files are locked"),
    ReportKind.MONEY: N_("Money is lost"),
    ReportKind.BREAK_IN: N_("An account was taken over"),
    ReportKind.DECEIT: N_("A fake page or message"),
    ReportKind.HURT: N_("Threats, blackmail or harassment"),
    ReportKind.FLOOD: N_("A site or service is down"),
    ReportKind.PROGRAM: N_("A device behaves strangely"),
    ReportKind.LEAK: N_("Data got out"),
    ReportKind.FLAW: N_("A security flaw"),
    ReportKind.SPAM: N_("Unwanted mail"),
    ReportKind.OTHER: N_("Something else, or I do not know"),
}
"""Kinds of reports, as the public says."""

TEAM_KINDS: Final = {**KINDS, ReportKind.OTHER: N_("Other")}
"""The same as the team reads them."""


_RSIT: Final = {
    ReportKind.RANSOMWARE: ("malicious-code", "infected-system"),
    ReportKind.MONEY: ("fraud", "masquerade"),
    ReportKind.DECEIT: ("fraud", "phishing"),
    ReportKind.SPAM: ("abusive-content", "spam"),
    ReportKind.PROGRAM: ("malicious-code", "infected-system"),
    ReportKind.BREAK_IN: ("intrusions", "unprivileged-account-compromise"),
    ReportKind.FLOOD: ("availability", "ddos"),
    ReportKind.LEAK: ("information-content-security", "data-leak"),
    ReportKind.HURT: ("abusive-content", "harmful-speech"),
    ReportKind.FLAW: ("vulnerable", "vulnerable-system"),
    ReportKind.OTHER: ("other", "undetermined"),
}


def rsit_of(kind: ReportKind) -> tuple[str, str]:
    """Taxonomy and type of the Reference Security Incident Taxonomy, version 1003: a first guess, for a person."""
    return _RSIT[kind]


_WORDS: Final = {
    ReportKind.RANSOMWARE: (
        r"ransom|rançon|rescate|resgate|فدية|ملفات مشفرة"
        r"|(?:encrypted|locked) files|files (?:are|were|have been) (?:encrypted|locked)"
        r"|fichiers (?:sont |ont été )?(?:chiffré|verrouillé|bloqué)s"
        r"|archivos (?:están |fueron )?(?:cifrado|bloqueado)s"
        r"|(?:arquivos|ficheiros) (?:estão |foram )?(?:cifrado|criptografado|bloqueado)s"
    ),
    ReportKind.DECEIT: r"phish|hameçonn|fake (?:page|site|web|mail)|fals[ao]s? p[aá]gina|suplantaci|impersonat|تصيد",
    ReportKind.FLOOD: r"d?dos\b|denial.of.service|déni de service|denegaci[oó]n de serv|negação de serv|حجب الخدمة",
    ReportKind.BREAK_IN: r"compromi[st]|hack|intrusion|intrusi[oó]n|invas[aã]o|defac|piraté|brute.?force|اختراق",
    ReportKind.PROGRAM: r"malware|trojan|botnet|virus|c2\b|command.and.control|maliciel|برمجية خبيثة|فيروس",
    ReportKind.LEAK: r"leak|breach|fuite de données|filtraci[oó]n|vazamento|تسريب",
    ReportKind.FLAW: r"vulnerab|cve-\d{4}|security flaw|faille|falha de segurança|exploit|ثغرة",
    ReportKind.MONEY: r"fraud|scam|escroquerie|arnaque|estafa|golpe|virement|iban\b",
    ReportKind.SPAM: r"\bspam\b|unsolicited|pourriel|correo no deseado|بريد مزعج",
    ReportKind.HURT: r"blackmail|sextortion|chantage|extorsi[oó]n|harass|harcèlement|acoso|ابتزاز",
}
_PATTERNS: Final = {kind: re.compile(words, re.IGNORECASE) for kind, words in _WORDS.items()}
_LOOKED_AT: Final = 5_000  # characters


def guess_kind(text: str) -> ReportKind:
    """What a text is about by its first telling word, for a person to confirm. Pure."""
    found = {kind: match.start() for kind, one in _PATTERNS.items() if (match := one.search(text[:_LOOKED_AT]))}
    return min(found, key=lambda kind: found[kind], default=ReportKind.OTHER)
