"""A CACAO 2.0 playbook: read from a file, and all that is wrong with it.

Nothing that a file names is fetched or carried out. Besides the schema of OASIS Open (schema/NOTICE): each step that
is named is there, each end is reached, no loop is without a way out, and email addresses are some.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from tocsin.incidents.text_files import TextFault, TextFaultError
from tocsin.node.accounts import plain_mailbox
from tocsin.node.confined import confined
from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

MOST_BYTES: Final = 1_000_000
MOST_DEPTH: Final = 40
"""Of brackets within brackets; both are asked before a file is parsed."""

_MOST_FAULTS: Final = 50
_SCHEMA: Final = "https://raw.githubusercontent.com/oasis-open/cacao-json-schemas/main/schemas/playbook.json"
_KINDS: Final = frozenset(
    ("start", "end", "action", "playbook-action", "parallel", "if-condition", "while-condition", "switch-condition")
)
_NEXT: Final = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)  # a string ends with the file if need be
_DEFINITIONS: Final = ("agent_definitions", "target_definitions")


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One step. ``kind``: its type in CACAO. ``orders``: texts of its manual commands; ``others``: kinds of the rest.

    ``condition``: of a branch, the question. ``next``: by property, the step that follows. ``branches``: of a parallel
    step; ``cases``: of a switch, the step of each answer. ``timeout``: in milliseconds, 0 for none.
    """

    id: str
    kind: str
    name: str
    description: str
    orders: tuple[str, ...]
    others: tuple[str, ...]
    condition: str
    next: Mapping[str, str]
    branches: tuple[str, ...]
    cases: Mapping[str, str]
    timeout: int

    @property
    def is_task(self) -> bool:
        """Whether a person does it here: a manual step, or another playbook."""
        return bool(self.orders) or self.kind == "playbook-action"

    @property
    def answers(self) -> tuple[str, ...]:
        """What the question of a branch can be answered; empty for other steps."""
        if self.kind == "switch-condition":
            return tuple(self.cases)
        return ("yes", "no") if self.kind in {"if-condition", "while-condition"} else ()

    @property
    def targets(self) -> Iterator[tuple[str, str]]:
        """(property, step) of all that it leads to: its branches, then what comes after them."""
        yield from ((key, self.next[key]) for key in ("on_true", "on_false") if key in self.next)
        yield from ((f"next_steps/{place}", one) for place, one in enumerate(self.branches))
        yield from ((f"cases/{name}", one) for name, one in self.cases.items())
        yield from ((key, to) for key, to in self.next.items() if key not in {"on_true", "on_false"})


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook that can be worked. ``id``: the same in all its editions; ``sha256``: of the file of this one."""

    id: str
    name: str
    description: str
    labels: tuple[str, ...]
    modified: str
    start: str
    steps: Mapping[str, PlaybookStep]
    sha256: str

    def types(self) -> tuple[str, ...]:
        """The RSIT types that it is for, from its labels (``rsit:phishing``)."""
        return tuple(one.removeprefix("rsit:") for one in self.labels if one.startswith("rsit:"))

    def in_order(self) -> list[PlaybookStep]:
        """Its steps as they are reached from the start, then those that nothing leads to."""
        found: dict[str, None] = {}
        waiting = [self.start]
        while waiting:
            if (one := waiting.pop()) not in found:
                found[one] = None
                waiting += [to for _, to in reversed([*self.steps[one].targets])]
        return [self.steps[one] for one in chain(found, (one for one in self.steps if one not in found))]


def parse_playbook(content: bytes) -> Any:
    """The JSON of a file, whatever it says.

    Raises:
        UsageError: it is too large or too deep, or it is no JSON.

    """
    if len(content) > MOST_BYTES:
        raise UsageError(say("It has more than %(n)s bytes.", n=f"{MOST_BYTES:,}"))
    if _depth(content) > MOST_DEPTH:
        raise UsageError(say("It is nested more than %(n)s levels deep.", n=MOST_DEPTH))
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()  # half of a surrogate pair cannot be stored or shown
    except ValueError:
        raise UsageError(say("It is no JSON.")) from None
    return document


@confined(loads=("jsonschema", "referencing"))
def check_playbook(content: bytes) -> list[TextFault]:
    """All that is wrong with a playbook, at most 50 things; ``place`` is the path in its JSON.

    Raises:
        UsageError: it cannot be read.

    """
    return _faults(parse_playbook(content))


@confined(loads=("jsonschema", "referencing"))
def read_playbook(content: bytes) -> Playbook:
    """A playbook from its file.

    Raises:
        UsageError: it cannot be read.
        TextFaultError: it can, and is wrong; names all faults with their places.

    """
    document = parse_playbook(content)
    if faults := _faults(document):
        raise TextFaultError(faults, hint=say("Correct what is said."))
    return _made(document, content)


def known_playbook(content: bytes) -> Playbook:
    """A playbook from a file that was checked before."""
    return _made(json.loads(content.decode("utf-8-sig")), content)


def _made(document: dict[str, Any], content: bytes) -> Playbook:
    return Playbook(
        id=document["id"], name=document["name"], description=document.get("description", ""),
        labels=tuple(document.get("labels", ())), modified=document["modified"], start=document["workflow_start"],
        steps=_steps(document), sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def _faults(document: Any) -> list[TextFault]:
    errors = _validator().iter_errors(document)
    found = [
        TextFault("/".join(map(str, one.absolute_path)), one.message[:200]) for one in islice(errors, _MOST_FAULTS)
    ]
    if found:
        return sorted(found, key=str)
    beyond = chain(_faults_of_workflow(document), _faults_of_contacts(document))
    return [TextFault(place, reason) for place, reason in islice(beyond, _MOST_FAULTS)]


@cache
def _validator() -> "Draft7Validator":
    from jsonschema import Draft7Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    schemas = json.loads((files("tocsin.incidents.playbooks") / "schema" / "cacao-2.0.json").read_bytes())
    known: Registry[Any] = Registry().with_resources([(one["$id"], DRAFT7.create_resource(one)) for one in schemas])
    return Draft7Validator({"$ref": _SCHEMA}, registry=known)


def _faults_of_workflow(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, reason) of what the schema cannot say of the steps."""
    workflow = document["workflow"]
    odd = [
        name for name, one in workflow.items()
        if not isinstance(one, dict) or not isinstance(one.get("type"), str) or one["type"] not in _KINDS
    ]  # fmt: skip
    if odd:
        yield from ((f"workflow/{name}", say("This is no step.")) for name in odd)
        return
    steps = _steps(document)
    named = chain(
        (("workflow_start", document["workflow_start"]),),
        ((f"workflow/{one.id}/{key}", to) for one in steps.values() for key, to in one.targets),
    )
    missing = [(path, say("There is no step %(id)s.", id=to[:120])) for path, to in named if to not in steps]
    yield from missing
    if missing:
        return
    starts = [document["workflow_start"], document.get("workflow_exception")]  # the latter is often not in the file
    starts = [one for one in starts if one in steps]
    reached = _reached(starts, {one.id: [to for _, to in one.targets] for one in steps.values()})
    for one in steps.values():
        if one.kind == "end" and one.id not in reached:
            yield f"workflow/{one.id}", say("No step leads to this end.")
    ways_back: dict[str, list[str]] = {one: [] for one in steps}
    for one in steps.values():
        for _, to in one.targets:
            ways_back[to].append(one.id)
    ending = _reached([one.id for one in steps.values() if not any(one.targets)], ways_back)
    for name in steps:
        if name in reached and name not in ending:
            yield (
                f"workflow/{name}",
                say("From this step no end is reached: it is in an endless loop, or leads to one."),
            )


