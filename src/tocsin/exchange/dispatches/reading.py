"""What is in a dispatch that was opened: first who says so and which number it has, then all that it brings."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tocsin.exchange.dispatches.packing import DISPATCH, SIGNATURE, TEXT, digits
from tocsin.exchange.statements import (
    Dispatch,
    Keys,
    NodeKey,
    PinnedKey,
    RefusalCode,
    RefusalError,
    SharedItem,
    Statement,
    hash_of,
    pinned,
    read_foreign_statement,
    read_statement,
    refusing,
    verify,
)
from tocsin.node.confined import confined
from tocsin.sharing.gate import Marking, highest

_LARGEST_TEXT: Final = 1_000_000  # bytes: it is kept in a row, and shown whole


@dataclass(frozen=True)
class DispatchContents:
    """What a dispatch brought. ``unverified``: statements of others whose keys nobody here has pinned, by hash."""

    statements: tuple[Statement, ...]
    parts: Mapping[str, bytes]
    text: str
    unverified: frozenset[str] = frozenset()


def read_head(members: Mapping[str, bytes], keys: Keys, own: Collection[NodeKey]) -> Statement:
    """The dispatch itself: its signature holds, and it is for one of these, which are us.

    Raises:
        RefusalError: it is not, so its number does not count.

    """
    content, signature = _named(members, DISPATCH), _named(members, DISPATCH + SIGNATURE)
    with refusing(RefusalCode.BAD_STATEMENT):
        statement = _read_head(content, signature, tuple(keys.values()))
    if statement.said(Dispatch).to not in own:
        raise RefusalError(RefusalCode.WRONG_RECIPIENT, "It is signed for another recipient.")
    return statement


@confined(seconds=5, loads=("pysequoia",))
def _read_head(content: bytes, signature: bytes, keys: tuple[PinnedKey, ...]) -> Statement:
    statement = read_statement(content, signature)
    statement.said(Dispatch)
    verify(statement, pinned(*keys))
    return statement


def read_contents(dispatch: Dispatch, members: Mapping[str, bytes], keys: Keys) -> DispatchContents:
    """All that it names, and nothing else.

    Raises:
        RefusalError: something is missing, is not named, was changed, or is not signed by whom it says.

    """
    _check_names(dispatch, members)
    named = [(f"{digits(one)}.json", one) for one in dispatch.statements]
    signed = [(_named(members, name, one), _named(members, name + SIGNATURE)) for name, one in named]
    with refusing(RefusalCode.BAD_STATEMENT):
        statements, unverified = _read_statements(signed, dispatch, tuple(keys.values()))
    parts = {one.hash: _named(members, digits(one.hash), one.hash) for one in dispatch.parts}
    if any(len(parts[one.hash]) != one.bytes for one in dispatch.parts):
        raise RefusalError(RefusalCode.HASH_MISMATCH, "A part has another size than is said of it.")
    text = _named(members, TEXT, dispatch.text) if dispatch.text else b""
    if len(text) > _LARGEST_TEXT:
        raise RefusalError(
            RefusalCode.TOO_LARGE, f"Its text has {len(text):,} bytes; at most {_LARGEST_TEXT:,} are read."
        )
    check_marking(dispatch, [one.body for one in statements if isinstance(one.body, SharedItem)])
    return DispatchContents(statements, parts, text.decode("utf-8", "replace"), unverified)


@confined(seconds=60, megabytes=1_000, loads=("pysequoia",))
def _read_statements(
    signed: list[tuple[bytes, bytes]], dispatch: Dispatch, keys: tuple[PinnedKey, ...]
) -> tuple[tuple[Statement, ...], frozenset[str]]:
    """The statements of a dispatch, and the hashes of those of others whose keys nobody here has pinned."""
    statements, known = tuple(read_statement(*one) for one in signed), pinned(*keys)
    return statements, frozenset(one.hash for one in statements if not _verified(one, dispatch, known))


def read_foreign_head(members: Mapping[str, bytes]) -> Dispatch:
    """What a dispatch that came says of itself; its signature is not looked at.

    Raises:
        RefusalError: there is none.

    """
    statement = read_foreign_statement(_named(members, DISPATCH), _named(members, DISPATCH + SIGNATURE))
    return statement.said(Dispatch)


def read_named(members: Mapping[str, bytes], name: str, named: str = "") -> Statement:
    """The statement of this name with the signature beside it.

    Raises:
        RefusalError: it is not there, has another hash than the one that it is named by, or is no statement.

    """
    content = _named(members, name, named)
    return read_statement(content, _named(members, name + SIGNATURE))


def statements_in(members: Mapping[str, bytes]) -> Iterator[Statement]:
    """Each statement among these files, with the signature beside it; nothing is verified."""
    for name, content in members.items():
        if name.endswith(".json") and name + SIGNATURE in members:
            yield read_statement(content, members[name + SIGNATURE])


def check_marking(dispatch: Dispatch, items: Collection[SharedItem]) -> None:
    """Nothing, where the whole is marked at least as strictly as each item.

    Raises:
        RefusalError: it is not.

    """
    whole = Marking(dispatch.tlp, dispatch.pap)
    if highest([whole, *(Marking(item.tlp, item.pap) for item in items)]) != whole:
        raise RefusalError(RefusalCode.MARKING, "The dispatch is marked less strictly than something in it.")


def names_in(dispatch: Dispatch) -> set[str]:
    """The names of all files that belong to a dispatch."""
    names = {DISPATCH, DISPATCH + SIGNATURE, *(digits(part.hash) for part in dispatch.parts)}
    for one in dispatch.statements:
        names |= {f"{digits(one)}.json", f"{digits(one)}.json{SIGNATURE}"}
    return names | ({TEXT} if dispatch.text else set())


def _check_names(dispatch: Dispatch, members: Mapping[str, bytes]) -> None:
    if missing := names_in(dispatch) - set(members):
        raise RefusalError(RefusalCode.MISSING_PART, f"It names {min(missing)}, which is not there.")
    if extra := set(members) - names_in(dispatch):
        raise RefusalError(RefusalCode.EXTRA_PART, f"It brings {min(extra)}, which it does not name.")


def _named(members: Mapping[str, bytes], name: str, named: str = "") -> bytes:
    if (content := members.get(name)) is None:
        raise RefusalError(RefusalCode.MISSING_PART, f"There is no {name}.")
    if named and hash_of(content) != named:
        raise RefusalError(RefusalCode.HASH_MISMATCH, f"{name} is not what was signed.")
    return content


def _verified(statement: Statement, dispatch: Dispatch, keys: Keys) -> bool:
    """Whether its signature holds; not, where it is of a third node whose key nobody has pinned."""
    try:
        verify(statement, keys)
    except RefusalError as error:
        if error.code is RefusalCode.UNKNOWN_KEY and statement.body.by.node != dispatch.by.node:
            return False
        raise
    return True
