"""A made-up mail, to see what the texts of a language look like: documentation addresses, nobody's team."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from tocsin.delivery.compose import Frame, body_of, compose, subject_of
from tocsin.delivery.digest_summary import (
    AdviceTopic,
    DigestSummary,
    GoneProblem,
    ProblemLine,
    Silence,
    TopicCount,
    topics,
)
from tocsin.delivery.texts import Texts
from tocsin.node.errors import NotFoundError
from tocsin.sharing.gate import Marking, Pap, Tlp

_AT: Final = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
_SEEN: Final = "2026-11-23 22:00"
_REFERENCE: Final = "TOC-2026-0000123"


def example_mail(topic: str, texts: Texts) -> tuple[str, str]:
    """Subject and body of a mail with most that a mail can have, first of all this topic.

    Raises:
        NotFoundError: there is no such topic.

    """
    known = topics()
    if topic not in known:
        raise NotFoundError(f"There is no topic '{topic}'.", hint=f"There are: {', '.join(known)}.")
    beside = next(name for name in ("remote-access", "infected-system") if name != topic)
    frame = Frame(
        _REFERENCE,
        Marking(Tlp.AMBER, Pap.GREEN),
        "Example Operator",
        "CSIRT Example",
        "csirt@csirt.example",
        _AT,
        f"https://csirt.example/a/{_REFERENCE}.token",
        reply=True,
    )
    text = replace(compose(_survey(known[topic], known[beside]), frame, texts), files=[f"{_REFERENCE}.csv"])
    return subject_of(text, texts), body_of(text, texts)


def _survey(topic: AdviceTopic, beside: AdviceTopic) -> DigestSummary:
    places = [
        ProblemLine("192.0.2.7", "443/tcp", topic.name, "http://www.example.org/page", _SEEN, new=True),
        ProblemLine("192.0.2.8", "443/tcp", topic.name, "", _SEEN, new=False, said=("fixed", "2026-11-20")),
        ProblemLine("2001:db8:1200::8", "443/tcp", topic.name, "", _SEEN, new=False),
    ]
    informed = [ProblemLine("198.51.100.20", "3389/tcp", beside.name, "", _SEEN, new=True)]
    return DigestSummary(
        events=9,
        topics=[
            TopicCount(topic, "high", len(places), 1, again=1, places=places),
            TopicCount(beside, "medium", 1, 1, others=("Example Bank",), places=informed),
        ],
        networks=[(64500, "Example Operator")],
        feeds=[("Example Feeds, Sinkhole", 90.0), ("Example Scanner", None)],
        first_seen=_AT - timedelta(days=4),
        last_seen=_AT - timedelta(hours=8),
        gone=[GoneProblem("192.0.2.9", topic.name)],
        silence=Silence(1, ("Example Customer",), _AT - timedelta(days=40)),
    )
