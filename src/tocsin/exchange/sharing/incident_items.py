"""An incident, as its reader sees it, as things that may be shared. What the reader may not read is in none of them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from tocsin.exchange.sharing.packages import PackageFile, PackageItem, PackageKind
from tocsin.incidents import (
    Incident,
    IncidentEntry,
    IncidentEntryKind,
    IncidentObservable,
    IncidentReader,
    ObservableRole,
    corrections_of,
    defang,
    entries_of,
    find_incident,
    is_restricted,
    merged_family,
    observables_of,
    parties_of,
)
from tocsin.incidents.arrivals import ReleaseScope, all_reports_in, unreleased
from tocsin.incidents.evidence import EvidenceState, IncidentEvidence, evidence_of
from tocsin.sharing.gate import (
    UNKNOWN_SOURCE,
    DataClass,
    ItemSource,
    Marking,
    Recipient,
    ReleaseItem,
    highest,
    read_marking,
)

OURS: Final = ItemSource(ours=True)
_ADOPTED: Final = re.compile(r"/(item|message):(\d+)(?::|$)")  # as the ledger names the steps of adopting
_CLASSES: Final[Mapping[IncidentEntryKind, DataClass]] = {
    IncidentEntryKind.MILESTONE: DataClass.CASE,
    IncidentEntryKind.STATE: DataClass.CASE,
    IncidentEntryKind.MAIL_IN: DataClass.CONTENT,
    IncidentEntryKind.MAIL_OUT: DataClass.CONTENT,
    IncidentEntryKind.PARTY: DataClass.PERSONAL,
    IncidentEntryKind.LEAD: DataClass.PERSONAL,
    IncidentEntryKind.ACCESS: DataClass.PERSONAL,
    IncidentEntryKind.FEEDBACK: DataClass.PERSONAL,
}
"""Of what class entries are; what is not here is what people wrote."""


@dataclass(frozen=True)
class IncidentView:
    """What a person reads of an incident. ``entries``: those that hold, the oldest first.

    ``marking``: the strictest of the incident and of those merged into it: nothing of it goes where that may not.
    ``parties``: names by number. ``affected``: counts of affected systems by word. ``documents``: more files to send.
    ``evidence_file``: opens a file by its SHA-256. ``voluntary``: it has a voluntary report that is kept from
    the recipient. ``brought``: what partners brought, each with the name of that (``item:3``); all else is ours.
    ``sources``: who that is from with what they consented to, by such names, by nodes, and by names of parties;
    without it, nobody let it go.
    """

    incident: Incident
    marking: Marking
    restricted: bool
    entries: Sequence[IncidentEntry] = ()
    observables: Sequence[IncidentObservable] = ()
    evidence: Sequence[IncidentEvidence] = ()
    parties: Mapping[int, str] = field(default_factory=dict)
    affected: Mapping[str, int] = field(default_factory=dict)
    documents: Sequence[PackageItem] = ()
    evidence_file: Callable[[str], bytes] | None = None
    voluntary: bool = False
    brought: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, ItemSource] = field(default_factory=dict)

    def source_of(self, thing: str) -> ItemSource | None:
        """Whose a thing is that a partner brought; None: it is ours."""
        name = self.brought.get(thing)
        return None if name is None else self.sources.get(name, UNKNOWN_SOURCE)


def read_view(session: Session, reader: IncidentReader, reference: str, recipient: Recipient) -> IncidentView:
    """The view of a person, for a recipient; affected systems, documents and files come with its caller.

    Raises:
        NotFoundError: the person knows no such incident.

    """
    incident = find_incident(session, reader, reference)
    family = merged_family(session, reader, incident)
    entries = entries_of(session, reader, family)
    corrected = corrections_of(session, entries)
    official = recipient.official
    return IncidentView(
        incident,
        highest(read_marking(one.tlp, None) for one in family),
        any(map(is_restricted, family)),
        [one for one in entries if one.id not in corrected][::-1],
        observables_of(session, reader, family),
        evidence_of(session, reader, family),
        {one.id: one.name for one in parties_of(session, reader, family)},
        voluntary=bool(official and unreleased(session, all_reports_in(session, family), ReleaseScope(official))),
        brought=brought_things(incident, entries[::-1]),
    )


def brought_things(incident: Incident, entries: Sequence[IncidentEntry]) -> dict[str, str]:
    """By the entries of an incident and what was merged into it, the oldest first, what came from a partner."""
    found, files = dict[str, str](), ""
    for one in entries:
        step, things = _ADOPTED.search(one.once or ""), list[str]()
        name = f"{step[1]}:{step[2]}" if step else ""
        if one.kind == IncidentEntryKind.OBSERVABLE and one.data.get("act") == "added":
            things = [f"value {value}" for value in one.data.get("values", ())]
        elif one.kind == IncidentEntryKind.EVIDENCE and (name or one.data.get("how") == "exchange"):
            name = files = name or files  # only the entry of the first file has the name of the form
            things = [f"evidence {one.data['evidence']}"]
        elif one.incident_id == incident.id and _names_it(one):
            things = ["title"]
        found |= dict.fromkeys(things, name)  # whoever said it last
        if name:
            found[f"entry {one.id}"] = name
    return {thing: name for thing, name in found.items() if name}


def repeated_things(view: IncidentView) -> dict[str, str]:
    """The entries that repeat what a partner brought and its source recalled, with the name of that: theirs, too."""
    words = dict[str, str]()
    for thing, name in view.brought.items():
        if (source := view.sources.get(name)) is not None and source.recalled:
            said = view.incident.title if thing == "title" else thing.removeprefix("value ")
            words |= {said.casefold(): name, defang(said).casefold(): name} if said != thing or thing == "title" else {}
    found = dict[str, str]()
    for one in view.entries:
        text = f"{one.text}\n{json.dumps(one.data, ensure_ascii=False)}".casefold()
        found |= {f"entry {one.id}": name for word, name in words.items() if word and word in text}
    return found


def _names_it(entry: IncidentEntry) -> bool:
    renamed = entry.kind == IncidentEntryKind.CHANGE and entry.data.get("what") == "title"
    return renamed or entry.kind == IncidentEntryKind.OPENED


def incident_items(view: IncidentView, *, terms: ReleaseItem | None = None) -> list[PackageItem]:
    """The things of an incident. ``terms``: what else the gate knows of all of it (source, policy, countries).

    What a party wrote is that party's, what a partner brought is its source's; all else is ours, unless ``terms`` says
    whose it is.
    """
    incident = view.incident
    base = terms or ReleaseItem(view.marking, source=OURS)
    marking = highest([base.marking, view.marking])
    base = replace(base, marking=marking, restricted=view.restricted, voluntary=view.voluntary)

    def with_terms(tlp: str, data: DataClass, source: ItemSource | None = None) -> ReleaseItem:
        own = highest([base.marking, read_marking(tlp, None)])
        return replace(base, marking=own, data=data, source=source or base.source)

    summary = {
        "reference": incident.reference, "title": incident.title, "type": incident.rsit_type,
        "severity": incident.severity, "state": incident.state, "opened_at": _at(incident.opened_at),
        "closed_at": _at(incident.closed_at),
    }  # fmt: skip
    own = with_terms(incident.tlp, DataClass.CASE, view.source_of("title"))
    items = [PackageItem(PackageKind.SUMMARY, own, incident.reference, summary)]
    items += [_entry(one, view, with_terms) for one in view.entries]
    items += [
        PackageItem(
            PackageKind.OBSERVABLES,
            with_terms(
                one.tlp, DataClass.TECHNICAL if one.role == ObservableRole.INDICATOR else DataClass.PERSONAL,
                view.source_of(f"value {one.value}"),
            ),
            one.value,
            {
                "kind": one.kind, "value": one.value, "role": one.role, "tlp": one.tlp, "added_at": _at(one.added_at),
                "valid_until": _at(one.valid_until),
            },
        )
        for one in view.observables
    ]  # fmt: skip
    if view.affected:
        counts = {word: str(number) for word, number in view.affected.items()}
        terms_of_counts = with_terms(incident.tlp, DataClass.STATISTICS)
        items.append(PackageItem(PackageKind.AFFECTED, terms_of_counts, "affected systems", counts))
    if view.evidence_file is not None:
        items += [
            PackageItem(
                PackageKind.FILE,
                with_terms(one.tlp, DataClass.EVIDENCE, view.source_of(f"evidence {one.id}")),
                one.name, file=_file(one, view.evidence_file),
            )
            for one in view.evidence
            if one.kept and one.state == EvidenceState.HELD
        ]  # fmt: skip
    for one in view.documents:
        stays = replace(one.terms, restricted=view.restricted, voluntary=view.voluntary)
        items.append(replace(one, terms=stays))
    return items


def _entry(
    entry: IncidentEntry, view: IncidentView, with_terms: Callable[[str, DataClass, ItemSource | None], ReleaseItem]
) -> PackageItem:
    data = _CLASSES.get(IncidentEntryKind(entry.kind), DataClass.ANALYSIS)
    party = view.parties.get(entry.party_id or 0, "")
    theirs = view.source_of(f"entry {entry.id}")
    values = {"happened_at": _at(entry.happened_at), "kind": entry.kind, "text": entry.text, "tlp": entry.tlp}
    if data is DataClass.CASE:
        values["facts"] = json.dumps(entry.data, ensure_ascii=False)  # of other kinds it has numbers of this node
    if entry.kind == IncidentEntryKind.MAIL_IN:
        theirs, values["from"] = view.sources.get(party) or ItemSource(party or "the sender"), party
    if node := entry.data.get("node"):  # of a case that was taken over: its source is who signed it
        theirs = view.sources.get(node) or ItemSource(entry.data.get("name", ""), node)
    return PackageItem(
        PackageKind.TIMELINE, with_terms(entry.tlp, data, theirs), f"entry {entry.id}", values, frozenset({"from"}),
        sha256=entry.sha256,
    )  # fmt: skip


def _file(evidence: IncidentEvidence, read: Callable[[str], bytes]) -> PackageFile:
    sha256 = evidence.sha256
    return PackageFile("application/octet-stream", sha256, evidence.size or 0, lambda: read(sha256))


def _at(at: datetime | None) -> str:
    return at.isoformat() if at else ""
