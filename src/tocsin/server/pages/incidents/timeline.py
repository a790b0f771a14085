"""The timeline of an incident: each entry as a sentence, with whoever's words stand below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin.incidents import CERTAINTIES, MILESTONES, PARTIES, SEVERITIES, IncidentEntryKind, TaskState
from tocsin.server.pages.incidents.timeline_parts import OF_PARTS, EntrySentence, cause_named
from tocsin.server.pages.incidents.words import STATES, TASKS
from tocsin.server.pages.words import N_, PageTexts

if TYPE_CHECKING:
    from tocsin.incidents import IncidentEntry

CORRECTABLE: Final = {IncidentEntryKind.NOTE, IncidentEntryKind.MILESTONE}
_COLUMNS: Final = {
    "title": N_("Renamed from “%(before)s” to “%(after)s”"),
    "rsit_type": N_("Type: %(after)s"),
    "tlp": N_("Marking: TLP:%(after)s"),
    "severity": N_("Severity: %(after)s"),
    "root_cause": N_("Root cause: %(after)s"),
}
_PARTY: Final = {
    "joined": N_("%(name)s takes part (%(role)s)"),
    "left": N_("%(name)s no longer takes part"),
    "address": N_("Address for answers of %(name)s replaced"),
    "turn": N_("%(name)s needs no answer"),
    "refused": N_("Mail refused: not from %(name)s"),
}
_NOBODY: Final = {"mail", "public"}  # what comes in by itself
_MAILS: Final = {
    IncidentEntryKind.MAIL_IN: N_("Mail from %(name)s"),
    IncidentEntryKind.MAIL_OUT: N_("Mail to %(name)s"),
}
_TASK: Final = {
    "added": N_("Task added"),
    "lesson": N_("Lesson added"),
    TaskState.DOING: N_("Task taken by %(owner)s: %(what)s"),
    TaskState.DONE: N_("Task done: %(what)s"),
    TaskState.DROPPED: N_("Task dropped: %(what)s"),
    "left": N_("Task left open: %(what)s"),
}
_ACCESS: Final = {
    "restricted": N_("Restricted to %(people)s"),
    "opened": N_("Opened to the whole team"),
    "let-in": N_("%(people)s may read it"),
    "taken-out": N_("%(people)s may no longer read it"),
    "let-me-in": N_("%(people)s gained access until %(until)s UTC"),
    "reviewed": N_("Access of %(people)s reviewed"),
    "released": N_("Counted in the figures"),
    "withheld": N_("Left out of the figures"),
}


@dataclass(frozen=True)
class TimelineStep:
    """One entry. ``said``: what happened, empty for a mere note; ``text``: a person's words.

    ``late``: it was written down later than it happened. ``corrected_by``, ``corrects``: numbers of entries, or 0.
    ``of``: the reference of the incident that it is of, where that was merged; empty otherwise.
    ``link``: the address of the mail or report that it is about, or empty. ``actor``: who, as the records say.
    """

    number: int
    at: datetime
    recorded_at: datetime
    kind: str
    said: str
    text: str
    by: str
    tlp: str
    late: bool
    corrected_by: int
    corrects: int
    correctable: bool
    of: str
    link: str
    actor: str


def steps_of(
    entries: Sequence["IncidentEntry"],
    words: PageTexts,
    *,
    people: Mapping[int, str],
    parties: Mapping[int, str],
    path: str,
    actors: Mapping[str, str],
    corrected: Mapping[int, int],
    merged: Mapping[int, str],
) -> list[TimelineStep]:
    """The entries as they are shown. ``merged``: references of the incidents of the family that were merged.

    ``people``, ``parties``: names by number. ``path``: the address of the incident.
    """
    return [
        TimelineStep(
            number=one.id, at=one.happened_at, recorded_at=one.recorded_at, kind=one.kind,
            said=_sentence(one, words, people, parties), text=_text(one), link=_link(one, path),
            by="" if one.by in _NOBODY else actors.get(one.by, one.by), tlp=one.tlp,
            late=(one.recorded_at - one.happened_at).total_seconds() > 60,
            corrected_by=corrected.get(one.id, 0), corrects=one.supersedes or 0,
            correctable=one.kind in CORRECTABLE and one.id not in corrected, of=merged.get(one.incident_id, ""),
            actor=one.by,
        )
        for one in entries
    ]  # fmt: skip


def _text(entry: "IncidentEntry") -> str:
    """A person's words, where the sentence does not say them."""
    said = entry.kind == IncidentEntryKind.OPENED or (entry.kind == IncidentEntryKind.STATE and "until" in entry.data)
    return "" if said else entry.text


