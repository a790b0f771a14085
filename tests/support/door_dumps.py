"""What each door offers, as text: commands, the API, routes, forms, and what commands that read print.

The texts lie in ``tests/doors``, made on a furnished node; `differences` compares them with the program. Times, random
ids and folders stand as words, so that two machines on two days say the same.
"""

import difflib
import getpass
import json
import re
import shlex
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin
from urllib.parse import parse_qsl, urljoin, urlsplit

import typer
import typer.main
from lxml.html import HtmlElement, document_fromstring

from support.console_users import Browser, browsers_of
from support.furnished_node import furnish
from support.linked_pages import answer_paths, verify_paths
from support.page_checks import ALSO, PIECES
from support.page_examples import OPERATOR, QUERIES, Example, fill
from support.routes import Door, doors
from support.world import World, make_world
from tocsin.cli import COMMANDS, application
from tocsin.cli.acts import every_act
from tocsin.directory import read_team
from tocsin.interface.acts import Absence, OwnSurface
from tocsin.node.accounts import AccountRole, Permission
from tocsin.server.server import make_application

KEPT: Final = Path(__file__).resolve().parents[1] / "doors"
READS: Final = KEPT / "reads.toml"
RENEW: Final = "scripts/doors --renew"

_LESS: Final = {AccountRole.ANALYST, AccountRole.AUDITOR}
"""Roles that see no form that a manager does not see, too."""
_ROLES: Final = [role for role in AccountRole if role not in _LESS]
_FIELDS: Final = ".//input[@name] | .//select[@name] | .//textarea[@name] | .//button[@name]"
_ON_INCIDENT: Final = "/incidents/{reference}/"
_MANY: Final = 12
"""Pages that are named below a form; one that is on more of them is a part of the frame."""

_VARIES: Final = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b(INC-)?[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b"), r"\1REFERENCE"),
    (re.compile(r"\b[0-9A-Fa-f]{12,}\b"), "HEX"),
)


# Commands


def commands() -> dict[str, Any]:
    """Every command by its words, such as ``directory import``; the program itself has none."""
    return dict(_commands(typer.main.get_command(application(COMMANDS)), ""))


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, typer.core.TyperGroup):
        yield name, command
        return
    context = typer.Context(command)
    if command.params:
        yield name, command
    for word in command.list_commands(context):
        yield from _commands(command.get_command(context, word), f"{name} {word}".strip())


def _command_lines() -> Iterator[str]:
    for name, command in sorted(commands().items()):
        yield f"tocsin {name}".strip() + (" (hidden)" if command.hidden else "")
        yield from (f"    {_param(one)}" for one in command.params if one.name not in {"help", "_version"})


def _param(one: Any) -> str:
    marks = {
        "needed": one.required, "several": one.multiple or one.nargs != 1, "hidden": one.hidden,
        f"at least {one.min}": one.min is not None, f"at most {one.max}": one.max is not None,
        f"else {_word(one.default)}": one.default not in (None, "", False, (), []), f"or {one.envvar}": one.envvar,
    }  # fmt: skip
    kind = "flag" if getattr(one, "is_flag", False) else _kind(one.type_descriptor.annotation)
    return ", ".join(
        [f"{'/'.join([*one.opts, *one.secondary_opts])}: {kind}", *(mark for mark in marks if marks[mark])]
    )


def _kind(of: Any) -> str:
    """A type as people write it: its choices, or a word."""
    if inner := [one for one in get_args(of) if one is not NoneType]:
        return "|".join(map(_word, inner)) if get_origin(of) is Literal else " or ".join(map(_kind, inner))
    if isinstance(of, type) and issubclass(of, Enum):
        return "|".join(map(_word, of))
    return str(getattr(of, "__name__", of)).lower()


def _word(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value() if callable(value) else value)


# The API, and who may use which address


def _route_lines(found: Iterable[Door]) -> Iterator[str]:
    for door in found:
        yield f"{door.path} {door.method} {door.act or 'nobody'}{' (of all)' if door.everything else ''}"


def _openapi(document: Any) -> str:
    return _json({**document, "info": {**document["info"], "version": "VERSION"}})


