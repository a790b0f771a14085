"""What would be sent to a partner: parts with their bytes, what is withheld and why, and a text for people. Pure.

Each thing is asked of the gate before any bytes are made, so that what is withheld is in no part.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from tocsin.delivery.never_held import MailFilter
from tocsin.events.redaction import BUILT_IN, ClassTable, Redaction, redacted_bytes
from tocsin.exchange.statements import Part, WithheldPart, hash_of
from tocsin.node.errors import InputError
from tocsin.node.sentences import say
from tocsin.node.spreadsheet import csv_text
from tocsin.sharing.gate import (
    DataClass,
    ItemSource,
    LocalRule,
    Marking,
    Recipient,
    ReleaseItem,
    ReleasePurpose,
    Tlp,
    TransferCode,
    TransferLevel,
    TransferRule,
    TransferVerdict,
    decide_transfer,
    highest,
)

LARGEST: Final = 64_000_000
"""Bytes of all parts together: what a dispatch may have."""

USUAL: Final = frozenset(
    {DataClass.CASE, DataClass.TECHNICAL, DataClass.DOCUMENT, DataClass.STATISTICS, DataClass.REACHABILITY}
)
"""The classes that go without being chosen: facts. Mails, persons, evidence, what people wrote: a person chooses."""

NOT_CHOSEN: Final = "not-chosen"
"""The code of what nobody chose: only people here see it."""


class PackageKind(StrEnum):
    """What a part is of an incident."""

    SUMMARY = "summary"
    TIMELINE = "timeline"
    OBSERVABLES = "observables"
    AFFECTED = "affected-systems"
    CONTACTS = "contacts"
    FILE = "file"


@dataclass(frozen=True)
class PackageFile:
    """A file that may go: its media type, SHA-256 in hexadecimal and bytes, which ``read`` gives once it may."""

    type: str
    sha256: str
    size: int
    read: Callable[[], bytes]


@dataclass(frozen=True)
class PackageItem:
    """One thing that may be shared: an entry, an observable, a file, a count. ``name``: what people here call it.

    ``values``: what a part is written from; ``source_values``: those that name its source. ``sha256``: of what is
    recorded, where nobody finds the content by it.
    """

    kind: PackageKind
    terms: ReleaseItem
    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    source_values: frozenset[str] = frozenset()
    file: PackageFile | None = None
    sha256: str = ""

    @property
    def marking(self) -> Marking:
        """The stricter of its labels and of its source's policy."""
        return self.terms.iep.narrowed(self.terms.marking)

    @property
    def shown(self) -> "PackageItem":
        """The same without its source, where that asks not to be named."""
        if not self.terms.iep.anonymous:
            return self
        values = {name: value for name, value in self.values.items() if name not in self.source_values}
        return replace(self, values=values, terms=replace(self.terms, source=ItemSource()))


@dataclass(frozen=True)
class WrittenPart:
    """The bytes of a part, their media type, and a name for people."""

    content: bytes
    type: str
    name: str


PartWriter = Callable[[Sequence[PackageItem]], WrittenPart]
"""Makes one part of the things of a kind: `exchange.formats` has such writers for STIX and others."""


@dataclass(frozen=True)
class PackagePart:
    """A part that goes. ``marking``: the strictest of what is in it."""

    kind: PackageKind
    data: DataClass
    written: WrittenPart
    marking: Marking

    @cached_property
    def statement(self) -> Part:
        """How an item names it."""
        content = self.written.content
        return _part(self.written.name, self.written.type, len(content), hash_of(content), self.data)


@dataclass(frozen=True)
class ItemDecision:
    """What becomes of one thing. ``chosen``: its class is to go; the verdict is what the gate says all the same."""

    item: PackageItem
    chosen: bool
    verdict: TransferVerdict

    @property
    def goes(self) -> bool:
        """Whether its content goes."""
        return self.chosen and self.verdict.level is TransferLevel.CONTENT


@dataclass(frozen=True)
class PartnerPackage:
    """What would be sent. ``described``: files of which only name, type, size and hash go.

    ``decisions``: one for each thing, for people here; ``withheld`` is what the partner sees of it. ``marking``: None
    where nothing goes. ``recipient``: as the gate knows it: under which agreement, or by which case. ``keyless``: why
    nothing can be encrypted for it now; empty where that can be.
    """

    parts: tuple[PackagePart, ...]
    described: tuple[Part, ...]
    withheld: tuple[WithheldPart, ...]
    decisions: tuple[ItemDecision, ...]
    marking: Marking | None
    text: str
    recipient: Recipient
    keyless: str = ""

    @property
    def ask(self) -> tuple[ItemSource, ...]:
        """The sources whose consent would let more go, each once."""
        asked = (one.verdict.ask for one in self.decisions if one.chosen and one.verdict.ask)
        return tuple(dict.fromkeys(asked))