def _faults_of_contacts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, reason) of email addresses that are none."""
    for kind in _DEFINITIONS:
        for name, one in document.get(kind, {}).items():
            contact = one.get("contact") if isinstance(one, dict) else None
            mailboxes = contact.get("email") if isinstance(contact, dict) else None
            for use, mailbox in mailboxes.items() if isinstance(mailboxes, dict) else ():
                try:
                    plain_mailbox(str(mailbox))
                except InputError as error:
                    yield f"{kind}/{name}/contact/email/{use}", str(error)


def _reached(starts: list[str], ways: Mapping[str, list[str]]) -> set[str]:
    """All that is reached from some steps by these ways, they too."""
    found, waiting = set[str](), starts
    while waiting:
        new = [one for one in waiting if one not in found]
        found |= set(new)
        waiting = [to for one in dict.fromkeys(new) for to in ways[one]]
    return found


def _steps(document: dict[str, Any]) -> dict[str, PlaybookStep]:
    return {name: _step(name, one) for name, one in document["workflow"].items()}


def _step(name: str, one: dict[str, Any]) -> PlaybookStep:
    commands = [command for command in one.get("commands", ()) if isinstance(command, dict)]
    branches, cases, timeout = one.get("next_steps", ()), one.get("cases", {}), one.get("timeout", 0)
    return PlaybookStep(
        id=name, kind=one["type"], name=_text(one.get("name")) or name, description=_text(one.get("description")),
        orders=tuple(_order(command) for command in commands if command.get("type") == "manual"),
        others=tuple(_text(command.get("type")) for command in commands if command.get("type") != "manual"),
        condition=_text(one.get("condition") or one.get("switch")),
        next={key: one[key] for key in _NEXT if isinstance(one.get(key), str)},
        branches=tuple(to for to in branches if isinstance(to, str)),
        cases={key: to for key, to in cases.items() if isinstance(to, str)} if isinstance(cases, dict) else {},
        timeout=timeout if isinstance(timeout, int) else 0,
    )  # fmt: skip


def _order(command: dict[str, Any]) -> str:
    """What a manual command says."""
    if said := _text(command.get("command")):
        return said
    try:
        return base64.b64decode(_text(command.get("command_b64"))).decode()
    except (binascii.Error, ValueError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _depth(content: bytes) -> int:
    depth = most = 0
    for found in _TOKEN.finditer(content):
        token = found[0]
        depth += 1 if token in b"[{" else -1 if token in b"]}" else 0
        most = max(most, depth)
        if most > MOST_DEPTH:
            break
    return most


def _no_number(text: str) -> float:
    raise ValueError(text)