def _json(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


# Forms


@dataclass
class _Forms:
    """What the pages of a node offer to be filled in: a form's lines → the pages that it is on, and for which roles."""

    found: list[Door]
    seen: dict[tuple[str, ...], tuple[set[str], set[AccountRole]]] = field(default_factory=dict)
    asked: set[tuple[AccountRole, str]] = field(default_factory=set)
    parsed: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes = [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", one.path)), one) for one in self.found]

    def door(self, method: str, address: str) -> str:
        """The route that takes an address, or the address; where it is a page, with what it is asked."""
        parts = urlsplit(address)
        fit = [one.path for shape, one in self.shapes if one.method == method and shape.fullmatch(parts.path)]
        path = min(fit, key=lambda one: one.count("{"), default=steady(parts.path))
        asked = [f"act={re.sub('[0-9]+', 'N', of)}" if name == "act" else name for name, of in parse_qsl(parts.query)]
        return f"{path}?{'&'.join(asked)}" if asked and method == "GET" else path

    def read(self, browser: Browser, role: AccountRole, address: str) -> None:
        """The forms of a page, and of those that it leads to where an act is chosen by a question."""
        waiting = [address]
        while waiting:
            at = waiting.pop()
            page = self.door("GET", at)
            if (role, page) in self.asked:
                continue
            self.asked.add((role, page))
            answer = browser.get(at)
            if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/html"):
                continue
            tree = document_fromstring(answer.text)
            for form in tree.xpath("//form[not(@method='dialog')]"):
                pages, roles = self.seen.setdefault(tuple(self._lines(form, at)), (set(), set()))
                pages.add(page)
                roles.add(role)
            links = {urljoin(at, one) for one in tree.xpath("//a/@href") if "act=" in one}
            waiting += sorted(one for one in links if (role, self.door("GET", one)) not in self.asked)

    def _lines(self, form: HtmlElement, at: str) -> Iterator[str]:
        method = form.get("method", "get").upper()
        yield f"{self.door(method, urljoin(at, form.get('action') or urlsplit(at).path))} {method}"
        inside = form.xpath(_FIELDS)
        if form.get("id"):
            inside += form.xpath(f"//*[@form='{form.get('id')}'][@name][not(ancestor::form[@id='{form.get('id')}'])]")
        by_name: dict[str, list[HtmlElement]] = defaultdict(list)
        for one in inside:
            by_name[one.get("name")].append(one)
        yield from (f"    {steady(name)}: {_field(of)}" for name, of in by_name.items())
        yield from (f"    to {self.door('POST', to)}" for to in sorted({*form.xpath(".//button/@formaction")}))

    def lines(self) -> Iterator[str]:
        """A block for each form, by the route that takes it; below them the routes whose form no page here shows."""
        for lines, (pages, roles) in sorted(self.seen.items()):
            yield f"{lines[0]}  on {' '.join(sorted(pages)) if len(pages) <= _MANY else 'many pages'}"
            yield f"    for {', '.join(role for role in AccountRole if role in roles)}"
            yield from lines[1:]
        shown = {lines[0] for lines in self.seen} | {
            f"{to.split()[1]} POST" for ls in self.seen for to in ls if to.startswith("    to ")
        }
        for one in self.found:
            if one.method == "POST" and not one.api and f"{one.path} POST" not in shown:
                yield f"{one.path} POST  on no page of this node"


def _field(of: list[HtmlElement]) -> str:
    """The fields of one name: what kind, whether it is needed, and what may be chosen."""
    first = of[0]
    kind = first.get("type", "text") if first.tag == "input" else first.tag
    choices = [steady(one.get("value") or "") for one in of if kind in {"radio", "checkbox"} or one.tag == "button"]
    choices += [steady(one.get("value", one.text_content().strip())) for one in first.iter("option")]
    marks = {"needed": first.get("required") is not None, "several": first.get("multiple") is not None}
    said = [
        kind,
        *(mark for mark, holds in marks.items() if holds),
        *(["|".join(dict.fromkeys(choices))] if choices else []),
    ]
    return ", ".join(said)


def forms(
    world: World, examples: Mapping[str, Example], browsers: Mapping[AccountRole, Browser], linked: Iterable[str]
) -> str:
    """The forms of all pages, as people of each role see them; ``linked``: pages that mails lead to."""
    found = doors(make_application(world.node, clock=lambda: world.now))
    made = _Forms(found)
    for door in found:
        if (
            door.method == "GET"
            and not door.api
            and door.path not in PIECES
            and door.act not in {None, Permission.LINK_USE}
        ):
            at = (examples[door.path].at if door.path in examples else door.path) + QUERIES.get(door.path, "")
            for role in filter(door.lets_in, _ROLES):
                made.read(browsers[role], role, at)
    also = [
        *ALSO.items(),
        *(
            (_act_of_incident(act.page, examples), AccountRole.MANAGER)
            for act in every_act()
            if act.page.startswith(_ON_INCIDENT)
        ),
    ]
    for path, role in [*also, *((path, AccountRole.NOBODY) for path in linked)]:
        as_role = AccountRole.MANAGER if role in _LESS else role
        made.read(browsers[as_role], as_role, path)
    return "\n".join(made.lines()) + "\n"


def _act_of_incident(page: str, examples: Mapping[str, Example]) -> str:
    """The address at which a page shows the form of an act on an incident."""
    example = examples.get(page)
    at = example.at if example else fill(page, examples["/incidents/{reference}"].own)
    _, place, reference, act = at.split("/", 3)
    return f"/{place}/{reference}/act?act={act}" + ("&takedowns=1" if act.startswith("takedowns/") else "")


# What commands that read print


def reads(world: World, examples: Mapping[str, Example]) -> Iterator[tuple[str, str]]:
    """By the name of its file what each command of ``asked`` prints."""
    for name, words in sorted(tomllib.loads(READS.read_text("utf-8"))["asked"].items()):
        given = [part for word in shlex.split(words) for part in _filled(word, world, examples)]
        code, out, err = world.tocsin.call("--json", *name.split(), *given)
        assert code == 0, f"tocsin {name}: {err or out}"
        whole = out.startswith("{\n") or out.count("\n") == 1
        found = json.loads(out if whole else f"[{','.join(out.splitlines())}]")
        yield f"reads/{name.replace(' ', '-')}.json", _json(_steady(found, str(world.folder)))


def _filled(word: str, world: World, examples: Mapping[str, Example]) -> list[str]:
    """A word of ``asked``: an address stands for what fills it, ``./`` for the folder of the node."""
    if word.startswith("./"):
        return [str(world.folder / word[2:])]
    return examples[word].own.split() if word in examples else [word]


def _steady(found: Any, folder: str) -> Any:
    if isinstance(found, dict):
        return {steady(name, folder): _steady(one, folder) for name, one in found.items()}
    if isinstance(found, list):
        return [_steady(one, folder) for one in found]
    if isinstance(found, float):
        return round(found, 9)  # sums differ between versions of Python
    return steady(found, folder) if isinstance(found, str) else found


def steady(text: str, folder: str = "/nowhere") -> str:
    """The text without what differs from node to node and day to day."""
    text = "PERSON" if text == getpass.getuser() else text.replace(folder, "FOLDER")
    for shape, word in _VARIES:
        text = shape.sub(word, text)
    return text


# All of it


def dumps(folder: Path) -> dict[str, str]:
    """The text of each file below ``tests/doors``, of a node that is made in ``folder``."""
    world = make_world(folder)
    with world.open:
        examples, team = furnish(world), read_team(world.node.database, OPERATOR)[0].id
        server = make_application(world.node, clock=lambda: world.now)
        with browsers_of(world, *_ROLES, teams=(team,)) as people:
            browsers = dict(zip(_ROLES, people, strict=True))
            answers = answer_paths(world, browsers[AccountRole.NOBODY].client)
            linked = [*answers.values(), *verify_paths(world).values(), examples["/call/{token}"].at]
            return {
                "commands.txt": "\n".join(_command_lines()) + "\n",
                "openapi.json": _openapi(_api_of(server).openapi()),
                "routes.txt": "\n".join(_route_lines(doors(server))) + "\n",
                **dict(reads(world, examples)),
                "forms.txt": forms(world, examples, browsers, linked),
            }


def _api_of(server: Any) -> Any:
    return next(one.app for one in server.routes if getattr(one, "path", "") == "/api/v1")


def kept() -> dict[str, str]:
    """The texts as they lie in the repository."""
    paths = [path for path in KEPT.rglob("*") if path.suffix in {".txt", ".json"}]
    return {path.relative_to(KEPT).as_posix(): path.read_text("utf-8") for path in paths}


def differences(said: Mapping[str, str]) -> str:
    """What differs between the texts that lie here and what the program says."""
    lies = kept()
    lines: list[str] = []
    for name in sorted({*lies, *said}):
        old, new = (of.get(name, "").splitlines(keepends=True) for of in (lies, said))
        lines += difflib.unified_diff(old, new, f"tests/doors/{name}", "what the program says", n=1)
    return "".join(lines)


def renew(said: Mapping[str, str]) -> None:
    """Write the texts anew; those of what is no more go."""
    for name in kept().keys() - said.keys():
        (KEPT / name).unlink()
    for name, text in said.items():
        (KEPT / name).parent.mkdir(exist_ok=True)
        (KEPT / name).write_text(text, "utf-8")


def figures() -> dict[str, Any]:
    """How many acts there are, and how many of them, of reads and of fields are made from data."""
    acts, known = list(every_act()), commands().keys() - {""}
    asked = tomllib.loads(READS.read_text("utf-8"))
    fields = [one for act in acts for one in act.request.model_fields.values()]
    return {
        "acts": len(acts),
        "commands": _of(act.command for act in acts),
        "api": _of(act.route for act in acts),
        "pages": _of(act.page for act in acts),
        "reads": {"views": 0, "own": len(known & {*asked["asked"], *asked["read"]})},
        "fields": {"all": len(fields), "titled": sum(bool(one.title) for one in fields)},
    }


def _of(addresses: Iterable[str]) -> dict[str, int]:
    kinds = [
        "own" if isinstance(one, OwnSurface) else "absent" if isinstance(one, Absence) else "made" for one in addresses
    ]
    return {kind: kinds.count(kind) for kind in ("made", "own", "absent")}
