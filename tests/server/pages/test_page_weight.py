"""What a first visit takes over the line, as a real browser counts it: for bad links and small machines."""

from collections.abc import Callable

import pytest

from support.browser import Page
from support.page_checks import Gallery
from tocsin.node.accounts import AccountRole

_PUBLIC = 150_000  # bytes of HTML, CSS, scripts and icon, as they are served
_INSIDE = 700_000  # the same, with maps


def weigh(page: Page, address: str) -> int:
    """How many bytes came for a page that nothing is kept of."""
    page.command("Network.clearBrowserCache")
    page.arrived.clear()
    page.open(address)
    # Whatever the page still fetches by itself, such as a map.
    page.command(
        "Runtime.evaluate",
        expression="new Promise(done => requestIdleCallback(() => setTimeout(done, 300)))",
        awaitPromise=True,
    )
    return sum(page.arrived)


@pytest.mark.parametrize(
    ("role", "most", "places"),
    [
        (
            AccountRole.NOBODY,
            _PUBLIC,
            ["/help", "/help/hurt", "/find", "/directory", "/statistics", "/report", "/sign-in"],
        ),
        (
            AccountRole.ANALYST,
            _INSIDE,
            ["/today", "/events", "/events/map", "/coverage", "/deliveries", "/teams", "/lookup"],
        ),
        (AccountRole.OPERATOR, _INSIDE, ["/portal", "/portal/contacts"]),
    ],
)
def test_a_first_visit_is_light(
    rooms: Gallery, record_property: Callable[[str, object], None], role: AccountRole, most: int, places: list[str]
) -> None:
    with rooms.eyes(role) as page:
        weights = {path: weigh(page, rooms.address + path) for path in places}
    record_property("bytes", weights)
    assert all(5_000 < weight <= most for weight in weights.values()), weights
