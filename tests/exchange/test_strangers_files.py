"""Files of strangers that are made to take long: refused as others are, and the process that answers goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from pysequoia import Cert, Tsk
from pysequoia.packet import PacketPile, Tag

from support import confined_examples as examples
from support.exchange_examples import peer
from support.ledger_examples import act
from support.processor_time import LITTLE, work
from support.world import World
from tocsin.delivery.sealing import open_encrypted, opening_key
from tocsin.delivery.sealing.opening import MOST_SESSION_KEYS
from tocsin.exchange.dispatches import DISPATCH, SIGNATURE, Limits, open_file, seal
from tocsin.exchange.ledger import own_party
from tocsin.exchange.statements import RefusalCode, RefusalError, refusing

A, B = peer(1), peer(2)
NESTED = b"[" * 30 + b'"' + b'\\"'


def refusal(function: Callable[..., Any], *given: Any, **named: Any) -> RefusalCode:
    with pytest.raises(RefusalError) as refused:
        function(*given, **named)
    return refused.value.code


def bent(file: bytes, times: int) -> bytes:
    """A file with its session key, bent, so many times before what it encrypts."""
    key, *others = PacketPile.from_bytes(file)
    assert key.tag == Tag.PKESK
    content = bytearray(bytes(key))
    content[-1] ^= 1
    return bytes(content) * times + b"".join(map(bytes, others))


def test_a_statement_of_nested_marks_is_refused_at_once(world: World) -> None:
    file = seal({DISPATCH: NESTED + b'\\"' * 400_000, DISPATCH + SIGNATURE: b""}, own_cert(world))
    assert act_refused(world, file) is RefusalCode.TOO_DEEP  # now all is loaded
    assert work(lambda: act_refused(world, file)) <= LITTLE


def test_a_file_with_thousands_of_session_keys_is_refused_unopened(world: World) -> None:
    file = bent(seal({DISPATCH: b"{}"}, own_cert(world)), 20_000)  # 2.2 MB
    assert act_refused(world, file) is RefusalCode.UNDECRYPTABLE
    assert work(lambda: act_refused(world, file)) <= LITTLE


def act_refused(world: World, file: bytes) -> RefusalCode:
    return refusal(act, world, "take", content=file)


def own_cert(world: World) -> Cert:
    return Cert.from_bytes(own_party(world.node, world.now).key.public.encode())


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_recipients_and_no_more_are_tried(more: int) -> None:
    opening = opening_key(B.tsk, "")
    assert opening is not None
    file = seal({DISPATCH: b"{}"}, B.tsk.extract_certificate())
    others = bent(file, MOST_SESSION_KEYS - 1 + more)
    key, *_ = PacketPile.from_bytes(file)
    assert (open_encrypted(bytes(key) + others, (opening,), 1_000_000) is None) is bool(more)


def test_what_opens_has_no_secret_that_signs() -> None:
    opening = opening_key(A.tsk, "")
    assert opening is not None
    assert b"secret" not in repr(opening).encode()
    packets = PacketPile.from_bytes(opening.content)
    secret = [one for one in packets if one.tag in (Tag.SecretKey, Tag.SecretSubkey)]
    assert len(secret) == 1
    with pytest.raises((RuntimeError, ValueError)):
        Tsk.from_bytes(opening.content).signer()
    file = seal({DISPATCH: b"{}"}, A.tsk.extract_certificate())
    assert open_file(file, [opening], Limits()) == {DISPATCH: b"{}"}


def test_what_is_ended_is_refused_with_a_code() -> None:
    def read() -> None:
        with refusing(RefusalCode.BAD_STATEMENT):
            examples.spin()

    assert refusal(read) is RefusalCode.BAD_STATEMENT
