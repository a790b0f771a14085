"""The text of a digest: subject and body, 76 columns wide, from its survey and the texts of a language."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.delivery.columns import WIDTH, fit, table, width, wrap
from tocsin.delivery.deadlines import day_of, last_second
from tocsin.delivery.digest_notes import ReleasedNote, note_block
from tocsin.delivery.digest_summary import PLACES_SHOWN, DigestSummary, ProblemLine, Silence, TopicCount, utc
from tocsin.delivery.direction import right_to_left
from tocsin.delivery.texts import DigestText, Texts, TopicText
from tocsin.sharing.gate import Marking

_KINDS_SHOWN = 8
_NAME_SHOWN = 48
_LABEL = " " * 12
_OTHERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the survey: whom it is for, who sends it, when, and where it is answered."""

    reference: str
    marking: Marking
    team: str
    sender: str
    contact: str
    at: datetime
    link: str = ""
    reply: bool = False  # whether replies by mail are read
    repeats: str = ""  # the reference of the digest that this one tells again
    notes: Sequence[ReleasedNote] = ()  # texts of incidents
    corrections: str = ""  # of earlier digests
    asked_at: datetime | None = None  # from when the days count in which a fix is asked for; None: from ``at``
    asked_days: Mapping[str, int] | None = None  # what an earlier rendering of it asked, by topic

    def due(self, count: TopicCount) -> str:
        """The day until which this mail asks for a fix of what no earlier one named a day for."""
        days = (self.asked_days or {}).get(count.topic.name, count.asked_days)
        return day_of(last_second(int((self.asked_at or self.at).timestamp()), days))


def compose(of: DigestSummary, frame: Frame, texts: Texts) -> DigestText:
    """The digest as its templates show it, without files and parts."""
    topics = [_topic(count, frame, texts) for count in of.topics]
    return DigestText(
        reference=frame.reference,
        tlp=frame.marking.tlp.value,
        pap=frame.marking.pap or "",
        network=network_label(of, frame.team),
        sender=frame.sender,
        contact=frame.contact,
        problems=of.problems,
        new=of.new,
        continuing=of.problems - (of.new or 0),
        first=utc(of.first_seen),
        last=utc(of.last_seen),
        topics=topics,
        feeds=[_feed(name, accuracy, texts) for name, accuracy in of.feeds],
        files=(),
        gone=[fit(f"{gone.where}  {gone.what}", WIDTH - 2) for gone in of.gone],
        informed=of.informed,
        again=of.again,
        link=frame.link,
        reply=frame.reply,
        silence=_silence(of.silence, texts),
        overview=_overview(of, topics, frame, texts),
        repeats=wrap(texts.say("repeats", reference=frame.repeats)) if frame.repeats else "",
        notes="\n\n".join(filter(None, (frame.corrections, *(note_block(one, texts) for one in frame.notes)))),
    )


def subject_of(text: DigestText, texts: Texts) -> str:
    """``[TLP:AMBER] Infected machines: 3 new in AS64500 (Example ISP) [TOC-2026-0000123]``."""
    said = texts.templates["subject"].render(digest=text)
    return f"[TLP:{text.tlp}] {' '.join(said.split())} [{text.reference}]"


def body_of(text: DigestText, texts: Texts) -> str:
    """The plain text of a mail; lines end with a line feed."""
    sentence = wrap(texts.templates["sentence"].render(digest=text))
    if text.repeats:
        sentence = f"{text.repeats}\n\n{sentence}"
    if text.notes:
        sentence = f"{sentence}\n\n{text.notes}"
    body = texts.templates["digest"].render(digest=text, sentence=sentence, overview=text.overview)
    return (right_to_left(body) if texts.mirrored else body).rstrip("\n") + "\n"


def network_label(of: DigestSummary, team: str) -> str:
    """``AS64500 (Example ISP)``: the network with most events, how many more, and whose it is."""
    name = fit(team, _NAME_SHOWN)
    if not of.networks:
        return name
    more = f" +{len(of.networks) - 1}" if len(of.networks) > 1 else ""
    return f"AS{of.networks[0][0]}{more} ({name})"


def _topic(count: TopicCount, frame: Frame, texts: Texts) -> TopicText:
    advice = texts.advice[count.topic.name]
    form = "heading_plain"
    if count.new is not None:
        both = count.new and count.new < count.problems
        form = "heading_both" if both else "heading_new" if count.new else "heading_continuing"
    heading = texts.say(
        form,
        count.problems if count.new is None else count.new or count.problems,
        title=advice.title,
        problems=count.problems,
        new=count.new,
        continuing=count.problems - (count.new or 0),
    )
    return TopicText(
        title=advice.title,
        heading=wrap(heading),
        about=advice.about,
        steps=advice.steps,
        deadline=_deadline(count, frame, texts),
        others=_others(count, texts),
        table="\n".join(_table(count, frame, texts)),
        more=count.problems - min(count.problems, PLACES_SHOWN),
    )


def _deadline(count: TopicCount, frame: Frame, texts: Texts) -> str:
    """The day by which we ask for a fix, or each day with how many are due; one that an earlier mail named stands.

    Nothing is asked of a team that only wants to know.
    """
    dues = _dues(count, frame)
    if not dues:
        return "-"
    today, several = frame.at.strftime("%Y-%m-%d"), len(dues) > 1
    said = [_due(day, of if several else 0, texts, is_over=day < today) for day, of in dues]
    return _listed(said, texts)


