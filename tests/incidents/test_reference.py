"""References of incidents: drawn, read as people type them, and known where a letter is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incidents import new_reference, read_reference, references_in_text
from tocsin.incidents.reference import LETTERS
from tocsin.node.errors import UsageError


def test_a_reference_is_read_as_people_type_it() -> None:
    reference = new_reference()
    bare = reference.removeprefix("INC-").replace("-", "").lower()
    assert read_reference(f" inc {bare}") == read_reference(bare) == read_reference(reference) == reference


@given(st.integers(0, 7), st.integers(1, 31))
def test_every_wrong_letter_is_found(place: int, by: int) -> None:
    letters = list(new_reference().removeprefix("INC-").replace("-", ""))
    letters[place] = LETTERS[(LETTERS.index(letters[place]) + by) % 32]
    with pytest.raises(UsageError):
        read_reference("".join(letters))


@given(st.integers(0, 6))
def test_two_neighbours_that_changed_places_are_found(place: int) -> None:
    letters = list(new_reference().removeprefix("INC-").replace("-", ""))
    one, other = letters[place : place + 2]
    letters[place : place + 2] = other, one
    if {one, other} != {"0", "Z"} and one != other:  # the one pair that Luhn does not tell apart
        with pytest.raises(UsageError):
            read_reference("".join(letters))


def test_references_in_a_text_are_found_and_mistyped_ones_are_not() -> None:
    one, other = new_reference(), new_reference()
    last = LETTERS[(LETTERS.index(other[-1]) + 1) % 32]
    assert references_in_text(f"Re: [{one.lower()}] and {other[:-1]}{last}; again {one}") == [one]
