"""Places that differ, in brackets: the words around them stay as they were spaced."""

import pytest

from tocsin.drafting.agreement import Alternatives, alternatives, in_brackets, places
from tocsin.drafting.draft import begun
from tocsin.drafting.layouts import compilation
from tocsin.drafting.plaintext import read_compilation


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
    assert in_brackets(base, Alternatives(places(base, {"e1": written}))) == shown


def test_words_that_replace_a_provision_stand_beside_it_and_leave_the_places_of_others_alone() -> None:
    source = (
        "1.\tPillars\na) Share all warnings with everybody within an hour.\n\n"
        "· Aland, Government: Share all warnings with everybody within a day.\n\n"
        "· Beland, Government: Nobody needs to be told.\n\n"
        "· Celand, Government: Share most warnings with everybody within an hour.\n"
    )
    draft = begun(read_compilation(source.encode()))
    found = alternatives(draft, "P.a")
    assert [(place.base.strip(), [o.text.strip() for o in place.options]) for place in found.places] == [
        ("all", ["most"]),
        ("an hour", ["a day"]),
    ]
    assert found.whole is not None
    assert [(o.text, o.entries) for o in found.whole.options] == [("Nobody needs to be told.", ("e2",))]
    assert in_brackets(draft.provisions["P.a"].base, found) == (
        "[Share [all] [most] warnings with everybody within [an hour] [a day].] [Nobody needs to be told.]"
    )
    assert alternatives(draft, "P.a", ["e1"]).whole is None


def test_an_entry_that_goes_back_to_an_earlier_provision_is_printed_with_all_that_follow() -> None:
    source = (
        "1.\tPillars\na) Share warnings early with everybody.\n\nb) Keep logs for a whole year.\n\n"
        "· Aland, Government: b) Keep logs for a month.\na) Share warnings late with everybody.\n\n"
        "· Beland, Government: b) Keep no logs.\n"
    )
    draft = begun(read_compilation(source.encode()))
    assert [item.provision for item in draft.entries["e1"].items] == ["P.b", "P.a"]

    printed = compilation(draft)
    assert "· Aland, Government: b) Keep logs for a month.\na) Share warnings late with everybody." in printed
    assert "· Beland, Government: Keep no logs." in printed
