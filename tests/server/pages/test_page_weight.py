"""What a first visit takes over the line, as a real browser counts it: for bad links and small machines."""

from collections.abc import Callable

import pytest

from support.page_checks import MOST_BYTES, MOST_SHIFT, Gallery, shift, weigh
from tocsin.node.accounts import AccountRole


@pytest.mark.parametrize(
    ("role", "places"),
    [
        (
            AccountRole.NOBODY,
            ["/help", "/help/hurt", "/find", "/directory", "/statistics", "/report", "/sign-in"],
        ),
        (
            AccountRole.ANALYST,
            ["/today", "/events", "/events/map", "/coverage", "/deliveries", "/teams", "/lookup"],
        ),
        (AccountRole.OPERATOR, ["/portal", "/portal/contacts"]),
    ],
)
def test_a_first_visit_is_light_and_nothing_moves(
    rooms: Gallery, record_property: Callable[[str, object], None], role: AccountRole, places: list[str]
) -> None:
    weights, moved = {}, {}
    with rooms.eyes(role) as page:
        for path in places:
            weights[path] = weigh(page, rooms.address + path)
            moved[path] = shift(page)
    record_property("bytes", weights)
    record_property("layout shift", moved)
    assert all(5_000 < weight <= MOST_BYTES[role is not AccountRole.NOBODY] for weight in weights.values()), weights
    assert max(moved.values()) <= MOST_SHIFT, moved


def test_what_moves_is_measured(rooms: Gallery) -> None:
    with rooms.eyes(AccountRole.NOBODY) as page:
        page.open(f"{rooms.address}/help")
        before = shift(page)
        page.read("document.querySelector('main').style.marginBlockStart = '400px'")
        assert shift(page) > before


def test_counting_the_selected_moves_no_button(rooms: Gallery) -> None:
    path = next(
        one.path for one in rooms.pages if one.path.startswith("/incidents/") and one.path.endswith("/takedowns")
    )
    with rooms.eyes(AccountRole.ANALYST) as page:
        page.command("Network.enable")
        late = {"latency": 300, "downloadThroughput": -1, "uploadThroughput": -1}  # scripts come behind the first look
        page.command("Network.emulateNetworkConditions", offline=False, **late)
        page.open(rooms.address + path)
        assert page.read("document.querySelector('[data-selected]').textContent") == "0 selected"
        assert shift(page) < MOST_SHIFT / 2
