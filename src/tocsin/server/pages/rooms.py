"""Where rooms below say in English what pages show, and the shapes of all of it, for catalogues.

A room raises ``InputError(f"{name} is empty.")``; the shape is ``%(name)s is empty.``, and
`tocsin.server.pages.hearing` knows the sentence by it. What only commands print is not here, so that nobody
translates it: errors that no page meets, and hints that name a command.
"""

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from tocsin.server.pages.hearing import names_command
from tocsin.server.pages.shapes import (
    FUNCTIONS,
    HOLES,
    Scopes,
    assigned,
    last_name,
    of_scope,
    says_something,
    shapes_of,
)

OURS: Final = ("TocsinError",)
"""The errors of `tocsin.node.errors`, and what rooms make of them."""

_PACKAGE: Final = Path(__file__).parents[2]
_NOT_SHOWN: Final = ("NotFoundError",)  # pages have one text for all that is not there


@dataclass(frozen=True)
class Room:
    """Where in a file or folder sentences are said that pages show.

    ``errors``: names of exceptions whose message and ``hint`` are such; `OURS` stands for all of its kind. ``calls``:
    of calls to these names, the arguments at these places or of these names, hints that name commands too. ``says``:
    functions whose texts are given back, and names and attributes that texts are assigned to. ``but``: functions that
    say nothing for pages.
    """

    errors: tuple[str, ...] = OURS
    calls: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """One shape, and the file where it is said."""

    text: str
    file: str


_NO_ERRORS: Final = ()

ROOMS: Final[Mapping[str, Room]] = {
    # What came in, and rows that were set aside
    "node/errors.py": Room(),
    "events/alarms.py": Room(),
    "events/extra.py": Room(("ValueError",)),
    "events/health.py": Room(_NO_ERRORS, calls={"Trouble": (1,)}, says=("said", "_difference"), but=("_listed",)),
    "events/normalise.py": Room(says=("UNUSABLE",)),
    "events/redaction/records.py": Room(_NO_ERRORS, says=("ABUSE", "UNREADABLE")),
    "events/redaction/stream.py": Room(),
    "events/reports.py": Room(),
    "events/sources/delimited": Room(("ValueError", *OURS), calls={"Unreadable": (1,)}),
    "events/sources/json_records.py": Room(("ValueError", *OURS), calls={"Unreadable": (1,), "Record": (3,)}),
    "events/sources/shadowserver.py": Room(),
    "events/sources/xarf.py": Room(("ValueError",)),
    "pipeline/ingest.py": Room(calls={"InputError": (0, "hint")}),
    "pipeline/replay.py": Room(),
    "pipeline/uploads/arrival.py": Room(but=("pieces", "check_whole")),
    "pipeline/collectors/folder.py": Room(),
    "pipeline/collectors/run.py": Room(),
    "pipeline/collectors/shadowserver.py": Room(),
    "pipeline/collectors/trust.py": Room(),
    "pipeline/collectors/web.py": Room(),
    # What the gate says
    "sharing/gate/rules.py": Room(calls={"Rule": (5,), "FieldRule": (5,)}),
    "sharing/gate/gate.py": Room(calls={"Verdict": (2,)}),
    "delivery/render.py": Room(calls={"Verdict": (2,)}),
    # What became of mails
    "delivery/channels/file.py": Room(),
    "delivery/channels/__init__.py": Room(says=("reach_smtp",)),
    "delivery/channels/smtp.py": Room(calls={"Receipt": (1,)}, says=("_open",)),
    "delivery/deliver.py": Room(_NO_ERRORS, says=("_missing",)),
    "delivery/expiry.py": Room(_NO_ERRORS, says=("words",)),
    "delivery/halt.py": Room(says=("words", "reason")),
    "delivery/holding.py": Room(says=("error",)),
    "delivery/journal.py": Room(),
    "delivery/notices.py": Room(calls={"Notice": (0, 1)}),
    "delivery/preview.py": Room(),
    "delivery/sealing/decide.py": Room(calls={"Barred": (1,), "Verdict": (1,)}, says=("words", "remark", "said")),
    "delivery/sealing/own_keys.py": Room(),
    "delivery/sealing/seals.py": Room(),
    "delivery/steering.py": Room(says=("error",)),
    "problems/replies/apply.py": Room(says=("error", "why")),
    # Mails that came in and wait for a person
    "delivery/mailbox/account.py": Room(),
    "delivery/mailbox/kinds.py": Room(
        _NO_ERRORS, calls={"Sorted": (1,)}, but=("_report", "_undelivered", "decide", "_automatic", "_claims", "_said")
    ),
    "problems/replies/case.py": Room(_NO_ERRORS, says=("why",)),
    "problems/replies/decide.py": Room(_NO_ERRORS, calls={"replace": ("why",)}, says=("doubt",)),
    "problems/replies/filing.py": Room(_NO_ERRORS, says=("why",)),
    "problems/replies/matching.py": Room(_NO_ERRORS, calls={"Match": ("doubt",), "replace": ("doubt",)}),
    # What is said of teams
    "directory/attest.py": Room(_NO_ERRORS, calls={"Reason": (2,)}, says=("_end_words", "_said")),
    "directory/canonical.py": Room(
        ("ValueError",), says=("_why_no_mailbox",), but=("uuid", "ceiling", "confidence", "day", "moment", "flag")
    ),
    "directory/claims": Room(calls={"_prove": (3,)}),
    "directory/decisions.py": Room(),
    "directory/keys": Room(calls={"Verdict": (1,)}, says=("strength",)),
    "directory/merging.py": Room(calls={"Likeness": (1, 3)}, says=("reasons", "warning")),
    "directory/model.py": Room(_NO_ERRORS, says=("words",)),
    "directory/muting.py": Room(),
    "directory/new_team.py": Room(),
    "directory/precedence.py": Room(_NO_ERRORS, says=("_verdict", "_otherwise", "_not_theirs")),
    "directory/statements.py": Room(),
    "directory/states/cirts.py": Room(_NO_ERRORS, calls={"Verdict": (1,)}, says=("words", "_evidence", "_ended")),
    "sharing/routing/mutes.py": Room(_NO_ERRORS, says=("why",)),
    # The rules of this node
    "sharing/rules/reading.py": Room(_NO_ERRORS, calls={"Fault": (1,), "fault": (2,)}),
    "sharing/rules/store.py": Room(says=("table", "_NO_MORE")),
    # People
    "node/accounts/links.py": Room(),
    "node/accounts/people.py": Room(),
    "directory/contacts/verification.py": Room(),
    # Whether this node is well
    "operations/doctor.py": Room(calls={"Finding": (0, 2, 3)}),
    # Negotiated texts
    "drafting/positions.py": Room(_NO_ERRORS, says=("kind_from_words",), calls={"Position": ("basis",)}),
    "drafting/agreement.py": Room(_NO_ERRORS, calls={"Row": (2,)}, says=("notes",)),
    # The pages themselves
    "server/pages/admin": Room(),
    "server/pages/answer_forms.py": Room(),
    "server/pages/inbox": Room(),
    "server/pages/portal": Room(),
    "server/pages/reports": Room(),
    "server/pages/teams": Room(),
}


