"""The timeline of an incident: each entry as a sentence, with whoever's words stand below it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin.incidents import IncidentEntryKind, TaskState, defang
from tocsin.incidents.clocks import ClockState
from tocsin.incidents.closing import DetectedBy, shipped_causes
from tocsin.server.pages.incidents.words import (
    ANSWERS,
    AUDIENCES,
    CERTAINTIES,
    DETECTED,
    MILESTONES,
    PARTIES,
    RATINGS,
    SEVERITIES,
    SIGHTINGS,
    STATES,
    TASKS,
)
from tocsin.server.pages.words import N_, NN_, PageTexts

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
}
_CLOCKS: Final = {
    "started": N_("Clock started: %(what)s"),
    "moved": N_("Start of a clock changed: %(what)s"),
    "reckoned": N_("Clock recalculated: %(what)s"),
    "reopened": N_("Clock reopened: %(what)s"),
    ClockState.MET: N_("Clock met: %(what)s"),
    ClockState.LATE: N_("Clock met late: %(what)s"),
    ClockState.NOT_APPLICABLE: N_("Clock not applicable: %(what)s"),
}
_DUE: Final = {"started", "moved", "reckoned", "reopened"}  # then it says when it is due
_PLAYBOOK: Final = {
    "started": N_("Playbook started: %(name)s"),
    "answered": N_("%(question)s %(answer)s"),
    "ended": N_("Playbook finished: %(name)s"),
    "stopped": N_("Playbook stopped: %(name)s"),
}
_NOTICE: Final = {
    "answered": N_("Notice %(reference)s answered"),
    "basis": N_("Basis of report %(reference)s changed"),
    "release": N_("Consent or order for report %(reference)s recorded"),
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
    mail = entry.data.get("mail") or entry.data.get("refused")
    return f"{path}/parties/{entry.party_id}#mail-{mail}" if mail and entry.party_id else ""


def _plain(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    return words.say(_PLAIN[entry.kind]) if entry.kind in _PLAIN else ""


def _change(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    what, after = entry.data["what"], entry.data["after"]
    if what == "severity":
        after = words.say(SEVERITIES[after])
    if what == "root_cause":
        after = _cause(after, words)
    return words.say(_COLUMNS[what], before=entry.data["before"], after=after or "-")


def _cause(cause: str, words: PageTexts) -> str:
    known = shipped_causes().get(cause)
    return words.catalogue.gettext(known.title) if known else cause or words.say(DETECTED[DetectedBy.UNKNOWN])


def _review(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data, who = entry.data, DETECTED.get(entry.data.get("detected_by", ""), DETECTED[DetectedBy.UNKNOWN])
    said = [
        words.say(N_("Root cause: %(after)s"), after=_cause(data.get("root_cause", ""), words)),
        words.say(N_("Detected by: %(who)s"), who=words.say(who)),
    ]
    least, most, currency = data.get("damage", [None, None, ""])
    if least is not None or most is not None:
        ends = [words.number(one) if one is not None else "?" for one in (least, most)]
        amount = " \N{EN DASH} ".join(dict.fromkeys(ends))
        said.append(words.say(N_("Damage: %(amount)s"), amount=f"{amount} {currency}".strip()))
    return ". ".join(said)


def _feedback(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    return words.say(N_("Our help solved the problem: %(answer)s"), answer=words.say(RATINGS[entry.data["rating"]]))


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


def _notice(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    return words.say(_NOTICE[entry.data["act"]], reference=entry.data.get("report", ""))


def _task(entry: "IncidentEntry", words: PageTexts, people: Mapping[int, str]) -> str:
    data, owner = entry.data, entry.data.get("owner")
    text = _TASK.get(data.get("act", ""), TASKS["open"])
    return words.say(text, what=data.get("what", ""), owner=people.get(owner, owner) if owner else "-")


def _observable(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    values, unread = entry.data.get("values", []), entry.data.get("unread", [])
    act, count = entry.data.get("act"), entry.data.get("count", 0)
    if act in _OBSERVABLE:
        return words.say(_OBSERVABLE[act])
    if act == "seen":
        seen = words.count(*NN_("%(n)s observable seen in new events", "%(n)s observables seen in new events"), count)
        return f"{seen} ({', '.join(map(defang, values))})"
    said = words.count(*NN_("%(n)s observable added", "%(n)s observables added"), len(values))
    if unread:
        lines = words.count(*NN_("%(n)s line without an observable", "%(n)s lines without an observable"), len(unread))
        return f"{said}, {lines}"
    return said


def _clock(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    times = {
        name: f"{datetime.fromisoformat(data[name]):%Y-%m-%d %H:%M}" for name in ("due", "former") if data.get(name)
    }
    text = _CLOCKS[data["act"]]
    if "due" in times and data["act"] in _DUE:
        text = (
            N_("%(said)s, due %(due)s UTC (before: %(former)s)")
            if "former" in times
            else N_("%(said)s, due %(due)s UTC")
        )
    return words.say(text, what=data["what"], said=words.say(_CLOCKS[data["act"]], what=data["what"]), **times)


def _rating(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    levels = "; ".join(data["levels"])
    if data["legal"]:
        return words.say(N_("Legal test “%(title)s”: %(levels)s"), title=data["title"], levels=levels)
    severity = words.say(SEVERITIES[data["after"]])
    text = N_("Rated by “%(title)s”: %(levels)s. Severity: %(severity)s")
    return words.say(text, title=data["title"], levels=levels, severity=severity)


def _affected(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    act, count = entry.data.get("act", ""), entry.data.get("count")
    if act == "attached" and count is not None:
        return words.count(*NN_("%(n)s affected system attached", "%(n)s affected systems attached"), count)
    said = words.say(_AFFECTED[act], language=entry.data.get("language", ""))
    query = entry.data.get("query")
    return f"{said} ({', '.join(query.values())})" if query else said


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


_EVIDENCE: Final = {
    "received": N_("%(name)s received"),
    "copied": N_("%(name)s copied"),
    "moved": N_("%(name)s moved"),
    "handed": N_("%(name)s handed over"),
    "returned": N_("%(name)s returned"),
    "destroy-asked": N_("%(name)s to be destroyed: a second person must confirm"),
    "destroyed": N_("%(name)s destroyed"),
    "kept": N_("%(name)s is not destroyed after all"),
    "exported": N_("Evidence exported"),
    "held": N_("Legal hold, ordered by %(who)s"),
    "lifted": N_("Legal hold of %(who)s lifted"),
    "reported": N_("Report made: %(audience)s, %(form)s"),
}
_DETAILS: Final = {
    "person": N_("with %(what)s"),
    "how": "%(what)s",
    "seal": N_("seal %(what)s"),
    "place": N_("place: %(what)s"),
}


def _evidence(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    text = _EVIDENCE.get(data.get("act", ""), N_("Evidence"))
    said = words.say(
        text, name=data.get("name") or "-", who=data.get("who") or "-",
        audience=words.say(AUDIENCES.get(data.get("audience", ""), "-")), form=data.get("form", ""),
    )  # fmt: skip
    details = [words.say(of, what=data[name]) for name, of in _DETAILS.items() if data.get(name)]
    return f"{said} ({', '.join(details)})" if details else said


def _playbook(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data, shown = entry.data, words.catalogue.gettext
    name, answer = (
        shown(data.get("playbook") or "-"),
        words.say(ANSWERS.get(data.get("answer", ""), "%(answer)s"), answer=data.get("answer", "")),
    )
    return words.say(_PLAYBOOK[data["act"]], name=name, question=shown(data.get("question") or "-"), answer=answer)


def _takedown(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    said = words.say(_TAKEDOWNS.get(data["act"], N_("Take-downs")))
    if "seen" in data:
        said = words.say(N_("Take-downs seen as “%(seen)s”"), seen=words.say(SIGHTINGS[data["seen"]]))
    return words.say(N_("%(what)s: %(n)s"), what=said, n=words.number(len(data["takedowns"])))


_TAKEDOWNS: Final[Mapping[str, str]] = {
    "proposed": N_("Take-downs proposed"),
    "looked-up": N_("Contacts of take-downs looked up"),
    "asked": N_("Take-downs asked for"),
    "reminded": N_("Take-downs, reminder sent"),
    "checked": N_("Take-downs, content checked"),
    "refused": N_("Take-downs refused"),
    "withdrawn": N_("Take-downs withdrawn"),
    "objected": N_("Take-downs, objection recorded"),
    "answered": N_("Take-downs, objection answered"),
}
_PLAIN: Final[Mapping[str, str]] = {
    IncidentEntryKind.OPENED: N_("Incident opened"),
    IncidentEntryKind.PARTY: N_("Party"),
}
_OBSERVABLE: Final[Mapping[str, str]] = {
    "withdrawn": N_("Observable withdrawn"),
    "validity": N_("Validity of an observable set"),
    "looked-up": N_("Observables looked up in past events"),
    "reviewed": N_("Sightings reviewed"),
}
_AFFECTED: Final[Mapping[str, str]] = {
    "attached": N_("Affected systems attached by a filter"),
    "detached": N_("Affected systems detached"),
    "frozen": N_("Affected systems kept as a list"),
    "text": N_("Text in notifications (%(language)s)"),
    "text-withdrawn": N_("Text in notifications withdrawn"),
}
_SAID: Final[Mapping[str, Callable[["IncidentEntry", PageTexts, Mapping[int, str]], str]]] = {
    IncidentEntryKind.CHANGE: _change,
    IncidentEntryKind.STATE: _state,
    IncidentEntryKind.LEAD: _lead,
    IncidentEntryKind.MILESTONE: _milestone,
    IncidentEntryKind.ARRIVAL: _report,
    IncidentEntryKind.TASK: _task,
    IncidentEntryKind.OBSERVABLE: _observable,
    IncidentEntryKind.POPULATION: _affected,
    IncidentEntryKind.MERGE: _merge,
    IncidentEntryKind.ACCESS: _access,
    IncidentEntryKind.CLOCK: _clock,
    IncidentEntryKind.RATING: _rating,
    IncidentEntryKind.EVIDENCE: _evidence,
    IncidentEntryKind.PLAYBOOK: _playbook,
    IncidentEntryKind.REVIEW: _review,
    IncidentEntryKind.FEEDBACK: _feedback,
    IncidentEntryKind.NOTICE: _notice,
    IncidentEntryKind.TAKEDOWN: _takedown,
}


def people_in(entries: Sequence["IncidentEntry"]) -> set[int]:
    """The numbers of the persons whom entries name."""
    found: set[int] = set()
    for one in entries:
        data: Mapping[str, Any] = one.data
        found |= {of for of in (data.get("owner"), data.get("before"), data.get("after")) if isinstance(of, int)}
        found |= set(data.get("persons", ()))
    return found
