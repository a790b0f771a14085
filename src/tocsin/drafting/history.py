"""The append-only history of a text: steps chained by hash, signed where the chair acts, replayed to every version.

A step's hash covers its number, time, actor, act, the hash before it and the digest of the draft after it. So whoever
holds the last hash can prove the whole history, and whoever replays it gets every version bit for bit or is told where
it differs. The chair signs that hash with Ed25519 (RFC 8032).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from tocsin.drafting.acts import Act, AppointChair, ChairAct, Import, Undo
from tocsin.drafting.apply import apply
from tocsin.drafting.classify import CONTROL
from tocsin.drafting.draft import TextState, begun
from tocsin.node.errors import ConflictError, InputError, NotFoundError, WithheldError
from tocsin.node.sentences import say

FIRST = "0" * 64
_ESCAPED_CONTROL = re.compile(r"(?<!\\)(?:\\\\)*\\(?:b|u00(?:0[0-8ef]|1[0-9a-f]))")


@dataclass(frozen=True)
class HistoryStep:
    """One act in the history. ``body`` is the act as canonical JSON; hashes and key are hexadecimal.

    ``origin`` is the hash that the step had in the offline copy it came from, if it was merged in.
    """

    seq: int
    at: datetime
    actor: str
    body: str
    prev: str
    result: str
    hash: str
    signature: str | None = None
    origin: str | None = None

    def act(self) -> Act:
        """The act that the body holds.

        Raises:
            InputError: the body is none.

        """
        return read_act(self.body)


@dataclass(frozen=True)
class Signer:
    """The chair's private key."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The public key in hexadecimal."""
        return self.key.public_key().public_bytes_raw().hex()

    def sign(self, digest: str) -> str:
        """The signature of a step's hash, in hexadecimal."""
        return self.key.sign(bytes.fromhex(digest)).hex()


def extended(
    steps: Sequence[HistoryStep],
    act: Act,
    *,
    actor: str,
    at: datetime,
    signer: Signer | None = None,
    origin: str | None = None,
    draft: TextState | None = None,
) -> tuple[HistoryStep, TextState]:
    """The next step and the draft after it; ``steps`` stay as they are.

    ``draft``, if given, is the draft after ``steps``: it saves the replay, and is changed in place.

    Raises:
        ConflictError: the act cannot be done to the text as it is now.
        NotFoundError: it names something that is not there.
        WithheldError: only the chair may do it, and the key is not the chair's.

    """
    after = _draft_after(steps, act, at, draft)
    body = canonical_act(act)
    _refuse_controls(body + actor)
    prev = steps[-1].hash if steps else FIRST
    made = HistoryStep(len(steps) + 1, at, actor, body, prev, digest_of(after), "", origin=origin)
    made = replace(made, hash=hash_of(made))
    if needs_signature(steps, act):
        made = replace(made, signature=signer.sign(made.hash) if signer else None)
        _check_signature(made, signing_key(steps, act))
    return made, after


def replayed(steps: Sequence[HistoryStep], *, upto: int | None = None) -> TextState:
    """The draft after step ``upto`` (the last one by default).

    Raises:
        NotFoundError: there is no such step.

    """
    last = len(steps) if upto is None else upto
    if not 1 <= last <= len(steps):
        raise NotFoundError(f"The history has steps 1 to {len(steps)}; there is no step {last}.")
    return _fold(steps[:last])


def verify(steps: Sequence[HistoryStep]) -> None:
    """Replay every version and check numbers, chain, digests and signatures.

    Raises:
        InputError: something was changed after it was written; names the step.

    """
    prev = FIRST
    draft: TextState | None = None
    for count, step in enumerate(steps, 1):
        before = steps[: count - 1]
        _refuse_controls(step.body + step.actor)
        if step.seq != count or step.prev != prev or step.hash != hash_of(step):
            raise InputError(f"Step {step.seq} does not continue the history: it was changed, or a step is missing.")
        act = step.act()
        draft = _draft_after(before, act, step.at, draft)
        if digest_of(draft) != step.result:
            raise InputError(f"Step {step.seq} replays to another text than was recorded.")
        if needs_signature(before, act):
            _check_signature(step, signing_key(before, act))
        prev = step.hash


def needs_signature(steps: Sequence[HistoryStep], act: Act) -> bool:
    """Whether only the chair may do this: the chair's own acts, and undoing one of them."""
    if isinstance(act, Undo):
        return 1 <= act.step <= len(steps) and needs_signature(steps[: act.step - 1], steps[act.step - 1].act())
    return isinstance(act, ChairAct)


