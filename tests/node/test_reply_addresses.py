"""Reply addresses: short enough for mail, made by this node alone, and the same in capitals."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.reply_addresses import references_in, references_marked, reply_addresses, reply_marks
from tocsin.node.tokens import Tokens

TOKENS = Tokens(b"secret of this node, 32 bytes...")
ADDRESS = "csirt@example.org"
MADE = reply_addresses(ADDRESS, TOKENS)("TOC-2026-0000001")


def test_an_address_is_read_back_whatever_its_case() -> None:
    assert re.fullmatch(r"csirt\+toc-2026-0000001\.[a-z2-7]{16}@example\.org", MADE)
    for written in (MADE, MADE.upper(), MADE.title()):
        assert references_in(["noc@isp.example", written], ADDRESS, TOKENS) == ("TOC-2026-0000001",)


def test_several_are_found_each_once() -> None:
    other = reply_addresses(ADDRESS, TOKENS)("TOC-2026-0000002")
    assert references_in([MADE, other, MADE], ADDRESS, TOKENS) == ("TOC-2026-0000001", "TOC-2026-0000002")


@pytest.mark.parametrize(
    "other",
    [
        MADE.replace("0000001", "0000002"),
        MADE.replace("example.org", "evil.example"),
        MADE.replace("csirt+", "soc+"),
        reply_addresses(ADDRESS, Tokens(b"secret of another node"))("TOC-2026-0000001"),
        "csirt+toc-2026-0000001@example.org",
        "csirt+@example.org",
        ADDRESS,
        f"csirt+{TOKENS.make('answer', 'TOC-2026-0000001')}@example.org",
        "",
    ],
)
def test_nobody_elses_address_counts(other: str) -> None:
    assert references_in([other], ADDRESS, TOKENS) == ()


@given(st.integers(0, len(MADE) - 1), st.characters(codec="ascii"))
def test_a_changed_address_names_no_digest(place: int, sign: str) -> None:
    changed = MADE[:place] + sign + MADE[place + 1 :]
    assert references_in([changed], ADDRESS, TOKENS) == (("TOC-2026-0000001",) if changed.lower() == MADE else ())


@given(st.text())
def test_any_text_is_no_address_of_ours(text: str) -> None:
    assert references_in([text], ADDRESS, TOKENS) == ()


def test_without_room_or_setting_there_is_none() -> None:
    assert reply_addresses("", TOKENS)("TOC-2026-0000001") == ""
    assert reply_addresses(f"{'c' * 40}@example.org", TOKENS)("TOC-2026-0000001") == ""
    assert len(MADE.partition("@")[0]) <= 64


def test_where_no_plus_is_taken_a_line_of_the_text_says_it() -> None:
    mark = reply_marks(TOKENS)("TOC-2026-0000001")
    guessed = reply_marks(Tokens(b"secret of another node"))("TOC-2026-0000002")

    assert reply_addresses(ADDRESS, TOKENS, subaddress=False)("TOC-2026-0000001") == ADDRESS
    assert MADE.partition("+")[2].startswith(mark.strip("[]"))
    quoted = f"fixed\n> {mark.upper()}\n>> {mark}\n> {guessed}\n> {mark[1:-1]}"
    assert references_marked([quoted, ""], TOKENS) == ("TOC-2026-0000001",)
    assert references_marked([guessed, mark[1:], mark.replace("1.", "2.")], TOKENS) == ()