def _due(day: str, problems: int, texts: Texts, *, is_over: bool) -> str:
    """``2026-12-02 (overdue, 5)``; ``problems``: 0 where all are due then."""
    beside = [texts.words["overdue"]] * is_over + [str(problems)] * bool(problems)
    return f"{day} ({_listed(beside, texts)})" if beside else day


def _span(dues: Sequence[tuple[str, int]]) -> str:
    """The first and the last of the days."""
    return " / ".join(dict.fromkeys((dues[0][0], dues[-1][0]))) if dues else "-"


def _dues(count: TopicCount, frame: Frame) -> list[tuple[str, int]]:
    """The days until which a fix is asked for, and of how many each; none where others answer for them."""
    found = Counter(dict(count.mailed))
    if count.asked:
        found[frame.due(count)] += count.asked
    return sorted(found.items())


def _silence(of: Silence | None, texts: Texts) -> str:
    """Why problems of others come to this team; indented for its label."""
    if of is None:
        return ""
    names = [fit(name, _NAME_SHOWN) for name in of.names[:_OTHERS_SHOWN]]
    form = "silence" if len(of.names) <= _OTHERS_SHOWN else "silence_more"
    more = len(of.names) - len(names)
    words = texts.say(
        form, of.problems, problems=of.problems, names=_listed(names, texts), n=more, since=utc(of.since)[:10]
    )
    return wrap(words, first=_LABEL, indent=_LABEL).strip()


def _others(count: TopicCount, texts: Texts) -> str:
    """That others answer for it; empty where the team itself does."""
    if count.others is None:
        return ""
    if not count.others:
        return wrap(texts.say("informed_nobody"))
    names = [fit(name, _NAME_SHOWN) for name in count.others[:_OTHERS_SHOWN]]
    form = "informed" if len(count.others) <= _OTHERS_SHOWN else "informed_more"
    return wrap(texts.say(form, names=_listed(names, texts), n=len(count.others) - len(names)))


def _listed(names: Sequence[str], texts: Texts) -> str:
    return texts.words["comma"].join(names)


def _overview(of: DigestSummary, topics: Sequence[TopicText], frame: Frame, texts: Texts) -> str:
    """A table of the kinds of problems, worst first."""
    words, known = texts.words, of.new is not None
    numbers = ("state_new", "state_continuing") if known else ("state_unknown",)
    head = [*(words[name] for name in numbers), words["severity"], words["kinds"], words["by"]]
    rows = [
        [
            *([str(count.new), str(count.problems - (count.new or 0))] if known else [str(count.problems)]),
            words[count.severity],
            text.title,
            _span(_dues(count, frame)),
        ]
        for count, text in zip(of.topics[:_KINDS_SHOWN], topics, strict=False)
    ]
    lines = table([head, *rows], right=range(len(numbers)), stretch=len(numbers) + 1, mirrored=texts.mirrored)
    if (more := len(topics) - _KINDS_SHOWN) > 0:
        lines.append("  " + texts.say("more_kinds", more, n=more))
    return "\n".join(lines)


def _table(count: TopicCount, frame: Frame, texts: Texts) -> list[str]:
    """The problems of a topic, one a line; what is the same in all lines is said once, or in the heading."""
    words, places = texts.words, count.places
    states = {place.new for place in places}
    kinds = {place.what for place in places}
    shown = [True, any(place.port for place in places), len(kinds) > 1, True, len(states) > 1]
    shown.append(len(_dues(count, frame)) > 1)
    head = (words["where"], words["port"], words["what"], words["seen"], words["state"], words["by"])
    rows = [
        (
            place.where,
            place.port,
            place.what,
            place.last_seen,
            words["new"] if place.new else words["continuing"],
            place.due or frame.due(count),
        )
        for place in places
    ]
    cells = [[cell for cell, show in zip(row, shown, strict=True) if show] for row in (head, *rows)]
    stretch = shown[:2].count(True) if len(kinds) > 1 else 0
    lines = table(cells, right=(), stretch=stretch, mirrored=texts.mirrored)
    below = ["", *("".join(_below(place, count, texts)) for place in places)]
    lines = [line + more for line, more in zip(lines, below, strict=True)]
    if len(kinds) > 1:
        return lines
    room = WIDTH - 2 - width(texts.say("what_is", what=""))
    return ["  " + texts.say("what_is", what=fit(kinds.pop(), room)), *lines]


def _below(place: ProblemLine, count: TopicCount, texts: Texts) -> Iterator[str]:
    """Lines under that of a problem: its URL, and what the team said of it before it was seen again."""
    if count.topic.urls and place.url:
        yield f"\n    {fit(_harmless(place.url), WIDTH - 4)}"
    if place.said:
        verdict, day = place.said
        said = texts.say(f"said_{verdict}", said=day, seen=place.last_seen[:10])
        yield f"\n{wrap(said, first='    ', indent='    ')}"


def _harmless(url: str) -> str:
    """``hxxp://login.example[.]org/…``: nobody opens it by mistake, and no filter holds the mail for it."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme.replace("http", "hxxp").replace("ftp", "fxp") + colon + host.replace(".", "[.]") + slash + path


def _feed(name: str, accuracy: float | None, texts: Texts) -> str:
    form = "accuracy_unknown" if accuracy is None else "accuracy"
    whole = texts.say(form, feed="{feed}", accuracy=f"{accuracy:g}" if accuracy is not None else "")
    return whole.replace("{feed}", fit(name, WIDTH - len(_LABEL) - width(whole) + len("{feed}")))
