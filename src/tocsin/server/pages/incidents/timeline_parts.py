"""What the timeline says of entries of an incident's parts: observables, take-downs, clocks, evidence and so on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from tocsin.incidents import SEVERITIES, IncidentEntryKind, defang
from tocsin.incidents.clocks import ClockState
from tocsin.incidents.closing import DETECTED, RATINGS, DetectedBy, shipped_causes
from tocsin.incidents.takedowns import SIGHTINGS
from tocsin.server.pages.exchange_words import MESSAGE_STATES
from tocsin.server.pages.incidents.words import ANSWERS, AUDIENCES
from tocsin.server.pages.words import N_, NN_, PageTexts

if TYPE_CHECKING:
    from tocsin.incidents import IncidentEntry

EntrySentence: TypeAlias = Callable[["IncidentEntry", PageTexts, Mapping[int, str]], str]
"""Says what an entry says; given names of persons by number."""

_OBSERVABLE: Final[Mapping[str, str]] = {
    "withdrawn": N_("Observable withdrawn"),
    "validity": N_("Validity of an observable set"),
    "looked-up": N_("Observables looked up in past events"),
    "reviewed": N_("Sightings reviewed"),
}


def _observable(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    values, unread = entry.data.get("values", []), entry.data.get("unread", [])
    act, count = entry.data.get("act", ""), entry.data.get("count", 0)
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


_AFFECTED: Final[Mapping[str, str]] = {
    "attached": N_("Affected systems attached by a filter"),
    "detached": N_("Affected systems detached"),
    "frozen": N_("Affected systems kept as a list"),
    "text": N_("Text in notifications (%(language)s)"),
    "notified": N_("Teams of affected systems notified"),
    "text-withdrawn": N_("Text in notifications withdrawn"),
}


def _affected(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    act, count = entry.data.get("act", ""), entry.data.get("count")
    if act == "notified":
        teams = words.count(*NN_("%(n)s team", "%(n)s teams"), entry.data.get("teams", 0))
        return f"{words.say(_AFFECTED[act])} ({teams})"
    if act == "attached" and count is not None:
        return words.count(*NN_("%(n)s affected system attached", "%(n)s affected systems attached"), count)
    said = words.say(_AFFECTED[act], language=entry.data.get("language", ""))
    query = entry.data.get("query")
    return f"{said} ({', '.join(query.values())})" if query else said


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


def _takedown(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    said = words.say(_TAKEDOWNS.get(data["act"], N_("Take-downs")))
    if "seen" in data:
        said = words.say(N_("Take-downs seen as “%(seen)s”"), seen=words.say(SIGHTINGS[data["seen"]]))
    return words.say(N_("%(what)s: %(n)s"), what=said, n=words.number(len(data["takedowns"])))


_NOTICE: Final = {
    "answered": N_("Notice %(reference)s answered"),
    "waived": N_("Notice %(reference)s needs no answer"),
    "basis": N_("Basis of report %(reference)s changed"),
    "release": N_("Consent or order for report %(reference)s recorded"),
}


def _notice(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    return words.say(_NOTICE[entry.data["act"]], reference=entry.data.get("report", ""))


_CLOCKS: Final = {
    "started": N_("Clock started: %(what)s"),
    "moved": N_("Start of a clock changed: %(what)s"),
    "reckoned": N_("Clock recalculated: %(what)s"),
    "reopened": N_("Clock reopened: %(what)s"),
    "left": N_("Clock left running: %(what)s"),
    ClockState.MET: N_("Clock met: %(what)s"),
    ClockState.LATE: N_("Clock met late: %(what)s"),
    ClockState.NOT_APPLICABLE: N_("Clock not applicable: %(what)s"),
}
_DUE: Final = {"started", "moved", "reckoned", "reopened", "left"}  # then it says when it is due


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


_PLAYBOOK: Final = {
    "started": N_("Playbook started: %(name)s"),
    "answered": N_("%(question)s %(answer)s"),
    "ended": N_("Playbook finished: %(name)s"),
    "stopped": N_("Playbook stopped: %(name)s"),
}


def _playbook(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data, shown = entry.data, words.catalogue.gettext
    name, answer = (
        shown(data.get("playbook") or "-"),
        words.say(ANSWERS.get(data.get("answer", ""), "%(answer)s"), answer=data.get("answer", "")),
    )
    return words.say(_PLAYBOOK[data["act"]], name=name, question=shown(data.get("question") or "-"), answer=answer)


def cause_named(cause: str, words: PageTexts) -> str:
    """What a root cause is called; of one that is not shipped its key."""
    known = shipped_causes().get(cause)
    return words.catalogue.gettext(known.title) if known else cause or words.say(DETECTED[DetectedBy.UNKNOWN])


def _review(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data, who = entry.data, DETECTED.get(entry.data.get("detected_by", ""), DETECTED[DetectedBy.UNKNOWN])
    said = [
        words.say(N_("Root cause: %(after)s"), after=cause_named(data.get("root_cause", ""), words)),
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


_EXCHANGE: Final[Mapping[str, str]] = {
    "sent": N_("Sent to %(name)s"),
    "adopted": N_("Received from %(name)s"),
    "offered": N_("Case offered to %(name)s"),
    "joint": N_("Joint case offered to %(name)s"),
    "withdrawn": N_("Offer to %(name)s withdrawn"),
    "handed-over": N_("Handed over to %(name)s"),
    "taken-over": N_("Case of %(name)s taken over"),
    "joined": N_("Joint case of %(name)s accepted"),
    "entry": N_("From the history of %(name)s"),
    "asked": N_("Request to %(name)s"),
    "told": N_("Notice to %(name)s"),
    "asked-us": N_("Request of %(name)s"),
    "answered": N_("Request of %(name)s answered: %(outcome)s"),
}


def _exchange(entry: "IncidentEntry", words: PageTexts, _people: Mapping[int, str]) -> str:
    data = entry.data
    outcome = words.say(MESSAGE_STATES[data["outcome"]][0]) if data.get("outcome") in MESSAGE_STATES else ""
    said = words.say(_EXCHANGE[data["act"]], name=data.get("name", ""), outcome=outcome)
    return f"{said} ({data['reference']})" if data.get("reference") else said


OF_PARTS: Final[Mapping[str, EntrySentence]] = {
    IncidentEntryKind.OBSERVABLE: _observable,
    IncidentEntryKind.POPULATION: _affected,
    IncidentEntryKind.CLOCK: _clock,
    IncidentEntryKind.RATING: _rating,
    IncidentEntryKind.EVIDENCE: _evidence,
    IncidentEntryKind.PLAYBOOK: _playbook,
    IncidentEntryKind.REVIEW: _review,
    IncidentEntryKind.FEEDBACK: _feedback,
    IncidentEntryKind.NOTICE: _notice,
    IncidentEntryKind.TAKEDOWN: _takedown,
    IncidentEntryKind.EXCHANGE: _exchange,
}
"""By the kind of the entry."""
