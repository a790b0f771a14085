"""What follows from what: the state after a sighting, who is asked next, and how fast hosts are."""

from datetime import timedelta

import pytest

from tocsin.incidents.takedowns.outside import verdict_on
from tocsin.incidents.takedowns.proposal import read_targets
from tocsin.incidents.takedowns.states import (
    ContentState,
    TakedownRole,
    TakedownState,
    figures_of,
    next_role,
    state_after,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("state", TakedownState)
@pytest.mark.parametrize("seen", ContentState)
@pytest.mark.parametrize("asked", [True, False])
def test_only_a_sighting_makes_it_gone_and_only_one_takes_that_back(
    state: TakedownState, seen: ContentState, asked: bool
) -> None:
    after = state_after(state, seen, asked=asked)
    if state is TakedownState.WITHDRAWN:
        assert after is state
    elif seen is ContentState.GONE:
        assert after is TakedownState.GONE
    elif state is TakedownState.GONE and seen is not ContentState.UNKNOWN:
        assert after is (TakedownState.ASKED if asked else TakedownState.PROPOSED)
    else:
        assert after is state


def test_the_next_is_the_first_that_was_not_asked() -> None:
    there = [TakedownRole.CSIRT, TakedownRole.HOST]
    assert next_role(there, []) is TakedownRole.HOST
    assert next_role(there, [TakedownRole.HOST]) is TakedownRole.CSIRT
    assert next_role(there, there) is None


def test_what_is_still_there_counts_as_longer_than_all_that_is_gone() -> None:
    fast = [("Fast", HOUR), ("Fast", 3 * HOUR), ("Fast", None)]
    even = [("Even", HOUR), ("Even", 2 * HOUR)]
    slow = [("Slow", HOUR), ("Slow", None)]
    found = {one.host: (one.asked, one.gone, one.still, one.median) for one in figures_of([*fast, *even, *slow])}
    assert found == {"Fast": (3, 2, 1, 3 * HOUR), "Even": (2, 2, 0, 1.5 * HOUR), "Slow": (2, 1, 1, None)}


def test_a_name_and_an_address_in_one_line_say_where_it_is() -> None:
    targets, unread = read_targets(
        "hxxps://login[.]example/pay 192.0.2.7\nlogin.example/pay2\n\nsome words\n198.51.100.1, 198.51.100.2\n"
        "https://login.example/pay\nhttp://203.0.113.9/kit"
    )
    assert [(one.value, one.address, one.registered) for one in targets] == [
        ("https://login.example/pay", "192.0.2.7", "login.example"),
        ("http://login.example/pay2", "", "login.example"),
        ("198.51.100.1", "198.51.100.1", ""),
        ("198.51.100.2", "198.51.100.2", ""),
        ("http://203.0.113.9/kit", "203.0.113.9", ""),
    ]
    assert unread == ["some words"]


def test_only_what_names_itself_gone_is_gone() -> None:
    seen = {status: verdict_on(status)[0].value for status in (200, 204, 301, 302, 403, 404, 410, 451, 500, 503)}
    assert seen == {
        200: "up", 204: "up", 301: "unknown", 302: "unknown", 403: "unknown", 404: "gone", 410: "gone", 451: "gone",
        500: "unknown", 503: "unknown",
    }  # fmt: skip
