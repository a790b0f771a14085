"""How pages say deadlines: when the next one is due, how a rule counts, what a form offers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from tocsin.incidents import IncidentReader
from tocsin.incidents.clocks import ClockState, clocks_of, parsed, rules_for
from tocsin.server.pages.words import N_, PageTexts

if TYPE_CHECKING:
    from tocsin.incidents import Incident
    from tocsin.incidents.clocks import ClockRule, IncidentClock

_HOURS: Final = timedelta(hours=48)
"""Below that, time left is said in hours and minutes."""


def time_left(words: PageTexts, length: timedelta) -> str:
    """How long something is from now, as ``19 h 12 min``, or ``12 days`` from two days on."""
    if length >= _HOURS:
        return words.span(length)
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return words.say(N_("%(hours)s h %(minutes)s min"), hours=hours, minutes=minutes)


def due_in_words(words: PageTexts, clock: "IncidentClock", reader: IncidentReader) -> str:
    """When a running clock is due, as seen from now; empty where the act gives no number."""
    if clock.due_at is None:
        return ""
    if clock.due_at <= reader.now:
        length = time_left(words, reader.now - clock.due_at)
        return words.say(N_("%(what)s overdue for %(time)s."), what=clock.title, time=length)
    length = time_left(words, clock.due_at - reader.now)
    return words.say(N_("%(what)s due in %(time)s."), what=clock.title, time=length)


def next_deadline(words: PageTexts, session: Session, reader: IncidentReader, incidents: Sequence["Incident"]) -> str:
    """The sentence of the clock of incidents that is due first; empty where none runs."""
    running = (one for one in clocks_of(session, reader, incidents) if one.state == ClockState.RUNNING and one.due_at)
    found = next(running, None)
    return due_in_words(words, found, reader) if found else ""


def clock_rules(session: Session, now: datetime) -> list[tuple[str, str]]:
    """What the form of a new clock offers: the rules of adopted texts."""
    return [
        (rule.id, f"{parsed(adopted.content).title}: {rule.title} ({rule.cite or rule.id})")
        for adopted, rule in rules_for(session, now)
    ]


def rule_in_words(
    words: PageTexts, rule: "ClockRule", facts: Mapping[str, str], titles: Mapping[str, str]
) -> list[str]:
    """The steps of a rule. ``facts``: what each means; ``titles``: of the rules of its text, by id."""
    said = []
    if rule.starts_with:
        fact = facts.get(rule.starts_with, rule.starts_with)
        said.append(words.say(N_("Starts with: %(fact)s"), fact=fact))
    else:
        before = titles.get(rule.starts_with_submission_of, rule.starts_with_submission_of)
        said.append(words.say(N_("Starts with the submission of: %(notice)s"), notice=before))
    if rule.within:
        said.append(words.say(N_("Due within %(period)s"), period=words.translate(str(rule.within))))
    else:
        said.append(words.say(N_("Due: %(words)s"), words=rule.without_period))
    if rule.limit:
        said.append(
            words.say(
                N_("At the latest %(period)s after: %(fact)s"),
                period=words.translate(str(rule.limit.within)),
                fact=facts.get(rule.limit.starts_with, rule.limit.starts_with),
            )
        )
    if rule.shift and rule.shift.at:
        said.append(words.say(N_("On a day off: %(time)s of the next working day"), time=f"{rule.shift.at:%H:%M}"))
    elif rule.shift or (rule.counting == "1182/71" and rule.within and not rule.within.in_hours):
        said.append(words.say(N_("On a day off: the end of the next working day")))
    if rule.counting == "1182/71":
        said.append(words.say(N_("Counted by Regulation 1182/71, article 3")))
    if rule.applies_to:
        said.append(words.say(N_("Only for: %(whom)s"), whom=rule.applies_to))
    if rule.ours:
        said.append(words.say(N_("Owed by this CSIRT")))
    return [*said, *([rule.note] if rule.note else [])]
