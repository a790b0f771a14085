"""Whether a public key can be broken by its form alone."""

from functools import cache
from typing import Any, Final

LEAST_BITS: Final = 2_048
"""Of an RSA key: NIST SP 800-131A, table 2."""

_LARGEST: Final = 167


def why_weak(key: Any) -> str:
    """Why nothing that this key of `cryptography` signed counts; empty: no reason is known."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    if isinstance(key, RSAPrivateKey):
        key = key.public_key()
    if not isinstance(key, RSAPublicKey):
        return ""
    if key.key_size < LEAST_BITS:
        return f"an RSA key of {key.key_size:,} bits, which are fewer than {LEAST_BITS:,}"
    return "an RSA key that can be factored (ROCA, CVE-2017-15361)" if is_roca(key.public_numbers().n) else ""


def is_roca(modulus: int) -> bool:
    """Whether a modulus has the mark of keys that can be factored: modulo each small prime it is a power of 65537.

    Nemec et al., "The Return of Coppersmith's Attack", 2017, 2.3. Of others one in some hundred millions has it.
    """
    return all(modulus % prime in powers for prime, powers in _marks())


@cache
def _marks() -> tuple[tuple[int, frozenset[int]], ...]:
    primes = [n for n in range(3, _LARGEST + 1, 2) if all(n % of for of in range(3, n, 2))]
    return tuple((prime, frozenset(pow(65_537, n, prime) for n in range(prime - 1))) for prime in primes)
