"""With which keys a mail is sealed, decided from keys alone."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from support.sealing_examples import BOXES, NOW, Cast, isp
from tocsin.delivery.sealing import OwnKeys, Protection, SealingRefusal, protect
from tocsin.directory.keys import KeyFacts, KeyFormat, KeySpan, KeyState, KeyVerdict, TeamKey

spans = st.builds(
    KeySpan,
    since=st.integers(-900, 100).map(lambda days: NOW + timedelta(days=days)),
    until=st.none() | st.integers(-300, 900).map(lambda days: NOW + timedelta(days=days)),
    algorithm=st.just("X25519"),
)
facts = st.builds(
    KeyFacts,
    format=st.sampled_from(KeyFormat),
    fingerprint=st.just("00"),
    names=st.just(()),
    mailboxes=st.lists(st.sampled_from([*BOXES, "x@x.example", "NOC@isp.example"]), max_size=2).map(tuple),
    algorithm=st.just("Ed25519"),
    since=st.just(NOW - timedelta(days=999)),
    until=st.none() | st.integers(-300, 900).map(lambda days: NOW + timedelta(days=days)),
    flaw=st.none() | st.builds(KeyVerdict, st.sampled_from([KeyState.WEAK, KeyState.REVOKED]), st.just("bad")),
    encrypts=st.lists(spans, max_size=2).map(tuple),
)
keys = st.builds(
    TeamKey,
    st.just(UUID(int=1)), st.just(1), facts, st.just(b""), st.booleans(), st.booleans(), st.just(""), st.just(""),
    st.integers(0, 9).map(lambda days: NOW - timedelta(days=days)),
)  # fmt: skip


@given(st.lists(keys, max_size=4), st.sampled_from([None, *KeyFormat]), st.booleans(), st.booleans())
def test_what_must_be_encrypted_leaves_encrypted_for_good_keys_or_not_at_all(
    cast: Cast,
    given_keys: list[TeamKey],
    sign: KeyFormat | None,
    has_pgp: bool,
    has_smime: bool,
) -> None:
    own = OwnKeys(cast.own.openpgp if has_pgp else None, cast.own.smime if has_smime else None)
    found = protect(isp(*BOXES), given_keys, own, sign, NOW)
    if isinstance(found, SealingRefusal):
        assert found.words
        return
    assert isinstance(found, Protection)
    assert found.keys
    assert found.form is not None
    assert own.of(found.form) is not None
    assert {one.facts.format for one in found.keys} == {found.form}
    assert not [one for one in found.keys if one.facts.flaw is not None]
    assert sorted([*found.mailboxes, *found.left_out]) == sorted(BOXES)
    for box in found.mailboxes:
        assert any(
            one.any_mailbox or not one.facts.mailboxes or box in one.facts.mailboxes or box.upper()
            for one in found.keys
        )


def test_a_preferred_format_counts_before_the_other(cast: Cast) -> None:
    liked = replace(cast.cert, preferred=True)
    forms = [
        protect(isp(), given_keys, cast.own, None, NOW)
        for given_keys in (
            [cast.pgp, cast.cert],
            [cast.pgp, liked],
            [replace(cast.pgp, preferred=True, recorded=NOW + timedelta(1)), liked],
        )
    ]

    assert [one.form for one in forms if isinstance(one, Protection)] == [
        KeyFormat.OPENPGP, KeyFormat.SMIME, KeyFormat.OPENPGP,
    ]  # fmt: skip
