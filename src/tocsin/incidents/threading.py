"""Which mail is whose child, and which belong together: threads by the ids that mails name, and if wanted by subject.

By RFC 5256, REFERENCES, which is Zawinski's algorithm (jwz.org/doc/threading.html). Beyond it:

- In-Reply-To names the parent where it is one id and nothing else, even where References ends with another: ticket
  systems and the trackers of Debian write the oldest there, or ids that no mail has.
- A mail without references that another mail puts below a missing one is of the thread of that one, in whatever order
  they come: RT names a ticket so, in each mail about it.

Nobody is believed about another's mail where that mail says something itself. Mails that contradict each other or go
round in a circle are placed in the order in which they come, the later one gives way; none is lost.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from tocsin.delivery.mailbox import MailLimits, header_text, mail_date, message_ids, read_headers

Thread = TypeVar("Thread")

_ONE_ID = re.compile(r"\s*<[^<>\s]+>\s*")
_READ: Final = ("message-id", "references", "in-reply-to")
_READ_WITH_SUBJECTS: Final = (*_READ, "subject", "date")
HEADER_BYTES: Final = 1_000_000
"""So many bytes of the headers of a mail are read."""
_LIMITS: Final = MailLimits(header_bytes=HEADER_BYTES)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)

_TRAILER = re.compile(r"(?<!\s)\s*+\(fwd\)\s*+$", re.IGNORECASE)
_LEADER = re.compile(r"(?:\[[^\[\]]*+\]\s*+)*+(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?:\s*", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\]\s*(?=\S)")
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class MailLinks:
    """What a mail says of itself and of those before it.

    ``message_id``: empty where it has none. ``ancestors``: ids, the oldest first, its parent last. ``subject`` and
    ``date`` are only for threads by subject.
    """

    message_id: str
    ancestors: tuple[str, ...] = ()
    subject: str = ""
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class ThreadPlace:
    """Where a mail is: the position of its nearest ancestor that is there, if any, and the number of its thread."""

    parent: int | None
    thread: int


@dataclass(frozen=True, slots=True)
class KnownPlace(Generic[Thread]):
    """Where a new mail belongs: the id of its nearest known ancestor, and its thread; each None where there is none."""

    parent: str | None
    thread: Thread | None


def ancestors(references: Sequence[str], in_reply_to: str) -> tuple[str, ...]:
    """The ids of those before a mail, its parent last, from the ids in References and the value of In-Reply-To.

    Where In-Reply-To is one id and nothing else, that is the parent. Anything else in it counts only where References
    has no id; then its first id does (RFC 5256, 3).
    """
    named = message_ids(in_reply_to)
    if not references:
        return tuple(named[:1])
    if named and named[0] != references[-1] and _ONE_ID.fullmatch(in_reply_to):
        return (*(one for one in references if one != named[0]), named[0])
    return tuple(references)


def read_links(raw: bytes, *, subjects: bool = False) -> MailLinks:
    """The links of a mail from its headers; raises nothing for any bytes."""
    headers = read_headers(raw, _READ_WITH_SUBJECTS if subjects else _READ, _LIMITS)
    values = {name: of[0] for name, of in headers.items()}
    references = message_ids(" ".join(headers.get("references", ())))
    return MailLinks(
        message_id=next(iter(message_ids(values.get("message-id", ""))), ""),
        ancestors=ancestors(references[:1] + references[1:][-1_000:], values.get("in-reply-to", "")),
        subject=header_text(values.get("subject", "")),
        date=mail_date(values.get("date", "")) if subjects else None,
    )


def thread_mails(mails: Sequence[MailLinks], *, subjects: bool = False) -> list[ThreadPlace]:
    """The place of each mail, in the order given; threads are counted from 1 as they first appear.

    ``subjects``: threads whose first mails have one subject but for Re: and the like become one (RFC 5256, REFERENCES,
    step 5). That joins strangers who both write "Help", so the product never asks for it.
    """
    forest = _Forest()
    nodes = [forest.add(position, mail) for position, mail in enumerate(mails)]
    parents = [forest.parent_mail(node) for node in nodes]
    threads = [forest.top(node) for node in nodes]
    if subjects:
        _join_by_subject(mails, parents, threads)
    numbers: dict[int, int] = {}
    return [
        ThreadPlace(parent, numbers.setdefault(thread, len(numbers) + 1))
        for parent, thread in zip(parents, threads, strict=True)
    ]


def place_mail(mail: MailLinks, known: Mapping[str, Thread], mentioned: Mapping[str, Thread]) -> KnownPlace[Thread]:
    """Where one new mail belongs, in one look at each id that it names.

    ``known``: the thread of each mail that is here, by its id; ``mentioned``: that of each id that those mails name.
    Of its ancestors the nearest known one counts, else the nearest mentioned, so that the children of a missing mail
    are together; at last, whether others wait for this mail.
    """
    nearest = [*reversed(mail.ancestors)]
    parent = next((one for one in nearest if one in known and one != mail.message_id), None)
    if parent is not None:
        return KnownPlace(parent, known[parent])
    ids = (*nearest, mail.message_id)
    return KnownPlace(None, next((mentioned[one] for one in ids if one in mentioned), None))


@dataclass(slots=True)
class _Forest:
    """Mails, and ids that are only named, as trees: RFC 5256, REFERENCES, steps 1 and 3. A node is a position."""

    by_id: dict[str, int] = field(default_factory=dict)
    mail: list[int | None] = field(default_factory=list)  # position of the mail; None where the id is only named
    parent: list[int | None] = field(default_factory=list)
    children: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    claimed: dict[int, int] = field(default_factory=dict)  # mail without references → the parent that others gave it
    nearest: dict[int, int] = field(default_factory=dict)  # node → the first mail from it upwards, or its top
    tops: dict[int, int] = field(default_factory=dict)

    def add(self, position: int, mail: MailLinks) -> int:
        """Add a mail below the last of its ancestors; a second mail with the same id is one of its own."""
        above = None
        for one in mail.ancestors:
            node = self._named(one)
            if above is not None and self.parent[node] is None:
                self._link(above, node)
            above = node
        own = self._named(mail.message_id) if mail.message_id else self._new()
        if self.mail[own] is not None:
            own = self._new()
        self.mail[own] = position
        before = self.parent[own]
        if before is not None and before != above:
            self.parent[own] = None
            self.children[before].discard(own)
            if above is None:
                self.claimed[own] = before
        if above is not None and before != above:
            self._link(above, own)
        return own

    def parent_mail(self, node: int) -> int | None:
        """The position of the nearest mail above; only once all are added."""
        above = self.parent[node]
        return None if above is None else self.mail[self._nearest(above)]

    def top(self, node: int) -> int:
        """The node that stands for the thread; only once all are added."""
        path = []
        while node not in self.tops:
            above = self.parent[node]
            if above is None and (claimed := self.claimed.get(node)) is not None:
                above = claimed if self.mail[self._nearest(claimed)] is None else None
            if above is None:
                self.tops[node] = node
            else:
                path.append(node)
                node = above
        self.tops.update(dict.fromkeys(path, self.tops[node]))
        return self.tops[node]

    def _nearest(self, node: int) -> int:
        path = []
        while node not in self.nearest:
            above = self.parent[node]
            if above is None or self.mail[node] is not None:
                self.nearest[node] = node
            else:
                path.append(node)
                node = above
        self.nearest.update(dict.fromkeys(path, self.nearest[node]))
        return self.nearest[node]

    def _named(self, message_id: str) -> int:
        node = self.by_id.get(message_id)
        if node is None:
            node = self.by_id[message_id] = self._new()
        return node

    def _new(self) -> int:
        self.mail.append(None)
        self.parent.append(None)
        return len(self.mail) - 1

    def _link(self, parent: int, child: int) -> None:
        """Put a node that has no parent below another, unless that is below it."""
        if not self._is_below(parent, child):
            self.parent[child] = parent
            self.children[parent].add(child)

    def _is_below(self, node: int, top: int) -> bool:
        """Whether a node is ``top`` or below it: looked for from both at once, so that the shorter way decides."""
        above: int | None = node
        for below in self._all_below(top):
            if node == below or above == top:
                return True
            if above is None:
                return False
            above = self.parent[above]
        return False

    def _all_below(self, top: int) -> Iterator[int]:
        yield top
        waiting = [iter(self.children.get(top, ()))]
        while waiting:
            below = next(waiting[-1], None)
            if below is None:
                waiting.pop()
            else:
                yield below
                waiting.append(iter(self.children.get(below, ())))


@dataclass(slots=True)
class _SubjectThread:
    """A thread while subjects are compared. ``tops``: mails without a parent; several stand below a missing mail."""

    thread: int
    tops: list[int]
    reply: bool


def _join_by_subject(mails: Sequence[MailLinks], parents: list[int | None], threads: list[int]) -> None:
    """Joins threads of one subject in place: RFC 5256, REFERENCES, steps 4 and 5."""
    by_thread: dict[int, list[int]] = defaultdict(list)
    for position in sorted(range(len(mails)), key=lambda one: mails[one].date or _EARLIEST):
        if parents[position] is None:
            by_thread[threads[position]].append(position)
    by_subject: dict[str, list[_SubjectThread]] = defaultdict(list)
    for thread, tops in by_thread.items():
        subject, replies = base_subject(mails[tops[0]].subject)
        if subject:
            by_subject[subject.casefold()].append(_SubjectThread(thread, tops, reply=replies > 0))
    joined: dict[int, int] = {}
    for same in by_subject.values():
        # The one that the others join: a missing mail before one that is there, no reply before a reply.
        first = min(same, key=lambda one: (len(one.tops) == 1, len(one.tops) == 1 and one.reply))
        for other in same:
            joined[other.thread] = first.thread
            if other is first:
                continue
            if len(first.tops) == 1 and other.reply and not first.reply:
                parents[other.tops[0]] = first.tops[0]
            else:
                first.tops += other.tops
    threads[:] = [joined.get(thread, thread) for thread in threads]


def base_subject(subject: str) -> tuple[str, int]:
    """The subject without what replying and forwarding add, and how often that was there (RFC 5256, 2.1)."""
    subject = " ".join(subject.split())
    replies = 0
    while True:
        subject, trailers = _without(_TRAILER.search(subject), subject)
        subject, leaders = _without(_LEADER.match(subject), subject)
        replies += trailers + leaders
        if blob := _BLOB.match(subject):
            subject = subject[blob.end() :]
        elif forwarded := _FORWARDED.fullmatch(subject):
            subject = forwarded[1].strip()
            replies += 1
        elif not trailers + leaders:
            return subject.strip(), replies


def _without(found: re.Match[str] | None, subject: str) -> tuple[str, int]:
    if found is None:
        return subject, 0
    return subject[: found.start()] + subject[found.end() :], 1
