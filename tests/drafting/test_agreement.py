"""Places that differ, in brackets: the words around them stay as they were spaced."""

import pytest

from tocsin.drafting.agreement import in_brackets, places


@pytest.mark.parametrize(
    ("base", "written", "shown"),
    [
        ("the right of  access to it", "the right of access to it", "the right of  access to it"),
        ("promote [legal] legal frameworks", "promote [legal]frameworks", "promote [legal] [legal] frameworks"),
        ("share with them all", "share  among all", "share [with them] [among] all"),
        ("share all", "share nearly all", "share [nearly] all"),
        ("share all", "", "[share all]"),
    ],
)
def test_words_in_brackets_keep_their_distance(base: str, written: str, shown: str) -> None:
    assert in_brackets(base, places(base, {"e1": written})) == shown
