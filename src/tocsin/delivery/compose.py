"""The text of a digest: subject and body, 76 columns wide, from its survey and the texts of a language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.delivery.survey import PLACES_SHOWN, Place, Silence, Survey, TopicCount, utc
from tocsin.delivery.texts import WIDTH, Texts
from tocsin.release import Marking

_KINDS_SHOWN = 8
_NAME_SHOWN = 48
_WHERE_WIDTH = 20
_LABEL = 12
_OTHERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TopicText:
    """One topic as the template shows it. ``others``: that others answer for it, or empty; then without deadline."""

    title: str
    heading: str
    about: str
    steps: str
    deadline: str
    others: str
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
    informed: bool
    again: int
    link: str
    reply: bool
    silence: str = ""
    part: int = 1
    parts: int = 1
    overview: str = field(default="")


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
        informed=of.informed,
        again=of.again,
        link=frame.link,
        reply=frame.reply,
        silence=_silence(of.silence, texts),
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
        others=_others(count, texts),
        table="\n".join(_table(count, texts)),
        more=count.problems - min(count.problems, PLACES_SHOWN),
    )


def _deadline(count: TopicCount, at: datetime) -> str:
    """The day by which we ask for a fix; nothing is asked of a team that only wants to know."""
    if count.others is not None:
        return "-"
    return (at + timedelta(days=count.days)).strftime("%Y-%m-%d")


def _silence(of: Silence | None, texts: Texts) -> str:
    """Why problems of others come to this team; indented for its label."""
    from textwrap import fill

    if of is None:
        return ""
    names = [_fit(name, _NAME_SHOWN) for name in of.names[:_OTHERS_SHOWN]]
    form = "silence" if len(of.names) <= _OTHERS_SHOWN else "silence_more"
    more = len(of.names) - len(names)
    words = texts.words[form].format(problems=of.problems, names=", ".join(names), n=more, since=utc(of.since)[:10])
    return fill(words, WIDTH, initial_indent=" " * _LABEL, subsequent_indent=" " * _LABEL).strip()


def _others(count: TopicCount, texts: Texts) -> str:
    """That others answer for it; empty where the team itself does."""
    from textwrap import fill

    if count.others is None:
        return ""
    if not count.others:
        return fill(texts.words["informed_nobody"], WIDTH)
    names = [_fit(name, _NAME_SHOWN) for name in count.others[:_OTHERS_SHOWN]]
    form = "informed" if len(count.others) <= _OTHERS_SHOWN else "informed_more"
    return fill(texts.words[form].format(names=", ".join(names), n=len(count.others) - len(names)), WIDTH)


def _overview(of: Survey, topics: Sequence[TopicText], texts: Texts) -> str:
    """A table of the kinds of problems, worst first."""
    words, known = texts.words, of.new is not None
    numbers = ("state_new", "state_continuing") if known else ("state_unknown",)
    head = [*(words[name] for name in numbers), words["severity"], words["kinds"], words["by"]]
    rows = [
        [
            *([str(count.new), str(count.problems - (count.new or 0))] if known else [str(count.problems)]),
            words[count.severity],
            text.title,
            text.deadline,
        ]
        for count, text in zip(of.topics[:_KINDS_SHOWN], topics, strict=False)
    ]
    lines = _columns([head, *rows], right=range(len(numbers)), stretch=len(numbers) + 1)
    if len(topics) > _KINDS_SHOWN:
        lines.append("  " + words["more_kinds"].format(n=len(topics) - _KINDS_SHOWN))
    return "\n".join(lines)


def _table(count: TopicCount, texts: Texts) -> list[str]:
    """The problems of a topic, one a line; what is the same in all lines is said once, or in the heading."""
    words, places = texts.words, count.places
    states = {place.new for place in places}
    kinds = {place.what for place in places}
    shown = [True, any(place.port for place in places), len(kinds) > 1, True, len(states) > 1]
    head = (words["where"], words["port"], words["what"], words["seen"], words["state"])
    rows = [
        (place.where, place.port, place.what, place.last_seen, words["new"] if place.new else words["continuing"])
        for place in places
    ]
    cells = [[cell for cell, show in zip(row, shown, strict=True) if show] for row in (head, *rows)]
    lines = _columns(cells, right=(), stretch=shown[:2].count(True) if len(kinds) > 1 else 0)
    below = ["", *("".join(_below(place, count, words)) for place in places)]
    lines = [line + more for line, more in zip(lines, below, strict=True)]
    return [f"  {words['what']}: {_fit(kinds.pop(), WIDTH - 8)}", *lines] if len(kinds) == 1 else lines


def _below(place: Place, count: TopicCount, words: Mapping[str, str]) -> Iterator[str]:
    """Lines under that of a problem: its URL, and what the team said of it before it was seen again."""
    if count.topic.urls and place.url:
        yield f"\n    {_fit(_harmless(place.url), WIDTH - 4)}"
    if place.said:
        verdict, day = place.said
        yield "\n    " + words[f"said_{verdict}"].format(said=day, seen=place.last_seen[:10])


def _harmless(url: str) -> str:
    """``hxxp://login.example[.]org/…``: nobody opens it by mistake, and no filter holds the mail for it."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme.replace("http", "hxxp").replace("ftp", "fxp") + colon + host.replace(".", "[.]") + slash + path


def _columns(rows: Sequence[Sequence[str]], *, right: Sequence[int], stretch: int) -> list[str]:
    """Rows in columns two blanks apart; the column ``stretch`` gives way.

    A first cell that is wider than an IPv4 address and a bit has a line of its own: an address is never cut.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    widths[0] = max(len(row[0]) for row in rows if len(row[0]) <= _WHERE_WIDTH)
    if stretch:
        widths[stretch] -= max(0, sum(widths) + 2 * len(widths) - WIDTH)
    form = "  " + "  ".join(f"{{:{'>' if index in right else '<'}{width}}}" for index, width in enumerate(widths))
    return [_line(row, form, widths[0], stretch, widths[stretch]) for row in rows]


def _line(row: Sequence[str], form: str, first: int, stretch: int, width: int) -> str:
    cells = list(row)
    if stretch:
        cells[stretch] = _fit(cells[stretch], width)
    if len(cells[0]) <= first:
        return form.format(*cells).rstrip()
    return f"  {_fit(cells[0], WIDTH - 2)}\n{form.format('', *cells[1:])}".rstrip()


def _feed(name: str, accuracy: float | None, texts: Texts) -> str:
    form = "accuracy_unknown" if accuracy is None else "accuracy"
    whole = texts.words[form].format(feed="{feed}", accuracy=f"{accuracy:g}" if accuracy is not None else "")
    return whole.replace("{feed}", _fit(name, WIDTH - 12 - len(whole) + len("{feed}")))


def _fit(text: str, width: int) -> str:
    """The text in at most ``width`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