@dataclass(frozen=True)
class PackagePolicy:
    """What a package is composed by. ``chosen``: the classes that are to go; ``writers``: instead of the usual ones.

    ``never_held``: the classes that this node must never hold, and so never passes on.
    """

    purpose: ReleasePurpose = ReleasePurpose.COORDINATION
    local: tuple[LocalRule, ...] = ()
    transfers: tuple[TransferRule, ...] = ()
    chosen: frozenset[DataClass] = USUAL
    writers: Mapping[PackageKind, PartWriter] = field(default_factory=dict)
    never_held: ClassTable = BUILT_IN
    largest: int = LARGEST


def compose(items: Iterable[PackageItem], recipient: Recipient, to: str, policy: PackagePolicy) -> PartnerPackage:
    """What of these things would be sent to a recipient, whom people call ``to``."""
    decisions = [
        ItemDecision(
            one, one.terms.data in policy.chosen,
            decide_transfer(one.terms, recipient, policy.purpose, policy.local, policy.transfers),
        )
        for one in items
    ]  # fmt: skip
    parts, left = list[PackagePart](), policy.largest
    for group in _groups([place for place, one in enumerate(decisions) if one.goes], decisions):
        made = _made([decisions[place].item for place in group], policy, left)
        if isinstance(made, PackagePart):
            parts.append(made)
            left -= len(made.written.content)
        else:
            for place in group:
                decisions[place] = replace(decisions[place], verdict=made)
    described = tuple(_description(one) for one in decisions if _is_described(one))
    named = [one.item.marking for one in decisions if one.chosen and one.verdict.level in _LEVELS]
    markings = [*(part.marking for part in parts), *named]
    marking = highest(markings) if markings else None
    withheld = tuple(dict.fromkeys(_withheld(one) for one in decisions if _is_shown(one)))
    text = _text(to, marking, parts, described, [one for one in decisions if _is_shown(one)])
    return PartnerPackage(tuple(parts), described, withheld, tuple(decisions), marking, text, recipient)


