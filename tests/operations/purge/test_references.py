"""What may be purged is found by what lists call it; a text that may be two things is asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.errors import UsageError
from tocsin.operations.purge import PurgeKind, read_reference

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("event:12-3", ["event:12-3"]),
        ("12-3", ["event:12-3"]),
        ("12/3", ["row:12-3"]),
        ("row:12/03", ["row:12-3"]),
        ("quarantine:12-3", ["row:12-3"]),
        ("report:12", ["ingest:12"]),
        ("7", ["ingest:7", "mail:7"]),
        ("mail:7", ["mail:7"]),
        (" inbox:4kx79m2p ", ["inbox:4KX7-9M2P"]),
        ("4KX7-9M2P", ["inbox:4KX7-9M2P"]),
        ("1234-5678", ["event:1234-5678", "inbox:1234-5678"]),
        ("toc-2026-0000012", ["delivery:TOC-2026-0000012"]),
        ("digest:TOC-2026-0000012", ["delivery:TOC-2026-0000012"]),
        ("LTR-2026-0000012", ["letter:LTR-2026-0000012"]),
        (UUID, [f"upload:{UUID}", f"answer:{UUID}"]),
        ("collected:certs", ["collected:certs"]),
    ],
)
def test_each_form_is_understood(text: str, found: list[str]) -> None:
    assert [str(one) for one in read_reference(text)] == found


@pytest.mark.parametrize("text", ["", "certs", "event:", "mail:7-1", "../12", "inbox:12", "TOC-12", "event:12-3 or so"])
def test_what_names_nothing_is_told_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_reference(text)
    assert "event:12-3" in refused.value.hint


@given(
    kind=st.sampled_from([PurgeKind.EVENT, PurgeKind.ROW]), ingest=st.integers(0, 10**9), place=st.integers(0, 10**9)
)
def test_a_reference_reads_as_itself(kind: PurgeKind, ingest: int, place: int) -> None:
    (found,) = read_reference(f"{kind}:{ingest}-{place}")
    assert (found.kind, found.numbers, read_reference(str(found))) == (kind, (ingest, place), [found])
