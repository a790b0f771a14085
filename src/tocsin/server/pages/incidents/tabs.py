"""The frame of all pages of one incident: its name, its state in a sentence, the acts on it, and its tabs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.incidents import (
    SEVERITIES,
    UNDER_WAY,
    Incident,
    IncidentReader,
    IncidentState,
    IncidentTask,
    TaskState,
    find_incident,
    is_restricted,
    last_entry,
    merged_family,
    merged_root,
    tasks_of,
)
from tocsin.node.accounts import names_of
from tocsin.server.pages.incidents.clock_words import next_deadline
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.words import SHAPES, STATES
from tocsin.server.pages.words import N_, NN_, PageTexts

TABS: Final[Mapping[str, str]] = {
    "": N_("Timeline"),
    "affected": N_("Affected systems"),
    "observables": N_("Observables"),
    "clocks": N_("Deadlines"),
    "notices": N_("Notices"),
    "evidence": N_("Evidence"),
    "takedowns": N_("Take-downs"),
    "rating": N_("Severity"),
    "playbooks": N_("Playbooks"),
    "closing": N_("Closing"),
}
"""What the tabs are called, by the end of their address; the first is the page of the incident itself."""

_IN_VIEW: Final = 6
"""So many tabs are always seen: they fit into one row of 1280 pixels in each language. The others are below *More*."""

_BESIDE: Final = {"holds": "evidence"}
"""Parts that another tab shows."""

_NEAR: Final = 6  # days in which the name of a weekday says which


@dataclass(frozen=True)
class IncidentFrame:
    """An incident as its pages show it: with all that was merged into it. ``shown``: for the template."""

    incident: Incident
    family: Sequence[Incident]
    shown: Mapping[str, Any]


def part_frame(words: PageTexts, session: Session, reader: IncidentReader, reference: str, tab: str) -> IncidentFrame:
    """The frame of a tab, for a template that extends ``incidents/part.html``. ``tab``: one of `TABS`.

    Of an incident that was merged, it is the one where it is worked on.

    Raises:
        NotFoundError: there is no such incident for this reader.

    """
    incident = merged_root(session, reader, find_incident(session, reader, reference))
    return frame_of(words, session, reader, incident, tab)


def frame_of(words: PageTexts, session: Session, reader: IncidentReader, incident: Incident, tab: str) -> IncidentFrame:
    """The frame of a tab of this very incident."""
    family = merged_family(session, reader, incident)
    path = f"{PLACE}/{incident.reference}"
    undone = [one for one in tasks_of(session, reader, family) if one.state in {TaskState.OPEN, TaskState.DOING}]
    shown = {
        "incident": incident,
        "path": path,
        "sentence": " ".join(
            filter(
                None,
                [
                    _sentence(incident, undone, names_of(session, [incident.lead]), reader, words),
                    next_deadline(words, session, reader, family),
                ],
            )
        ),
        "live": incident.state in UNDER_WAY,
        "restricted": is_restricted(incident),
        "seen": last_entry(session, reader, family),
        "tabs": [(f"{path}/{end}" if end else path, words.say(name), end == tab) for end, name in TABS.items()],
        "in_view": _IN_VIEW,
        "states": STATES,
        "shapes": SHAPES,
        "severities": SEVERITIES,
    }
    return IncidentFrame(incident, family, shown)


def tab_after(end: str) -> str:
    """The end of the address of the tab that shows what an act of this address did; empty: the timeline."""
    first = end.split("/", 1)[0]
    first = _BESIDE.get(first, first)
    return f"/{first}" if first in TABS and first else ""


def _sentence(
    incident: Incident,
    undone: Sequence[IncidentTask],
    people: Mapping[int, str],
    reader: IncidentReader,
    words: PageTexts,
) -> str:
    """The state of an incident in one or two sentences: whose it is, for whom it waits, what is to be done."""
    said = []
    if incident.lead is None:
        said.append(words.say(N_("Not assigned.")))
    elif incident.lead == reader.person:
        said.append(words.say(N_("Assigned to you.")))
    else:
        said.append(words.say(N_("Assigned to %(name)s."), name=people.get(incident.lead, incident.lead)))
    if incident.state == IncidentState.WAITING and incident.waiting_until:
        near = abs((incident.waiting_until - reader.now).days) < _NEAR
        day = words.weekday_and_time(incident.waiting_until) if near else words.day(incident.waiting_until)
        text = N_("Waiting for %(whom)s until %(time)s.")
        if incident.waiting_until <= reader.now:
            text = N_("Waited for %(whom)s until %(time)s: that time is over.")
        said.append(words.say(text, whom=incident.waiting_for, time=day))
    if undone:
        said.append(words.count(*NN_("%(n)s task open.", "%(n)s tasks open."), len(undone)))
    return " ".join(said)