def _groups(places: Iterable[int], decisions: Sequence[ItemDecision]) -> list[list[int]]:
    """Which things make one part: those of a kind and class; each file is its own."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place in places:
        item = decisions[place].item
        key = (item.kind, item.terms.data, place if item.file else None)
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def _made(items: Sequence[PackageItem], policy: PackagePolicy, left: int) -> PackagePart | TransferVerdict:
    """The part, or why it does not go all the same."""
    first, shown = items[0], [one.shown for one in items]
    if first.file is not None and first.file.size > left:
        return _TOO_LARGE
    if first.file is not None:
        written = WrittenPart(first.file.read(), first.file.type, first.name)
    else:
        written = policy.writers.get(first.kind, _usual_writer)(shown)
    if _must_never_be_held(written.content, policy.never_held):
        return _NEVER_HELD
    if len(written.content) > left:
        return _TOO_LARGE
    return PackagePart(first.kind, first.terms.data, written, highest(one.marking for one in items))


def _must_never_be_held(content: bytes, classes: ClassTable) -> bool:
    """Whether it is a report of such a class, has one behind other words, or cannot be looked through."""
    redaction = Redaction(classes, mails=MailFilter())
    try:
        redacted_bytes(content, redaction)
    except InputError:
        return True
    return bool(redaction.found or redaction.withheld)


_NEVER_HELD: Final = TransferVerdict(
    TransferLevel.NOTHING, "never-held", say("It has what must never be held. Purge it here, unseen."),
    TransferCode.NEVER_HELD,
)  # fmt: skip
_TOO_LARGE: Final = TransferVerdict(
    TransferLevel.NOTHING, "too-large", say("All parts together would be larger than a message may be."),
    TransferCode.SIZE,
)  # fmt: skip
_SILENT: Final = frozenset(
    {TransferCode.VOLUNTARY, TransferCode.RESTRICTED, TransferCode.NEVER_HELD, TransferCode.RECALLED}
)
"""Not even that there is such a thing goes to a partner."""


def _is_shown(decision: ItemDecision) -> bool:
    """Whether the partner learns that it is withheld; of TLP:RED it does not."""
    code = decision.verdict.code
    by_label = code in {TransferCode.MARKING, TransferCode.CONSENT}
    red = by_label and decision.item.marking.tlp is Tlp.RED
    return decision.chosen and code is not None and code not in _SILENT and not red


def _is_described(decision: ItemDecision) -> bool:
    return decision.chosen and decision.verdict.level is TransferLevel.METADATA and decision.item.file is not None


def _description(decision: ItemDecision) -> Part:
    item, file = decision.item, decision.item.file
    if file is None:
        raise ValueError("only a file is described")
    return _part(item.name, file.type, file.size, f"sha256:{file.sha256}", item.terms.data)


def _part(name: str, type_: str, size: int, sha256: str, data: DataClass) -> Part:
    return Part(hash=sha256, bytes=size, type=type_, class_=data.value, name=name.replace("/", "_")[:200])


def _withheld(decision: ItemDecision) -> WithheldPart:
    item, verdict = decision.item, decision.verdict
    sha256 = item.file.sha256 if item.file else item.sha256
    named = verdict.level in _LEVELS and bool(sha256)
    return WithheldPart(
        hash=f"sha256:{sha256}" if named else None, class_=item.terms.data.value,
        rule=verdict.rule.rpartition(":")[2], code=str(verdict.code),
    )  # fmt: skip


def _usual_writer(items: Sequence[PackageItem]) -> WrittenPart:
    """CSV of observables, for people and programs; JSON of all else."""
    kind, rows = items[0].kind, [dict(one.values) for one in items]
    name = f"{kind}-{items[0].terms.data}" if kind is PackageKind.TIMELINE else kind.value
    if kind is not PackageKind.OBSERVABLES:
        content = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        return WrittenPart(content.encode("utf-8", "replace"), "application/json", f"{name}.json")
    names = list(dict.fromkeys(column for row in rows for column in row))
    text = csv_text([names, *([row.get(column, "") for column in names] for row in rows)], end="\n")
    return WrittenPart(text.encode("utf-8", "replace"), "text/csv", f"{name}.csv")


_REASONS: Final[Mapping[TransferCode, str]] = {
    TransferCode.POLICY: "by a rule of the sender",
    TransferCode.AGREEMENT: "by an agreement",
    TransferCode.LAW: "by law",
    TransferCode.MARKING: "by its marking",
    TransferCode.CONSENT: "its source has not agreed yet",
    TransferCode.CHANNEL: "its source asks for encryption",
    TransferCode.SIZE: "too large for this message",
}
_CLASSES: Final[Mapping[DataClass, str]] = {
    DataClass.CASE: "facts of the case",
    DataClass.ANALYSIS: "what the sender's team wrote",
    DataClass.CONTENT: "content of mails",
    DataClass.PERSONAL: "personal data",
    DataClass.TECHNICAL: "technical data",
    DataClass.EVIDENCE: "evidence",
    DataClass.DOCUMENT: "documents",
    DataClass.STATISTICS: "counts",
    DataClass.REACHABILITY: "how networks are reached",
}
_LEVELS: Final[Mapping[TransferLevel, str]] = {
    TransferLevel.METADATA: "; name, type, size and hash of files are in this message",
    TransferLevel.HASH: "; hashes of what is recorded are in this message",
}


def _text(
    to: str,
    marking: Marking | None,
    parts: Sequence[PackagePart],
    described: Sequence[Part],
    withheld: Sequence[ItemDecision],
) -> str:
    """For people, in English: what is here, and what is withheld by which rule, without anything of it."""
    lines = [*(marking.labels if marking else ()), "", f"To {to}.", ""]
    lines += ["In this message:", ""] if parts else ["Nothing of this could be sent.", ""]
    lines += [
        f"- {part.written.name}: {_CLASSES[part.data]}, {len(part.written.content):,} bytes, "
        f"{', '.join(part.marking.labels)}"
        for part in parts
    ]
    if described:
        lines += ["", "Named here, and not sent:", ""]
        lines += [f"- {one.name}: {one.bytes:,} bytes, {one.hash}" for one in described]
    counted: dict[str, int] = {}
    for one in withheld:
        line = _withheld_line(one)
        counted[line] = counted.get(line, 0) + 1
    if counted:
        lines += ["", "Withheld:", "", *(f"- {number:,} of {line}" for line, number in counted.items())]
    return "\n".join(lines).strip("\n") + "\n"


def _withheld_line(decision: ItemDecision) -> str:
    verdict = decision.verdict
    reason = _REASONS[verdict.code] if verdict.code else ""
    cited = f" ({verdict.cites})" if verdict.cites else ""
    rule = verdict.rule.rpartition(":")[2]
    return f"{_CLASSES[decision.item.terms.data]}: {reason}{cited}, rule {rule}{_LEVELS.get(verdict.level, '')}"
