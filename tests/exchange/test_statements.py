"""Statements: read strictly, within limits, and only from whom they say they are."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import TypeAdapter, ValidationError
from pysequoia import Cert
from pysequoia.packet import PacketPile, Tag

from support.exchange_examples import NOW, Peer, peer
from tocsin.exchange.statements import (
    PinnedKey,
    RefusalCode,
    RefusalError,
    SharedItem,
    Statement,
    pinned,
    read_statement,
    verify,
)
from tocsin.exchange.statements.kinds import KINDS, Time

GOOD = peer(1).item(b"x").content


def changed(**said: object) -> bytes:
    return json.dumps(json.loads(GOOD) | said).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (GOOD + b" " * 1_000_000, RefusalCode.TOO_LARGE),
        (changed(more=json.loads("[" * 30 + "]" * 30)), RefusalCode.TOO_DEEP),
        (b'{"kind":' * 300_000, RefusalCode.TOO_LARGE),
        (b"[" * 900_000, RefusalCode.TOO_DEEP),
        (b'{"a":"' + b"[" * 1000 + b'"}', RefusalCode.UNKNOWN_KIND),  # brackets in a text are not depth
        (b"\xff\xfe{}", RefusalCode.BAD_JSON),
        (b"[]", RefusalCode.BAD_JSON),
        (b"", RefusalCode.BAD_JSON),
        (b'{"a": NaN}', RefusalCode.BAD_JSON),
        (b'{"a": 1e999}', RefusalCode.BAD_JSON),
        (b'{"a": 9007199254740993}', RefusalCode.BAD_JSON),
        (b'{"a": ' + b"9" * 100_000 + b"}", RefusalCode.BAD_JSON),
        (b'{"a": "\\ud800"}', RefusalCode.BAD_JSON),
        (GOOD[:-1] + b',"version":2}', RefusalCode.DUPLICATE_KEY),
        (GOOD[:-1] + b',"x":{"a":1,"a":1}}', RefusalCode.DUPLICATE_KEY),
        (changed(kind="command"), RefusalCode.UNKNOWN_KIND),
        (changed(kind=["item"]), RefusalCode.UNKNOWN_KIND),
        (changed(version="1"), RefusalCode.BAD_STATEMENT),
        (changed(version=0), RefusalCode.BAD_STATEMENT),
        (changed(tlp="WHITE"), RefusalCode.BAD_STATEMENT),
        (changed(at="2026-11-28T05:00:00"), RefusalCode.BAD_STATEMENT),  # without an offset
        (changed(by={"node": str(uuid4())}), RefusalCode.BAD_STATEMENT),
        (changed(parts=[{"hash": "sha256:00", "bytes": 1, "type": "", "class": "x"}]), RefusalCode.BAD_STATEMENT),
    ],
)
def test_what_is_no_statement_has_a_code(content: bytes, code: RefusalCode) -> None:
    with pytest.raises(RefusalError) as refused:
        read_statement(content, b"")
    assert (refused.value.code, bool(str(refused.value))) == (code, True)


def test_unknown_keys_are_ignored_and_stay_in_the_bytes() -> None:
    sent = peer(1).item(b"x")
    again = read_statement(sent.content, sent.signature)
    assert (again.body, again.hash) == (sent.body, sent.hash)
    later = read_statement(changed(colour="green"), b"")
    assert isinstance(later.body, SharedItem)
    assert b'"colour": "green"' in later.content
    assert not hasattr(later.body, "colour")


def test_every_field_of_every_kind_is_described() -> None:
    assert len(KINDS) == 9
    for name, kind in KINDS.items():
        described = kind.model_json_schema()
        for model in (described, *described.get("$defs", {}).values()):
            lacking = [
                one
                for one, said in model.get("properties", {}).items()
                if one != "kind" and not said.get("description")
            ]
            assert (name, lacking) == (name, [])


def code_of(statement: Statement, *keys: PinnedKey) -> RefusalCode | None:
    try:
        verify(statement, pinned(*keys))
    except RefusalError as error:
        return error.code
    return None


def test_a_statement_counts_by_the_pinned_key_of_its_node_alone() -> None:
    one, two = peer(1), peer(2)
    said = one.item(b"x")
    assert code_of(said, one.pin, two.pin) is None
    assert code_of(said, two.pin) is RefusalCode.UNKNOWN_KEY
    assert code_of(said, PinnedKey(two.node, one.public)) is RefusalCode.WRONG_SIGNER
    as_one = Peer(one.node, two.tsk)  # speaks for another node, with a key that is pinned for itself
    assert code_of(as_one.item(b"x"), one.pin, two.pin) is RefusalCode.WRONG_SIGNER
    by_two = two.item(b"x").signature
    bare = base64.b64decode(said.signature.partition(b"\n\n")[2].partition(b"\n=")[0].partition(b"\n-")[0])
    for signature in (by_two, b"", b"-----BEGIN", said.signature[:200], b"x" * 100_000, bare):
        assert code_of(Statement(said.content, signature, said.body), one.pin) is RefusalCode.BAD_SIGNATURE
    for at in range(len(said.content)):
        other = said.content[:at] + bytes([said.content[at] ^ 1]) + said.content[at + 1 :]
        assert code_of(Statement(other, said.signature, said.body), one.pin) is RefusalCode.BAD_SIGNATURE


def test_an_old_key_counts_for_what_it_signed_before_its_end() -> None:
    one = peer(1)
    said = one.item(b"x")
    signed = datetime.now(UTC)
    assert code_of(said, PinnedKey(one.node, one.public, until=signed + timedelta(hours=1))) is None
    assert code_of(said, PinnedKey(one.node, one.public, until=signed - timedelta(hours=1))) is RefusalCode.KEY_ENDED
    assert code_of(said, PinnedKey(one.node, one.public, compromised=True)) is RefusalCode.KEY_ENDED
    certifier, cert = one.tsk.certifier(), one.tsk.extract_certificate()
    revoked = Cert.from_bytes(bytes(cert) + bytes(cert.revoke(certifier)))
    assert code_of(said, PinnedKey(one.node, bytes(revoked))) is RefusalCode.KEY_ENDED
    bare = Cert.from_packets(
        [one for one in PacketPile.from_bytes(bytes(cert)) if one.tag in (Tag.PublicKey, Tag.UserID)]
    )
    assert code_of(said, PinnedKey(one.node, bytes(bare))) is RefusalCode.UNKNOWN_KEY  # nothing in it is signed
    later = cert.set_expiration((NOW + timedelta(days=900)).replace(microsecond=0), certifier)
    assert code_of(said, PinnedKey(one.node, bytes(later))) is None


def test_time_before_the_first_year_in_utc_is_refused() -> None:
    with pytest.raises(ValidationError, match="before the year 1"):
        TypeAdapter(Time).validate_python(datetime.fromisoformat("0001-01-01T00:00:00+14:00"))
