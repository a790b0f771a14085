"""A provider's key that is short, or has the mark of keys that can be factored, signs nobody in."""

from math import prod

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tocsin.node.accounts.weak_keys import is_roca, why_weak

PRIMES = [n for n in range(2, 168) if all(n % of for of in range(2, n))]
MARK = prod(PRIMES)


def marked(bits: int) -> int:
    """A number of so many bits that is a power of 65537 modulo all small primes; nobody's key."""
    return pow(65_537, 12_345, MARK) + MARK * ((1 << bits) // MARK // 2 * 2)


def test_keys_by_their_form() -> None:
    good = rsa.generate_private_key(65_537, 2_048)
    assert why_weak(good) == ""
    assert why_weak(good.public_key()) == ""
    assert why_weak(ec.generate_private_key(ec.SECP256R1())) == ""
    short = rsa.RSAPublicNumbers(65_537, (1 << 1_023) + 1_155).public_key()
    assert "1,024 bits" in why_weak(short)
    assert is_roca(marked(2_049))
    assert "ROCA" in why_weak(rsa.RSAPublicNumbers(65_537, marked(2_049) | 1).public_key())
    assert not any(is_roca(good.public_key().public_numbers().n + 2 * n) for n in range(10_000))
