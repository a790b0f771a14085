"""Events as IDF: what is printed is what is in the frame."""

import json
from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.idf_out import idf_lines, to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import Batch, Feed


def test_fields_without_null_and_extra_beside_them() -> None:
    frame = pl.DataFrame(
        {
            "source.ip": ["192.0.2.1", "2001:db8::1", None],
            "source.fqdn": [None, None, "a.example"],
            "source.port": ["80", None, None],
            "event_description.text": ['a "b"\n', None, None],
            "extra": ['{"a":{"b":[1]},"c":null}', None, "{}"],
        }
    )
    made = normalise(Batch(frame), Feed("s", "c", "n"), datetime(2026, 1, 1, tzinfo=UTC)).frame
    first, second, third = to_idf(made)
    assert (first["source.ip"], first["source.port"], first["event_description.text"]) == ("192.0.2.1", 80, 'a "b"')
    assert (first["extra.a"], first["extra.c"]) == ({"b": [1]}, None)
    assert (second["source.ip"], third["source.fqdn"]) == ("2001:db8::1", "a.example")
    assert not {key for key in (*second, *third) if key.startswith("extra")}
    assert [json.loads(line) for line in idf_lines(made)] == [first, second, third]


def test_a_frame_with_some_columns_only() -> None:
    frame = pl.DataFrame({"source.asn": [1, None], "extra": [None, '{"a":1}']})
    assert list(to_idf(frame)) == [{"source.asn": 1}, {"extra.a": 1}]
    assert list(to_idf(frame.drop("extra"))) == [{"source.asn": 1}, {}]


KEYS = st.text(st.sampled_from('ab:,"\\{[ é'), min_size=1, max_size=4)
MEMBERS = st.dictionaries(
    KEYS, st.one_of(KEYS, st.integers(), st.none(), st.lists(KEYS, max_size=2), st.just({"a": ',"b":'}))
)


@given(st.lists(MEMBERS, min_size=1, max_size=4))
def test_every_extra_comes_back_under_its_key(objects: list[dict[str, object]]) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        texts = [json.dumps(members, separators=separators, ensure_ascii=False) for members in objects]
        frame = pl.DataFrame({"source.asn": [1] * len(texts), "extra": texts})
        wanted = [{"source.asn": 1} | {f"extra.{key}": value for key, value in members.items()} for members in objects]
        assert list(to_idf(frame)) == wanted