def shapes(rooms: Mapping[str, Room] = ROOMS) -> Iterator[Found]:
    """The shapes of all rooms, each once however its names differ; a folder stands for each file in it."""
    seen = set()
    for place, room in rooms.items():
        path = _PACKAGE / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for text in _Reader(ast.parse(file.read_text(encoding="utf-8")), room).texts():
                if says_something(text) and (bare := HOLES.sub("%s", text)) not in seen:
                    seen.add(bare)
                    yield Found(text, str(file.relative_to(_PACKAGE)))


@dataclass(frozen=True)
class _Reader:
    """One file: its syntax tree, and what of it is said."""

    tree: ast.Module
    room: Room

    def texts(self) -> Iterator[str]:
        for scope in [self.tree, *self._functions]:
            scopes = Scopes(scope, self.tree)
            for node in of_scope(scope):
                for said in self._said(node, getattr(scope, "name", "")):
                    yield from shapes_of(said, scopes)

    @cached_property
    def _functions(self) -> list[ast.AST]:
        every = (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))
        return [node for node in every if node.name not in self.room.but]

    def _said(self, node: ast.AST, function: str) -> Iterator[ast.expr]:
        """The expressions in a piece of a function that are sentences."""
        if isinstance(node, ast.Call):
            yield from self._arguments(node)
        elif isinstance(node, ast.Return | ast.Yield):
            if node.value is not None and function in self.room.says:
                yield node.value
        else:
            yield from (value for name, value in assigned(node) if name in self.room.says)

    def _arguments(self, call: ast.Call) -> Iterator[ast.expr]:
        name = last_name(call.func)
        listed = self.room.calls.get(name, ())
        wanted = listed or ((0, "hint") if self._is_error(name) else ())
        yield from (argument for place, argument in enumerate(call.args) if place in wanted)
        yield from (one.value for one in call.keywords if one.arg in wanted and (listed or not _is_command(one)))

    def _is_error(self, name: str) -> bool:
        ours = name.endswith("Error") and not hasattr(builtins, name) and name not in _NOT_SHOWN
        return name in self.room.errors or (ours and OURS[0] in self.room.errors)


def _is_command(given: ast.keyword) -> bool:
    return given.arg == "hint" and names_command(ast.unparse(given.value))
