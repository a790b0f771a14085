"""The text of a digest: subject and body, 76 columns wide, from its survey and the texts of a language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.delivery.survey import PLACES_SHOWN, Place, Survey, TopicCount, utc
from tocsin.delivery.texts import WIDTH, Texts
from tocsin.release import Marking

_KINDS_SHOWN = 8
_NAME_SHOWN = 48


@dataclass(frozen=True, slots=True)
class TopicText:
    """One topic as the template shows it."""

    title: str
    heading: str
    about: str
    steps: str
    deadline: str
    table: str
    more: int


@dataclass(frozen=True, slots=True)
class DigestText:
    """What the templates of a language are given."""

    reference: str
    tlp: str
    pap: str
    network: str
    sender: str
    contact: str
    problems: int
    new: int | None
    continuing: int
    first: str
    last: str
    topics: list[TopicText]
    feeds: list[str]
    files: Sequence[str]
    gone: list[str]
    part: int = 1
    parts: int = 1
    overview: str = field(default="")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the survey: whom it is for, who sends it, when."""

    reference: str
    marking: Marking
    team: str
    sender: str
    contact: str
    at: datetime


def compose(of: Survey, frame: Frame, texts: Texts) -> DigestText:
    """The digest as its templates show it, without files and parts."""
    topics = [_topic(count, frame.at, texts) for count in of.topics]
    return DigestText(
        reference=frame.reference,
        tlp=frame.marking.tlp.value,
        pap=frame.marking.pap.value,
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
        gone=[_fit(f"{gone.where}  {gone.what}", WIDTH - 2) for gone in of.gone],
        overview=_overview(of, topics, texts),
    )


def subject_of(text: DigestText, texts: Texts) -> str:
    """``[TLP:AMBER] Infected machines: 3 new in AS64500 (Example ISP) [TOC-2026-0000123]``."""
    said = texts.templates["subject"].render(digest=text)
    return f"[TLP:{text.tlp}] {' '.join(said.split())} [{text.reference}]"


def body_of(text: DigestText, texts: Texts) -> str:
    """The plain text of a mail; lines end with a line feed."""
    from textwrap import fill

    sentence = fill(" ".join(texts.templates["sentence"].render(digest=text).split()), WIDTH)
    body = texts.templates["digest"].render(digest=text, sentence=sentence, overview=text.overview)
    return body.rstrip("\n") + "\n"


def network_label(of: Survey, team: str) -> str:
    """``AS64500 (Example ISP)``: the network with most events, how many more, and whose it is."""
    name = _fit(team, _NAME_SHOWN)
    if not of.networks:
        return name
    more = f" +{len(of.networks) - 1}" if len(of.networks) > 1 else ""
    return f"AS{of.networks[0][0]}{more} ({name})"


def _topic(count: TopicCount, at: datetime, texts: Texts) -> TopicText:
    advice = texts.advice[count.topic.name]
    form = "heading_plain"
    if count.new is not None:
        both = count.new and count.new < count.problems
        form = "heading_both" if both else "heading_new" if count.new else "heading_continuing"
    heading = texts.words[form].format(
        title=advice.title, problems=count.problems, new=count.new, continuing=count.problems - (count.new or 0)
    )
    return TopicText(
        title=advice.title,
        heading=heading,
        about=advice.about,
        steps=advice.steps,
        deadline=_deadline(count, at),
        table="\n".join(_table(count.places, texts)),
        more=count.problems - min(count.problems, PLACES_SHOWN),
    )


def _deadline(count: TopicCount, at: datetime) -> str:
    return (at + timedelta(days=count.days)).strftime("%Y-%m-%d")


def _overview(of: Survey, topics: Sequence[TopicText], texts: Texts) -> str:
    """A table of the kinds of problems, worst first."""
    words = texts.words
    head = (words["state_new"], words["state_continuing"], words["severity"], words["kinds"], words["by"])
    rows = [
        (
            "" if count.new is None else str(count.new),
            str(count.problems - (count.new or 0)),
            words[count.severity],
            text.title,
            text.deadline,
        )
        for count, text in zip(of.topics[:_KINDS_SHOWN], topics, strict=False)
    ]
    lines = _columns([head, *rows], right=(0, 1), stretch=3)
    if len(topics) > _KINDS_SHOWN:
        lines.append("  " + words["more_kinds"].format(n=len(topics) - _KINDS_SHOWN))
    return "\n".join(lines)


def _table(places: Sequence[Place], texts: Texts) -> list[str]:
    """The problems of a topic, one a line; what is the same in all lines is said once."""
    words = texts.words
    mark = any(place.new for place in places)
    head = (words["where"], words["port"], words["what"], words["seen"], words["state"])
    rows = [
        (
            place.where,
            place.port,
            place.what,
            utc(place.last_seen),
            (words["new"] if place.new else words["continuing"]) if mark else "",
        )
        for place in places
    ]
    return _columns([head, *rows], right=(), stretch=2)


def _columns(rows: Sequence[Sequence[str]], *, right: Sequence[int], stretch: int) -> list[str]:
    """Rows in columns two blanks apart; the column ``stretch`` gives way first, then the first column."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    spare = WIDTH - 2 - sum(widths) - 2 * (len(widths) - 1)
    for index, least in ((stretch, 8), (0, 15)):
        if spare < 0:
            cut = min(-spare, max(0, widths[index] - least))
            widths[index] -= cut
            spare += cut
    return [
        "  "
        + "  ".join(
            _fit(cell, width).rjust(width) if index in right else _fit(cell, width).ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _feed(name: str, accuracy: float | None, texts: Texts) -> str:
    form = "accuracy_unknown" if accuracy is None else "accuracy"
    whole = texts.words[form].format(feed="{feed}", accuracy=f"{accuracy:g}" if accuracy is not None else "")
    return whole.replace("{feed}", _fit(name, WIDTH - 12 - len(whole) + len("{feed}")))


def _fit(text: str, width: int) -> str:
    """The text in at most ``width`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
