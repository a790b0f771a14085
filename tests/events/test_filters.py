"""Conditions stand in an address and come back from it; what cannot be read names its field."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.conditions import FilterError
from tocsin.events.filters import SEVERITIES, SPANS, EventFilter

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
lower = words.map(str.lower).filter(lambda text: text == text.lower())
times = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
given_filters = st.builds(
    EventFilter,
    since=st.none() | times,
    address=st.sampled_from(["", "192.0.2.0/24", "2001:db8::/32", "192.0.2.7/32"]),
    asn=st.none() | st.integers(1, 2**32 - 1),
    country=st.sampled_from(["", "MU", "SC"]),
    taxonomy=st.just("") | lower,
    type=st.just("") | lower,
    identifier=st.just("") | lower,
    severity=st.sampled_from(["", *SEVERITIES]),
    feed=st.just("") | words,
    team=st.just("") | lower,
    problem=st.just("") | st.integers(0, 2**64 - 1).map(lambda key: f"{key:016x}"),
    text=st.just("") | words,
) | st.builds(EventFilter, last=st.sampled_from(["", *SPANS]))


@given(given_filters)
def test_what_is_written_into_an_address_is_read_back(wanted: EventFilter) -> None:
    assert EventFilter.read(wanted.query()) == wanted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("since", "yesterday"), ("until", "2026-13-01"), ("last", "9d"), ("address", "192.0.2.0/33"),
        ("asn", "4294967296"), ("asn", "AS-1"), ("country", "Mauritius"), ("severity", "worst"), ("problem", "12"),
        ("text", "a\nb"), ("text", "x" * 201), ("since", "0001-01-01T00:00+14:00"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_its_field(name: str, text: str) -> None:
    with pytest.raises(FilterError) as caught:
        EventFilter.read({name: text, "feed": "scan"})
    assert list(caught.value.wrongs) == [name]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FilterError) as caught:
        EventFilter.read({"asn": "x", "country": "x", "since": "2026-11-24", "until": "2026-11-23"})
    assert set(caught.value.wrongs) == {"asn", "country", "until"}


@given(
    st.dictionaries(st.sampled_from(["since", "until", "last", "address", "asn", "country", "text", "team"]), st.text())
)
def test_any_text_is_read_or_refused(typed: dict[str, str]) -> None:
    wrongs: dict[str, str] = {}
    try:
        EventFilter.read(typed)
    except FilterError as error:
        wrongs = error.wrongs
    assert set(wrongs) <= {*typed, "until"}
    wanted = EventFilter.read({name: text for name, text in typed.items() if name not in wrongs})
    assert EventFilter.read(wanted.query()) == wanted


def test_the_end_of_a_time_span_gives_way_to_exact_times() -> None:
    assert EventFilter.read({"last": "7d", "since": "2026-11-24"}).query() == {"since": "2026-11-24T00:00:00Z"}
