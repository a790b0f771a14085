"""Which mail is whose child: as tests of IMAP servers, Zawinski and notmuch say, and what holds for any mails."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents.mail_files import mails_in
from tocsin.incidents.threading import (
    MailLinks,
    ThreadPlace,
    ancestors,
    base_subject,
    place_mail,
    read_links,
    thread_mails,
)


def _parents(mails: Sequence[MailLinks], places: Iterable[ThreadPlace]) -> dict[str, str | None]:
    """Message id → that of the parent."""
    return {
        mail.message_id: None if place.parent is None else mails[place.parent].message_id
        for mail, place in zip(mails, places, strict=True)
    }


def _groups(mails: Sequence[MailLinks], places: Iterable[ThreadPlace]) -> set[frozenset[str]]:
    """The threads as sets of message ids."""
    groups: dict[int, set[str]] = {}
    for mail, place in zip(mails, places, strict=True):
        groups.setdefault(place.thread, set()).add(mail.message_id)
    return {frozenset(group) for group in groups.values()}


def _outline(mails: Sequence[MailLinks], places: Sequence[ThreadPlace]) -> list[str]:
    """Subjects, three spaces a level; where a thread has several first mails, they stand below *dummy*."""
    lines: list[str] = []

    def add(position: int, depth: int) -> None:
        lines.append("   " * depth + mails[position].subject)
        for child, place in enumerate(places):
            if place.parent == position:
                add(child, depth + 1)

    for thread in sorted({place.thread for place in places}):
        first = [at for at, place in enumerate(places) if place.thread == thread and place.parent is None]
        lines += ["dummy"] if len(first) > 1 else []
        for position in first:
            add(position, len(first) > 1)
    return lines


def test_zawinskis_mails_are_placed_as_the_reference_does_and_his_loops_are_not_lost(shared_data: Path) -> None:
    said = json.loads((shared_data / "incidents/threads/jwz/jwz-references.json").read_text(encoding="utf-8"))
    mails = [
        MailLinks(one["message_id"], tuple(one["references"]), one["subject"], parsedate_to_datetime(one["date"]))
        for one in said["messages"]
    ]
    lines = _outline(mails, thread_mails(mails, subjects=True))
    in_loops = {"Loop1", "Loop2", "Loop3", "Loop7", "Loop8", "Loop10"}
    assert [line for line in lines if line.strip() not in in_loops] == said[
        "expected_tree_three_spaces_a_level"
    ].splitlines()
    assert len([line for line in lines if line.strip() in in_loops]) == 7  # two are called Loop8
    assert len([line for line in lines if line != "dummy"]) == len(mails)


def _imap_tree(text: str) -> dict[int, tuple[int | None, int]]:
    """Number of a mail → its parent and its thread, from what a THREAD command answers (RFC 5256, 4)."""
    tree: dict[int, tuple[int | None, int]] = {}
    above: list[int | None] = []
    parent, thread = None, 0
    for token in re.findall(r"[()]|\d+", text):
        if token == "(":
            thread += not above
            above.append(parent)
        elif token == ")":
            parent = above.pop()
        else:
            tree[int(token)] = parent, thread
            parent = int(token)
    return tree


def _same_tree(one: Mapping[int, tuple[int | None, int]], two: Mapping[int, tuple[int | None, int]]) -> bool:
    """Whether parents are equal and threads are, whatever their numbers."""
    if one.keys() != two.keys() or any(one[mail][0] != two[mail][0] for mail in one):
        return False
    threads = {(one[mail][1], two[mail][1]) for mail in one}
    return len(threads) == len({ours for ours, _ in threads}) == len({theirs for _, theirs in threads})


@pytest.mark.parametrize("name", ["thread", "thread7", "thread8"])
def test_threads_are_those_of_imap_servers_also_after_mails_were_deleted(shared_data: Path, name: str) -> None:
    mbox = shared_data / "incidents/threads/imap" / f"{name}.mbox"
    script = mbox.with_suffix("").read_text(encoding="utf-8")
    waiting = [read_links(mail.raw, subjects=True) for mail in mails_in(mbox)]
    here: list[MailLinks] = []
    if "messages: all" in script:
        here, waiting = waiting, []
    for line in script.splitlines():
        if line == "ok append":
            here.append(waiting.pop(0))
        elif deleted := re.match(r"ok store (\d+) \+flags \\deleted", line):
            here.pop(int(deleted[1]) - 1)
        elif answer := re.match(r"\* thread (.+)", line):
            ours = {
                at + 1: (None if place.parent is None else place.parent + 1, place.thread)
                for at, place in enumerate(thread_mails(here, subjects=True))
            }
            assert _same_tree(ours, _imap_tree(answer[1])), line
    assert len(here) >= 2


def test_subjects_are_compared_as_imap_servers_do(shared_data: Path) -> None:
    folder = shared_data / "incidents/threads"
    script = (folder / "imap/thread-orderedsubject").read_text(encoding="utf-8")
    expected: dict[int, set[int]] = {}
    for mail, (_, thread) in _imap_tree(script.rsplit("* THREAD", 1)[1]).items():
        expected.setdefault(thread, set()).add(mail)
    ours: dict[str, set[int]] = {}
    for number, filed in enumerate(mails_in(folder / "imap/thread-orderedsubject.mbox"), 1):
        ours.setdefault(base_subject(read_links(filed.raw, subjects=True).subject)[0].casefold(), set()).add(number)
    assert sorted(map(sorted, ours.values())) == sorted(map(sorted, expected.values()))
    for case in json.loads((folder / "jwz/base-subjects.json").read_text(encoding="utf-8"))["cases"]:
        assert base_subject(case["subject"]) == (case["base"], case["replies"])


def _tree(mails: Sequence[MailLinks], places: Sequence[ThreadPlace], parent: int | None = None) -> dict[str, object]:
    return {
        mails[at].message_id.strip("<>"): _tree(mails, places, at)
        for at, place in enumerate(places)
        if place.parent == parent
    }


def test_in_reply_to_against_references_as_in_notmuch(shared_data: Path) -> None:
    names = {"id": "Message-ID", "in_reply_to": "In-Reply-To", "references": "References", "subject": "Subject"}
    cases = json.loads((shared_data / "incidents/threads/notmuch/expected.json").read_text(encoding="utf-8"))["cases"]
    for case in (one for one in cases if "messages" in one):
        mails = [
            read_links(
                "".join(f"{names[key]}: {value}\n" for key, value in (one | {"id": f"<{one['id']}>"}).items()).encode()
            )
            for one in case["messages"]
        ]
        assert _tree(mails, thread_mails(mails)) == case["tree"], case["id"]


def test_a_missing_mail_and_the_ids_that_rt_invents(shared_data: Path) -> None:
    found = list(mails_in(shared_data / "incidents/threads/notmuch/ghost-root"))
    for files in (found, found[::-1]):
        mails = [read_links(one.raw) for one in files]
        places = thread_mails(mails)
        names = [one.file.name for one in files]
        parents = {
            name: one.parent if one.parent is None else names[one.parent]
            for name, one in zip(names, places, strict=True)
        }
        assert parents["real-root"] is None
        assert parents["child"] == "real-root"
        assert parents["fake-root"] == parents["grand-child"] == parents["grand-child2"] == "child"
        assert parents["great-grand-child"] == "grand-child"
        # RT names a ticket that no mail is; its second letter names that alone.
        assert sorted(map(len, _groups(mails, places))) == [3, 6]


@pytest.mark.parametrize(
    ("references", "in_reply_to", "expected"),
    [
        ("<a@x> <b@x>", "", "<a@x> <b@x>"),
        ("", "<b@x>", "<b@x>"),
        ("", "Ana's mail of Monday <b@x> and <c@x>", "<b@x>"),
        ("<new@x> <old@x>", "<new@x>", "<old@x> <new@x>"),  # the tracker of Debian: the oldest last
        ("<root@x>", "<b@x>", "<root@x> <b@x>"),
        ("<a@x> <b@x>", "<c@x> (of Monday)", "<a@x> <b@x>"),
        ("<a@x> <b@x>", "<a@x> <c@x>", "<a@x> <b@x>"),
        ("<a@x> junk <b@x> (junk)", "junk", "<a@x> <b@x>"),
        ('<"a"@x> <"b\\c"@x>', "", "<a@x> <bc@x>"),
        ("<a\n @x>\n <b@x>", "", "<a@x> <b@x>"),
        ("", "b@x", "<b@x>"),
        ("junk", "junk", ""),
    ],
)
def test_the_parent_is_the_last_of_the_ancestors(references: str, in_reply_to: str, expected: str) -> None:
    raw = f"References: {references}\nIn-Reply-To: {in_reply_to}\n\n".encode()
    assert " ".join(read_links(raw).ancestors) == expected


def test_of_ten_thousand_references_the_first_and_the_last_count() -> None:
    ids = [f"<{number}@{'x' * 40}.example>" for number in range(10_000)]
    mail = read_links(f"References: {chr(10).join(f' {one}' for one in ids)}\nMessage-ID: <own@x>\n\n".encode())
    assert mail.message_id == "<own@x>"
    assert mail.ancestors[0] == ids[0]
    assert mail.ancestors[-100:] == tuple(ids[-100:])


def test_mails_without_an_id_and_of_the_same_id_are_each_there() -> None:
    mails = [
        MailLinks("<a>"), MailLinks("", ("<a>",)), MailLinks("", ("<a>",)), MailLinks("<b>", ("<a>",)),
        MailLinks("<b>", ("<a>",)), MailLinks("<c>", ("<b>",)), MailLinks(""), MailLinks(""),
    ]  # fmt: skip
    places = thread_mails(mails)
    assert [place.parent for place in places] == [None, 0, 0, 0, 0, 3, None, None]
    assert [place.thread for place in places] == [1, 1, 1, 1, 1, 1, 2, 3]


def test_strangers_who_write_the_same_subject_are_together_only_when_asked() -> None:
    mails = [MailLinks("<a>", (), "Help"), MailLinks("<b>", (), "RE: help"), MailLinks("<c>", (), "help (fwd)")]
    assert [place.thread for place in thread_mails(mails)] == [1, 2, 3]
    assert thread_mails(mails, subjects=True) == [ThreadPlace(None, 1), ThreadPlace(0, 1), ThreadPlace(0, 1)]


_IDS = st.sampled_from([f"<{letter}>" for letter in "abcdefgh"])
_MAILS = st.lists(
    st.builds(
        MailLinks, _IDS | st.just(""), st.lists(_IDS, max_size=6).map(tuple), st.sampled_from(["", "x", "Re: x"])
    ),
    max_size=12,
)


@given(_MAILS, st.booleans())
def test_whatever_mails_say_each_is_there_once_and_below_itself_never(mails: list[MailLinks], subjects: bool) -> None:
    places = thread_mails(mails, subjects=subjects)
    assert len(places) == len(mails)
    for at, place in enumerate(places):
        seen = {at}
        above = place.parent
        while above is not None:
            assert above not in seen
            assert places[above].thread == place.thread
            seen.add(above)
            above = places[above].parent


@st.composite
def _conversations(draw: st.DrawFn) -> tuple[list[MailLinks], dict[str, str | None]]:
    """Mails that tell the truth, some of them missing and references cut from the front; and whose child each is."""
    count = draw(st.integers(1, 14))
    above = [draw(st.none() | st.integers(0, at - 1)) if at else None for at in range(count)]
    here = [draw(st.integers(0, 3)) > 0 for _ in range(count)]
    mails, parents = [], {}
    for at in range(count):
        chain: list[int] = []
        while (parent := above[chain[0] if chain else at]) is not None:
            chain.insert(0, parent)
        kept = chain[-draw(st.integers(1, 5)) :]
        if here[at]:
            mails.append(MailLinks(f"<{at}>", tuple(f"<{one}>" for one in kept)))
            parents[f"<{at}>"] = next((f"<{one}>" for one in reversed(chain) if here[one]), None)
    return mails, parents


@given(_conversations(), st.randoms(use_true_random=False))
def test_the_order_in_which_truthful_mails_come_does_not_matter(
    said: tuple[list[MailLinks], dict[str, str | None]], chance: Random
) -> None:
    mails, parents = said
    places = thread_mails(mails)
    others = mails[:]
    chance.shuffle(others)
    shuffled = thread_mails(others)
    assert _parents(others, shuffled) == _parents(mails, places)
    assert _groups(others, shuffled) == _groups(mails, places)
    for child, parent in _parents(mails, places).items():
        assert parent in {parents[child], None}  # none where the references that would tell were cut away


@given(_conversations())
def test_one_new_mail_is_placed_as_it_is_among_all(said: tuple[list[MailLinks], dict[str, str | None]]) -> None:
    mails, _ = said
    places = thread_mails(mails)
    for at, mail in enumerate(mails):
        others = [(one, place.thread) for one, place in zip(mails, places, strict=True) if one is not mail]
        known = {one.message_id: thread for one, thread in others}
        mentioned = {name: thread for one, thread in others for name in one.ancestors}
        found = place_mail(mail, known, mentioned)
        parent = places[at].parent
        assert found.thread in {places[at].thread, None}
        if parent is not None and mails[parent].message_id in mail.ancestors:
            assert (found.parent, found.thread) == (mails[parent].message_id, places[at].thread)


def test_a_mail_comes_to_the_children_that_waited_for_it() -> None:
    found = place_mail(MailLinks("<late>"), {"<child>": "T1"}, {"<late>": "T1"})
    assert (found.parent, found.thread) == (None, "T1")
    assert place_mail(MailLinks("<x>", ("<x>",)), {"<x>": "T1"}, {}).parent is None
    assert place_mail(MailLinks("<x>", ("<y>",)), {}, {}).thread is None


MBOX = (
    b"From a@x  Fri Nov 27 10:00:00 2026\nMessage-ID: <a@x>\nSubject: x\n\nFrom here on all is well.\n\n"
    b"From b@x  Fri Nov 27 11:00:00 2026\nMessage-ID: <b@x>\nReferences: <gone@x>\n\nb\n\n"
    b"From c@x  Fri Nov 27 12:00:00 2026\nReferences: <gone@x>\n\nc\n"
)


def _rows(tocsin: Tocsin, path: Path) -> list[tuple[str, int, object, object, int]]:
    said = tocsin.json("incidents", "thread", path)
    return [(Path(one["file"]).name, one["index"], one["message_id"], one["parent"], one["thread"]) for one in said]


def test_the_command_reads_mboxes_maildirs_and_folders_and_stores_nothing(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    mbox = tmp_path / "all.mbox"
    mbox.write_bytes(MBOX)
    assert _rows(tocsin, mbox) == [
        ("all.mbox", 0, "<a@x>", None, 1),
        ("all.mbox", 1, "<b@x>", None, 2),
        ("all.mbox", 2, f"{mbox}#2", None, 2),
    ]
    maildir = tmp_path / "maildir"
    for name, raw in {
        "cur/1:2,S": b"Message-ID: <a@x>\n\nFrom: in a text\n",
        "new/2": b"Message-ID: <b@x>\nIn-Reply-To: <a@x>\n\n",
        "new/3": b"no mail at all",
        "tmp/3": b"Message-ID: <c@x>\n\n",
        "index": b"Message-ID: <d@x>\n\n",
    }.items():
        (maildir / name).parent.mkdir(parents=True, exist_ok=True)
        (maildir / name).write_bytes(raw)
    assert _rows(tocsin, maildir) == [
        ("1:2,S", 0, "<a@x>", None, 1),
        ("2", 0, "<b@x>", "<a@x>", 1),
        ("3", 0, f"{maildir / 'new/3'}#0", None, 2),
    ]
    assert _rows(tocsin, tmp_path)[0][0] == "all.mbox"
    assert "3 mails in 2 threads" in tocsin.run("incidents", "thread", maildir)
    assert not tocsin.home.exists()


def test_the_command_says_what_it_cannot_use(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "mails").mkdir()
    assert _rows(tocsin, tmp_path / "mails") == []
    (tmp_path / "mails" / "list.json").write_text('{"from": "x"}')
    assert "has no mail" in tocsin.call("incidents", "thread", tmp_path / "mails", "--json")[2]
    tocsin.run("incidents", "thread", tmp_path / "mails", "--json", code=1)
    (tmp_path / "mails" / "one.eml").write_bytes(b"Subject: one\n\n")
    code, out, err = tocsin.call("incidents", "thread", tmp_path / "mails", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    assert "list.json is not a mail" in err
    tocsin.run("incidents", "thread", tmp_path / "not-there", "--json", code=2)


@given(st.binary(max_size=300))
def test_any_bytes_have_links(raw: bytes) -> None:
    assert isinstance(read_links(raw, subjects=True), MailLinks)


def test_ancestors_are_those_of_a_mail_that_was_read_whole() -> None:
    assert ancestors(["<a@x>"], "<b@x>") == ("<a@x>", "<b@x>")
