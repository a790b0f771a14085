"""Passwords: what is taken, what would be guessed early, and that no other one fits."""

import hashlib
import string
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.accounts.leaked_passwords import is_leaked
from tocsin.node.accounts.passwords import LONGEST, SHORTEST, Weakness, fits, hash_password, is_outdated, weakness
from tocsin.node.errors import StorageError

ABOUT = ["Ana Lima", "ana.lima@kestria.example", "Kestria National CSIRT"]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short pass", Weakness.SHORT),
        ("x" * 129, Weakness.LONG),
        ("password1234", Weakness.COMMON),
        ("P@ssw0rd2026!", Weakness.COMMON),
        ("Summer2026!!", Weakness.COMMON),
        ("qwertyuiop12", Weakness.COMMON),
        ("1q2w3e4r5t6y", Weakness.COMMON),
        ("aaaaaaaaaaaaaa", Weakness.COMMON),
        ("987654321098", Weakness.COMMON),
        ("121212121212", Weakness.COMMON),
        ("correct horse battery staple", Weakness.COMMON),
        ("tocsin-admin-1", Weakness.COMMON),
        ("ana-lima-kestria", Weakness.ABOUT),
        ("AnaLima.Kestria.7", Weakness.ABOUT),
        ("marmot tunes violet", None),
        ("höhle grün käse 7", None),
        ("بيت كبير على التل", None),
        ("vB9#kTq2!mZx", None),
    ],
)
def test_what_is_taken(password: str, why: Weakness | None) -> None:
    assert weakness(password, ABOUT) is why


def test_no_signs_or_digits_are_asked_for_and_long_ones_are_taken() -> None:
    assert weakness("lanterns" + " marmot violet" * 8) is None
    assert weakness("marmotviolettunes") is None


@given(st.text(string.ascii_letters + string.digits + " -.!é√", min_size=1, max_size=140))
def test_nothing_too_short_or_too_long_is_ever_taken(password: str) -> None:
    if weakness(password) is None:
        assert SHORTEST <= len(password) <= LONGEST


def test_only_the_password_itself_fits() -> None:
    kept = hash_password("marmot tunes violet")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept != hash_password("marmot tunes violet")
    assert fits("marmot tunes violet", kept)
    for other in ("marmot tunes violeT", "marmot tunes violet ", "", "x" * 500, "\ud800"):
        assert not fits(other, kept)
    assert not fits("", "")
    assert not fits("the password of nobody", "")
    assert not fits("marmot", "what was never a hash")


def test_a_password_longer_than_what_is_taken_never_fits_by_its_start() -> None:
    kept = hash_password("m" * LONGEST)
    assert fits("m" * LONGEST, kept)
    assert not fits("m" * (LONGEST + 1), kept)


def test_the_same_letters_from_another_keyboard_fit() -> None:
    assert fits("cafe\u0301 marmot violet", hash_password("caf\u00e9 marmot violet"))


def test_what_is_kept_by_former_parameters_is_known_as_such() -> None:
    assert is_outdated(PasswordHasher(time_cost=1, memory_cost=8_192).hash("marmot tunes violet"))
    assert not is_outdated(hash_password("marmot tunes violet"))


@given(st.sets(st.binary(min_size=20, max_size=20), max_size=40), st.booleans(), st.booleans())
def test_a_leaked_password_is_found_wherever_it_stands_in_the_file(
    tmp_path_factory: pytest.TempPathFactory, others: set[bytes], counted: bool, ended: bool
) -> None:
    path = tmp_path_factory.mktemp("leaked") / "hashes.txt"
    own = hashlib.sha1(b"marmot tunes violet", usedforsecurity=False).digest()
    for among in (others | {own}, others - {own}):
        lines = [f"{one.hex().upper()}:{one[0] * 7}" if counted else one.hex().upper() for one in sorted(among)]
        path.write_text("\n".join(lines) + "\n" * ended)
        assert is_leaked("marmot tunes violet", path) is (own in among)
        assert weakness("marmot tunes violet", leaked=path) is (Weakness.LEAKED if own in among else None)


def test_a_list_of_leaked_passwords_that_is_not_there_takes_none(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="leaked passwords"):
        weakness("marmot tunes violet", leaked=tmp_path / "none.txt")
