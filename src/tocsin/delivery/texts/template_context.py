"""What the templates of a language are given."""

from collections.abc import Sequence
from dataclasses import dataclass, field


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
    """A digest, all in words and numbers. ``pap``: empty where no source said any."""

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
    repeats: str = ""
    notes: str = ""
    part: int = 1
    parts: int = 1
    overview: str = field(default="")
