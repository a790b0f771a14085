"""What people call a thing that is to be purged, and what it is called in records: ``event:12-3``, ``mail:7``."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tocsin.incidents import PART_NAME, plain_part
from tocsin.incidents.arrivals import grouped, plain
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say


class PurgeKind(StrEnum):
    """What can be purged; also how its reference begins. The nouns are those of the audit log."""

    EVENT = "event"
    ROW = "row"  # set aside by an ingest
    INGEST = "ingest"  # a report with all its events and rows
    UPLOAD = "upload"  # what was sent in, with the reports it held
    COLLECTED = "collected"  # what a collector fetched and could not take in
    MAIL = "mail"  # received
    INBOX = "inbox"  # a report from the public
    DELIVERY = "delivery"  # a digest
    LETTER = "letter"
    ANSWER = "answer"  # a note on problems
    COMMENT = "comment"  # what one of the staff wrote on a thing
    PARTNER_ITEM = "partner-item"  # of a partner, with all that was made of it
    INCIDENT = "incident"  # what an entry, a party, a task or an observable of one says


@dataclass(frozen=True)
class PurgeReference:
    """A thing by its kind and its name there."""

    kind: PurgeKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def numbers(self) -> tuple[int, int]:
        """The ingest and the row or place of an event or row."""
        ingest, _, place = self.name.partition("-")
        return int(ingest), int(place)


_PAIR: Final = r"\d{1,10}[-/]\d{1,10}"
_UUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBER: Final = r"\d{1,10}"
_NAMES: Final = {
    PurgeKind.EVENT: _PAIR,
    PurgeKind.ROW: _PAIR,
    PurgeKind.INGEST: _NUMBER,
    PurgeKind.UPLOAD: _UUID,
    PurgeKind.COLLECTED: r"[a-z0-9][a-z0-9_-]{0,60}",
    PurgeKind.MAIL: _NUMBER,
    PurgeKind.INBOX: r"[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}",
    PurgeKind.DELIVERY: r"(?i:toc)-\d{4}-\d{7,}",
    PurgeKind.LETTER: r"(?i:ltr)-\d{4}-\d{7,}",
    PurgeKind.ANSWER: _UUID,
    PurgeKind.COMMENT: _NUMBER,
    PurgeKind.PARTNER_ITEM: _NUMBER,
    PurgeKind.INCIDENT: PART_NAME,
}
_OTHER_WORDS: Final = {"report": PurgeKind.INGEST, "quarantine": PurgeKind.ROW, "digest": PurgeKind.DELIVERY}
_ONLY_NAMED: Final = frozenset(
    {PurgeKind.COLLECTED, PurgeKind.COMMENT, PurgeKind.PARTNER_ITEM}
)  # any word or number could be one


def read_reference(text: str) -> list[PurgeReference]:
    """What a text may name: one thing, or several kinds where it does not say which.

    Raises:
        UsageError: it has none of the forms.

    """
    word, colon, name = text.strip().partition(":")
    kind = _OTHER_WORDS.get(word) or next((kind for kind in PurgeKind if kind == word), None)
    if colon and kind is not None:
        found = [kind] if re.fullmatch(_NAMES[kind], name) else []
    else:
        name = text.strip()
        found = [kind for kind, form in _NAMES.items() if kind not in _ONLY_NAMED and re.fullmatch(form, name)]
        if re.fullmatch(_PAIR, name):  # lists write events 12-3 and set-aside rows 12/3
            unlike = PurgeKind.EVENT if "/" in name else PurgeKind.ROW
            found.remove(unlike)
    if not found:
        raise UsageError(
            say("'%(reference)s' names nothing that can be purged.", reference=text[:60]),
            hint=say(
                "Understood are event:12-3, row:12/3, ingest:12, upload:UUID, collected:COLLECTOR, mail:7, "
                "inbox:XXXX-XXXX, TOC-2026-0000012, LTR-2026-0000012, answer:UUID and INC-XXXX-XXXX:entry-12 (party, "
                "mail, task, observable, evidence); the word may be left out where it is clear."
            ),
        )
    return [PurgeReference(kind, _plain(kind, name)) for kind in found]


def _plain(kind: PurgeKind, name: str) -> str:
    match kind:
        case PurgeKind.EVENT | PurgeKind.ROW:
            return "-".join(str(int(part)) for part in re.split("[-/]", name))
        case PurgeKind.INGEST | PurgeKind.MAIL | PurgeKind.COMMENT | PurgeKind.PARTNER_ITEM:
            return str(int(name))
        case PurgeKind.INCIDENT:
            return plain_part(name)
        case PurgeKind.INBOX:
            return grouped(plain(name)[:8])
        case PurgeKind.DELIVERY | PurgeKind.LETTER:
            return name.upper()
        case _:
            return name
