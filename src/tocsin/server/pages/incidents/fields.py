"""The form of an act on an incident, made from its request: what each field is called, and what it offers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic.fields import FieldInfo
from sqlalchemy.orm import Session

from tocsin.events import RSIT_TYPES
from tocsin.incidents import people_for
from tocsin.incidents.act_parts import OwnMarking
from tocsin.incidents.closing import UNKNOWN, causes_for, read_causes
from tocsin.incidents.playbooks import listed_playbooks
from tocsin.interface import Act, FormField, is_several, wording_of
from tocsin.node.accounts import Permission
from tocsin.server.pages.incidents.words import (
    CERTAINTIES,
    CUSTODY_STEPS,
    DETECTED,
    EVIDENCE_KINDS,
    MILESTONES,
    OBSERVED_AS,
    PARTIES,
    SEVERITIES,
    SIGHTINGS,
    TAKEDOWN_GROUNDS,
    TAKEDOWN_ROLES,
)
from tocsin.server.pages.words import N_, OURS, PageTexts, languages

_TLPS: Final = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
_HIDDEN: Final = {
    "reference", "once", "task", "party", "observable", "entry", "person", "clock", "evidence", "hold", "run",
    "takedowns", "problems", "population", "preview", "clocks", "tasks",
}  # fmt: skip
"""What stands in the address or in hidden fields; a person to be let in or taken out is chosen."""

_FIRST: Final = {"rule", "mail", "report"}
"""What a form is about: asked for before what is said of it; a marking of its own comes last."""

_TIMES: Final = {"until", "happened_at", "due_at", "valid_until", "at", "limit_start", "lessons_due"}

_LABELS: Final[Mapping[str, str]] = {
    "title": N_("Name"),
    "rsit_type": N_("Type (RSIT)"),
    "tlp": N_("Marking"),
    "tlp_reason": N_("Why it is marked less strictly than the incident"),
    "lead": N_("Lead"),
    "only": N_("Restricted to"),
    "severity": N_("Severity"),
    "reason": N_("Reason"),
    "waiting_for": N_("Waiting on"),
    "until": N_("Until (UTC)"),
    "text": N_("Text"),
    "happened_at": N_("When it happened (UTC), if not now"),
    "milestone": N_("Milestone"),
    "known_from": N_("Source"),
    "certainty": N_("Certainty"),
    "role": N_("Role"),
    "team": N_("Team"),
    "name": N_("Name"),
    "mailbox": N_("Email address"),
    "phone": N_("Phone number"),
    "language": N_("Language"),
    "ceiling": N_("Maximum TLP"),
    "owner": N_("Assigned to"),
    "due_at": N_("Due (UTC)"),
    "result": N_("Result"),
    "into": N_("Reference of the other incident"),
    "persons": N_("People who may read it"),
    "person": N_("Person"),
    "rule": N_("Rule"),
    "at": N_("Time (UTC)"),
    "source": N_("Source"),
    "limit_start": N_("Start of the second period (UTC)"),
    "entity": N_("Party"),
    "received_from": N_("Received from"),
    "how": N_("How it was handed over"),
    "seal": N_("Seal number"),
    "place": N_("Place"),
    "kind": N_("Kind"),
    "sha256": "SHA-256",
    "size": N_("Bytes"),
    "step": N_("Step"),
    "report": N_("Reference of the report"),
    "mail": N_("Mail"),
    "ordered_by": N_("Ordered by"),
    "order_reference": N_("Reference of the order"),
    "playbook": N_("Playbook"),
    "run": N_("Playbook"),
    "question": N_("Question"),
    "answer": N_("Answer"),
    "lesson": N_("Lesson: it stays to be done when the incident is closed"),
    "root_cause": N_("Root cause"),
    "detected_by": N_("Detected by"),
    "damage_least": N_("Damage at least"),
    "damage_most": N_("Damage at most"),
    "currency": N_("Currency"),
    "worked": N_("What worked, and what did not"),
    "lessons": N_("Lessons"),
    "lessons_due": N_("Lessons due (UTC)"),
    "withhold": N_("No longer count it"),
    "ground": N_("Used for"),
    "necessity": N_("Why it must be taken down"),
    "basis": N_("Law or terms"),
    "pap": N_("What may be done with it (PAP)"),
    "seen": N_("What was seen"),
    "valid_until": N_("Valid until (UTC)"),
    "matching": N_("Filter of problems"),
    "freeze": N_("Only those that match now"),
}
_NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("takedowns", "how"): N_("How it was seen, such as: opened in an isolated browser"),
    ("takedowns", "place"): N_("Seen from (network or country)"),
    ("custody of incident", "person"): N_("From whom, or to whom"),
    ("evidence of incident", "name"): N_("What it is"),
    ("legal hold of incident", "until"): N_("Until (UTC); empty: until it is lifted"),
}
"""What a field is called for one noun alone."""

_TEXTS: Final[Mapping[str, str]] = {
    "incident": N_("Note"),
    "task of incident": N_("Task"),
    "observables of incident": N_("Addresses, names, URLs, hashes"),
    "takedowns": N_("URLs, names and addresses, a line each"),
    "notification text": N_("Text"),
}
"""What a text is called, by what has it."""

_HINTS: Final[Mapping[str, str]] = {
    "only": N_("Nobody else finds the incident. Choose nobody, and the whole team reads it."),
    "team": N_("Key or name of a team of the directory; or write a name below."),
    "ceiling": N_("What is marked more strictly is not sent to this party."),
    "known_from": N_("Who says so, or what shows it, such as: log of the mail server"),
    "due_at": N_("Then it is a to-do item."),
    "until": N_("Then it is a to-do item."),
    "currency": N_("Its code, such as EUR"),
    "lessons": N_("What will change, one on each line. Each becomes a task that outlives the incident."),
    "lessons_due": N_("Then they are to-do items."),
    "persons": N_("Nobody else finds it, with all that is in it. You are one of them."),
    "valid_until": N_("Then it is no longer looked for. Without a time it has no end."),
    "title": N_("What people call it, such as: Ransomware, Lagoon Hospital"),
    "limit_start": N_("Only where the rule has one, such as awareness in DORA."),
    "source": N_("Who says so, or what shows it, such as: log of the mail server"),
    "how": N_("By hand, by courier, as a copy made with a tool"),
    "sha256": N_("Of its bytes, in hexadecimal; empty for what has none."),
    "necessity": N_("The mails say it, in the words that you write here."),
    "basis": N_("The mails say it: the law that you act under, or the terms of service that it breaks."),
    "pap": N_("Under PAP:RED nobody is asked about it, and nobody is written to."),
}


NOTHING: Final[Mapping[str, Any]] = {
    "incident": None, "error": None, "said": "", "selected": (), "hidden": (), "others": (), "notes": None,
    "questions": (), "preview": None, "previews": False, "seen": "", "made": "", "reference": "", "entry": "",
}  # fmt: skip
"""What the template of a form, ``incidents/act.html``, takes besides; most forms have only some of it."""


def fields_of(
    act: Act,
    words: PageTexts,
    session: Session,
    *,
    given: Mapping[str, Any],
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str],
    choices: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({}),
) -> list[FormField]:
    """The fields of an act. ``given``: values at first; ``typed``: what was typed; ``wrongs``: what is wrong.

    ``choices``: what fields offer that depend on the incident.
    """
    made = []
    chosen = "person" in act.request.model_fields and "{person}" not in str(act.page)
    own = OwnMarking.model_fields if issubclass(act.request, OwnMarking) else {}
    order = {**dict.fromkeys(_FIRST, 0), **dict.fromkeys(own, 2)}
    for name, field in sorted(act.request.model_fields.items(), key=lambda one: order.get(one[0], 1)):
        if name in _HIDDEN and not (name == "person" and chosen):
            continue
        kind, options = ("choice", choices[name]) if name in choices else _kind(act, name, field, words, session)
        value = typed.get(name, given.get(name, "" if field.is_required() or field.default is None else field.default))
        label = (
            N_("I lead it") if kind == "box" and name == "lead" else _TEXTS.get(act.noun) if name == "text" else None
        )
        label = label or _NAMES.get((act.noun, name)) or _LABELS[name]
        wrong = words.say(wrongs[name]) if name in wrongs else ""
        hint = words.say(_HINTS[name]) if name in _HINTS and (act.noun, name) not in _NAMES else ""
        needed = field.is_required() and kind != "several"
        made.append(FormField(name, words.say(label), kind, _shown(value), hint, wrong, needed, options))
    return made


def cause_options(home: Path, rsit_type: str, words: PageTexts) -> list[tuple[str, str]]:
    """The root causes of a node, those first that are usual for a type."""
    shown = words.catalogue.gettext
    found = causes_for(read_causes(home), rsit_type)
    return [(UNKNOWN, words.say(N_("Unknown"))), *((one.id, shown(one.title)) for one in found)]


def _kind(
    act: Act, name: str, field: FieldInfo, words: PageTexts, session: Session
) -> tuple[str, Sequence[tuple[str, str]]]:
    """How a field is asked for, and what it offers."""
    if is_several(act, name):
        return "several", _people(session, Permission.INCIDENTS_READ)
    if (options := _options(act, name, field, words, session)) is not None and field.annotation is not bool:
        return "choice", [*_unsaid(name, field, words, options), *options]
    if field.annotation is bool:
        return "box", ()
    return ("time" if name in _TIMES else "area" if wording_of(act, name).lines else "text"), ()


def _unsaid(
    name: str, field: FieldInfo, words: PageTexts, options: Sequence[tuple[str, str]]
) -> Sequence[tuple[str, str]]:
    """The choice of a field that need not be answered: else a browser sends the first of its options."""
    default = "" if field.default is None else str(_shown(field.default))
    if field.is_required() or default in {value for value, _ in options}:
        return []
    return [("", words.say(_UNSAID.get(name, N_("None"))))]


def _options(act: Act, name: str, field: FieldInfo, words: PageTexts, session: Session) -> list[tuple[str, str]] | None:
    """What a field offers; None: it is typed."""
    if name in {"lead", "owner", "person"} and act.noun != "custody of incident":
        return _people(session, Permission.INCIDENTS_READ if name == "person" else Permission.INCIDENTS_WRITE)
    if name == "rsit_type":
        types = sorted(RSIT_TYPES.items(), key=lambda pair: (pair[1], pair[0]))
        return [("", words.say(N_("No type"))), *((one, f"{of}/{one}") for one, of in types)]
    if name == "playbook":
        shown = words.catalogue.gettext
        return [(one.key, shown(one.playbook.name)) for one in listed_playbooks(session)]
    if name == "language":
        unknown = [("", words.say(N_("Not known")))] if not field.default else []
        return [*unknown, *((one, words.name_of(one)) for one in languages(OURS))]
    if name in {"tlp", "ceiling"}:
        return [(one, f"TLP:{one}") for one in _TLPS]
    listed = _LISTS.get(act.noun if name == "role" else name)
    return None if listed is None else [(str(value), words.say(said)) for value, said in listed.items()]


def _people(session: Session, permission: Permission) -> list[tuple[str, str]]:
    return [(str(one.id), one.name) for one in people_for(session, permission)]


def _shown(value: Any) -> Any:
    """A value as a field of a form has it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    return getattr(value, "value", value)


_UNSAID: Final[Mapping[str, str]] = {"owner": N_("Not assigned"), "tlp": N_("As the incident")}
"""What stands where nothing is chosen, by the name of the field."""

_LISTS: Final[Mapping[str, Mapping[str, str]]] = {
    "severity": SEVERITIES,
    "milestone": MILESTONES,
    "certainty": CERTAINTIES,
    "detected_by": DETECTED,
    "party of incident": PARTIES,
    "observables of incident": OBSERVED_AS,
    "kind": EVIDENCE_KINDS,
    "step": CUSTODY_STEPS,
    "takedowns": TAKEDOWN_ROLES,
    "ground": TAKEDOWN_GROUNDS,
    "seen": SIGHTINGS,
    "pap": {one: f"PAP:{one}" for one in ("AMBER", "CLEAR", "GREEN", "RED")},
}
"""The closed lists by the name of their field; a role by what has it."""