def signing_key(steps: Sequence[HistoryStep], act: Act) -> str | None:
    """The public key that must sign: the chair's; the first chair's own when there is none yet."""
    chair = None
    undone = undone_steps(steps)
    for step in steps:
        if step.seq not in undone and isinstance(given := step.act(), AppointChair):
            chair = given.key
    if chair is None and isinstance(act, AppointChair):
        return act.key
    return chair


def undone_steps(steps: Sequence[HistoryStep]) -> set[int]:
    """The steps that are undone; an undo that is itself undone undoes nothing."""
    undone: set[int] = set()
    for step in reversed(steps):
        if step.seq not in undone and isinstance(act := step.act(), Undo):
            undone.add(act.step)
    return undone


def digest_of(draft: TextState) -> str:
    """SHA-256 of the draft as canonical JSON; the text as imported is covered by the hash of its own step."""
    dumped = _draft_adapter().dump_python(draft, mode="json", exclude={"text"})
    return hashlib.sha256(canonical(dumped).encode()).hexdigest()


def hash_of(step: HistoryStep) -> str:
    """SHA-256 of what a step says, without its own hash and signature."""
    said = [step.seq, step.at.isoformat(), step.actor, step.body, step.prev, step.result, step.origin]
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical_act(act: Act) -> str:
    """An act as canonical JSON."""
    return canonical(_act_adapter().dump_python(act, mode="json"))


def _refuse_controls(said: str) -> None:
    """Refuse what cannot be stored or would reach somebody's terminal as an order; JSON shows most of it escaped."""
    if _ESCAPED_CONTROL.search(said) or CONTROL.search(said):
        raise InputError(say("The words hold a control character."), hint=say("Take it out and try again."))
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise InputError(say("The words hold half a character."), hint=say("Take it out and try again.")) from error


def _draft_after(steps: Sequence[HistoryStep], act: Act, at: datetime, draft: TextState | None) -> TextState:
    if isinstance(act, Import):
        if steps:
            raise ConflictError("A text is imported once; import the other file as a text of its own.")
        return begun(act.text)
    if isinstance(act, Undo):
        return _without(steps, act)
    after = draft if draft is not None else _fold(steps)
    apply(after, act, at)
    return after


def _without(steps: Sequence[HistoryStep], act: Undo) -> TextState:
    if not 2 <= act.step <= len(steps):
        raise NotFoundError(f"There is no step {act.step} to undo; the history has steps 2 to {len(steps)}.")
    if act.step in undone_steps(steps):
        raise ConflictError(say("Step %(step)s is undone already.", step=act.step))
    asked = [*steps, HistoryStep(len(steps) + 1, steps[-1].at, "", canonical_act(act), "", "", "")]
    try:
        return _fold(steps, undone_steps(asked))
    except (ConflictError, NotFoundError) as error:
        raise ConflictError(
            say(
                "Step %(step)s cannot be undone, since later steps build on it: %(error)s",
                step=act.step,
                error=error.args[0],
            ),
            hint=say("Undo those first; the history lists them."),
        ) from error


def _fold(steps: Sequence[HistoryStep], undone: Iterable[int] | None = None) -> TextState:
    skipped = undone_steps(steps) if undone is None else set(undone)
    first = steps[0].act()
    if not isinstance(first, Import):
        raise InputError("The history does not begin with an import.")
    draft = begun(first.text)
    for step in steps[1:]:
        if step.seq not in skipped and not isinstance(act := step.act(), Undo):
            apply(draft, act, step.at)
    return draft


def _check_signature(step: HistoryStep, key: str | None) -> None:
    if key is None:
        raise WithheldError(
            "Only a named chair consolidates, and this text has none.",
            hint="Appoint one: tocsin drafting chair TEXT --name … --key FILE.",
        )
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(step.signature or ""), bytes.fromhex(step.hash)
        )
    except (InvalidSignature, ValueError) as error:
        raise WithheldError(
            f"Step {step.seq} is not signed by the chair of this text.",
            hint="Give the chair's key file with --key.",
        ) from error


@cache
def _act_adapter() -> TypeAdapter[Act]:
    return TypeAdapter(Act)


@cache
def _draft_adapter() -> TypeAdapter[TextState]:
    return TypeAdapter(TextState)


@lru_cache(maxsize=10_000)
def read_act(body: str) -> Act:
    """The act in a step's body.

    Raises:
        InputError: there is none.

    """
    try:
        return _act_adapter().validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"A step of the history cannot be read: {where}: {first['msg']}.") from error