def _sentence(entry: "IncidentEntry", words: PageTexts, people: Mapping[int, str], parties: Mapping[int, str]) -> str:
    name, data = parties.get(entry.party_id or 0, entry.data.get("name", "")), entry.data
    if entry.kind in _MAILS:
        return words.say(_MAILS[IncidentEntryKind(entry.kind)], name=name)
    if entry.kind == IncidentEntryKind.PARTY:
        text = _PARTY.get(data.get("act") or next(iter(data), ""))
        role = words.say(PARTIES.get(data.get("role", ""), PARTIES["other"]))
        return words.say(text, name=name, role=role) if text else words.say(_PLAIN[entry.kind])
    return _SAID.get(entry.kind, _plain)(entry, words, people)


def _link(entry: "IncidentEntry", path: str) -> str:
    """Where the mail or report of an entry is."""
    if report := entry.data.get("report"):
        return f"/reports/public/{report}"
    if into := entry.data.get("into"):
        return f"/incidents/{into}"
    if other := entry.data.get("from") or entry.data.get("without"):
        return f"/incidents/{other}?alone=1"
    if dispatch := entry.data.get("dispatch"):
        return f"/exchange/dispatches/{dispatch}"
    mail = entry.data.get("mail") or entry.data.get("refused")
    return f"{path}/parties/{entry.party_id}#mail-{mail}" if mail and entry.party_id else ""


def _plain(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    return words.say(_PLAIN[entry.kind]) if entry.kind in _PLAIN else ""


def _change(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    what, after = entry.data["what"], entry.data["after"]
    if what == "severity":
        after = words.say(SEVERITIES[after])
    if what == "root_cause":
        after = cause_named(after, words)
    return words.say(_COLUMNS[what], before=entry.data["before"], after=after or "-")


def _state(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    state, until = words.say(STATES[entry.data["after"]]), entry.data.get("until")
    if not until:
        return state
    at = f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M}"
    return words.say(N_("Waiting for %(whom)s until %(time)s UTC"), whom=entry.text, time=at)


def _lead(entry: "IncidentEntry", words: PageTexts, people: Mapping[int, str]) -> str:
    person = entry.data["after"]
    if person is None:
        return words.say(N_("Lead removed"))
    return words.say(N_("Lead: %(name)s"), name=people.get(person, person))


def _milestone(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    said = f"{words.say(MILESTONES[entry.data['milestone']])} ({words.say(CERTAINTIES[entry.data['certainty']])})"
    source = entry.data.get("known_from")
    return words.say(N_("%(what)s, known from %(source)s"), what=said, source=source) if source else said


def _report(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    text = N_("Report %(reference)s added")
    if data.get("out"):
        text = N_("Report %(reference)s taken out")
    elif data.get("message"):
        text = N_("The reporter of %(reference)s wrote again")
    return words.say(text, reference=data.get("report", ""))


def _task(entry: "IncidentEntry", words: PageTexts, people: Mapping[int, str]) -> str:
    data, owner = entry.data, entry.data.get("owner")
    text = _TASK.get(data.get("act", ""), TASKS["open"])
    return words.say(text, what=data.get("what", ""), owner=people.get(owner, owner) if owner else "-")


def _merge(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    if "into" in data:
        return words.say(N_("Merged into %(reference)s"), reference=data["into"])
    if "from" in data:
        return words.say(N_("%(reference)s merged into this"), reference=data["from"])
    if "without" in data:
        return words.say(N_("%(reference)s unmerged"), reference=data["without"])
    return words.say(N_("Unmerged"))


def _access(entry: "IncidentEntry", words: PageTexts, people: Mapping[int, str]) -> str:
    data = entry.data
    named = ", ".join(people.get(one, str(one)) for one in data.get("persons", []))
    until = f"{datetime.fromisoformat(data['until']):%Y-%m-%d %H:%M}" if data.get("until") else ""
    return words.say(_ACCESS[data["act"]], people=named, until=until)


_PLAIN: Final[Mapping[str, str]] = {
    IncidentEntryKind.OPENED: N_("Incident opened"),
    IncidentEntryKind.PARTY: N_("Party"),
}
_SAID: Final[Mapping[str, EntrySentence]] = {
    **OF_PARTS,
    IncidentEntryKind.CHANGE: _change,
    IncidentEntryKind.STATE: _state,
    IncidentEntryKind.LEAD: _lead,
    IncidentEntryKind.MILESTONE: _milestone,
    IncidentEntryKind.ARRIVAL: _report,
    IncidentEntryKind.TASK: _task,
    IncidentEntryKind.MERGE: _merge,
    IncidentEntryKind.ACCESS: _access,
}


def people_in(entries: Sequence["IncidentEntry"]) -> set[int]:
    """The numbers of the persons whom entries name."""
    found: set[int] = set()
    for one in entries:
        data: Mapping[str, Any] = one.data
        found |= {of for of in (data.get("owner"), data.get("before"), data.get("after")) if isinstance(of, int)}
        found |= set(data.get("persons", ()))
    return found
