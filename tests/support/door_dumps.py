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
READS: Final = tomllib.loads((KEPT / "reads.toml").read_text("utf-8"))
"""What is asked, and what is not, and why; and what is done before forms are read."""

_Browsers = Mapping[AccountRole, Browser]
_LESS: Final = {AccountRole.ANALYST, AccountRole.AUDITOR}
"""Roles that see no form that a manager does not see; as a manager sees none that an administrator does not see."""
_ROLES: Final = [role for role in AccountRole if role not in _LESS]
_FIELDS: Final = ".//input[@name] | .//select[@name] | .//textarea[@name] | .//button[@name]"
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
    kind = "flag" if getattr(one, "is_flag", False) else _kind(one.type_descriptor.annotation)
    marks = {
        "/".join([*one.opts, *one.secondary_opts]) + f": {kind}": True,
        "needed": one.required, "several": one.multiple or one.nargs != 1, "hidden": one.hidden,
        f"at least {one.min}": one.min is not None, f"at most {one.max}": one.max is not None,
        f"else {_word(one.default)}": one.default not in (None, "", False, (), []), f"or {one.envvar}": one.envvar,
    }  # fmt: skip
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _kind(of: Any) -> str:
    """A type as people write it: its choices, or a word."""
    if inner := [one for one in get_args(of) if one is not NoneType]:
        return "|".join(map(_word, inner)) if get_origin(of) is Literal else " or ".join(map(_kind, inner))
    if isinstance(of, type) and issubclass(of, Enum):
        return "|".join(map(_word, of))
    return str(getattr(of, "__name__", of)).lower()


def _word(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


# The API, and who may use which address


def _route_lines(found: Iterable[Door]) -> Iterator[str]:
    for door in found:
        yield f"{door.path} {door.method} {door.act or 'nobody'}{' (of all)' if door.everything else ''}"


def _json(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


# Forms


@dataclass
class _Forms:
    """What the pages of a node offer to be filled in: a form's lines → the pages that it is on, and for which roles."""

    found: list[Door]
    seen: dict[tuple[str, ...], tuple[set[str], set[AccountRole]]] = field(default_factory=dict)
    asked: set[tuple[AccountRole, str]] = field(default_factory=set)

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
            if (role, at if at == address else page) in self.asked:
                continue
            self.asked |= {(role, at), (role, page)}
            answer = browser.get(at)
            if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/html"):
                continue
            tree: Any = document_fromstring(answer.text)
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
        yield from (f"    to {self.door('POST', to)} POST" for to in sorted({*form.xpath(".//button/@formaction")}))

    def lines(self) -> Iterator[str]:
        """A block for each form, by the route that takes it; below them the routes whose form no page here shows."""
        for lines, (pages, roles) in sorted(self.seen.items()):
            yield f"{lines[0]}  on {' '.join(sorted(pages)) if len(pages) <= _MANY else 'many pages'}"
            yield f"    for {', '.join(role for role in AccountRole if role in roles)}"
            yield from lines[1:]
        shown = {line.removeprefix("    to ") for lines in self.seen for line in lines}
        for one in self.found:
            if one.method == "POST" and not one.api and f"{one.path} POST" not in shown:
                yield f"{one.path} POST  on no page of this node"


def _field(of: list[HtmlElement]) -> str:
    """The fields of one name: what kind, whether it is needed, and what may be chosen."""
    first = of[0]
    kind = first.get("type", "text") if first.tag == "input" else first.tag
    choices = [steady(one.get("value") or "") for one in of if kind in {"radio", "checkbox"} or one.tag == "button"]
    choices += [steady(one.get("value", one.text_content().strip())) for one in first.iter("option")]
    marks = {
        kind: True, "needed": first.get("required") is not None, "several": first.get("multiple") is not None,
        "|".join(dict.fromkeys(choices)): choices,
    }  # fmt: skip
    return ", ".join(mark for mark, holds in marks.items() if holds)


def forms(found: list[Door], examples: Mapping[str, Example], browsers: _Browsers, linked: Iterable[str]) -> str:
    """The forms of all pages, as people of each role see them; ``linked``: pages that mails lead to."""
    made, first = _Forms(found), AccountRole.ADMINISTRATOR
    for door in found:
        if door.method == "POST" or door.api or door.path in PIECES or door.act in {None, Permission.LINK_USE}:
            continue
        at = (examples[door.path].at if door.path in examples else door.path) + QUERIES.get(door.path, "")
        roles = [role for role in browsers if door.lets_in(role)]
        for role in set(roles) - ({AccountRole.MANAGER} if first in roles else set()):
            made.read(browsers[role], role, at)
    on_incidents = [act.page for act in every_act() if act.page.startswith("/incidents/{reference}/")]
    also = {first: [form_of_incident(page, examples) for page in on_incidents] + READS["more"]["pages"]}
    for role, paths in [*also.items(), *((role, [path]) for path, role in ALSO.items()), (AccountRole.NOBODY, linked)]:
        whose = AccountRole.MANAGER if role in _LESS else role
        for path in paths:
            made.read(browsers[whose], whose, path)
    return _text(made.lines())


def form_of_incident(page: str, examples: Mapping[str, Example]) -> str:
    """The address at which a page shows the form of an act on an incident."""
    example = examples.get(page)
    at = example.at if example else fill(page, examples["/incidents/{reference}"].own)
    _, place, reference, act = at.split("/", 3)
    return f"/{place}/{reference}/act?act={act}" + ("&takedowns=1" if act.startswith("takedowns/") else "")


# What commands that read print


def reads(world: World, examples: Mapping[str, Example]) -> Iterator[tuple[str, str]]:
    """By the name of its file what each command of ``asked`` prints."""
    for name, words in sorted(READS["asked"].items()):
        code, out, err = world.tocsin.call("--json", *name.split(), *_filled(words, world, examples))
        assert code == 0, f"tocsin {name}: {err or out}"
        whole = out.startswith("{\n") or out.count("\n") == 1
        found = json.loads(out if whole else f"[{','.join(out.splitlines())}]")
        yield f"reads/{name.replace(' ', '-')}.json", _json(_steady(found, str(world.folder)))


def _filled(words: str, world: World, examples: Mapping[str, Example]) -> Iterator[str]:
    """The words of a command: an address stands for what fills it, ``./`` for the folder of the node."""
    for word in shlex.split(words):
        if word.startswith("./"):
            yield str(world.folder / word[2:])
        else:
            yield from examples[word].own.split() if word in examples else [word]


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
    text = "SOMEBODY" if text in {getpass.getuser(), "test"} else text.replace(folder, "FOLDER")
    for shape, word in _VARIES:
        text = shape.sub(word, text)
    return text


# All of it


def dumps(folder: Path) -> dict[str, str]:
    """The text of each file below ``tests/doors``, of a node that is made in ``folder``."""
    world = make_world(folder)
    with world.open:
        examples, team = furnish(world), read_team(world.node.database, OPERATOR)[0].id
        server: Any = make_application(world.node, clock=lambda: world.now)
        found = doors(server)
        (api,) = (one.app.openapi() for one in server.routes if getattr(one, "path", "") == "/api/v1")
        with browsers_of(world, *_ROLES, teams=(team,)) as people:
            browsers = dict(zip(_ROLES, people, strict=True))
            answers = answer_paths(world, browsers[AccountRole.NOBODY].client)
            linked = [*answers.values(), *verify_paths(world).values(), examples["/call/{token}"].at]
            read = dict(reads(world, examples))
            for words in READS["more"]["commands"]:
                world.tocsin.run(*_filled(words, world, examples))
            return {
                "commands.txt": _text(_command_lines()),
                "openapi.json": _json({**api, "info": {**api["info"], "version": "VERSION"}}),
                "routes.txt": _text(_route_lines(found)),
                "forms.txt": forms(found, examples, browsers, linked),
                **read,
            }


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def kept() -> dict[str, str]:
    """The texts as they lie in the repository."""
    paths = [path for path in KEPT.rglob("*.*") if path.name != "reads.toml"]
    return {path.relative_to(KEPT).as_posix(): path.read_text("utf-8") for path in paths}


def differences(said: Mapping[str, str]) -> str:
    """What differs between the texts that lie here and what the program says."""
    lies, lines = kept(), list[str]()
    for name in sorted({*lies, *said}):
        old, new = (of.get(name, "").splitlines(keepends=True) for of in (lies, said))
        lines += difflib.unified_diff(old, new, f"tests/doors/{name}", "what the program says", n=1)
    return "".join(lines)


def renew(said: Mapping[str, str]) -> None:
    """Write the texts anew; those of what is no more go."""
    for name in kept().keys() - said.keys():
        (KEPT / name).unlink()
    for name, text in said.items():
        (KEPT / name).write_text(text, "utf-8")


def figures() -> dict[str, Any]:
    """How many acts there are, and how many of them, of reads and of fields are made from data."""
    acts = list(every_act())
    fields = [one for act in acts for one in act.request.model_fields.values()]
    return {
        "acts": len(acts),
        "commands": _of(act.command for act in acts),
        "api": _of(act.route for act in acts),
        "pages": _of(act.page for act in acts),
        "reads": {"views": 0, "own": len(READS["asked"]) + len(READS["read"])},
        "fields": {"all": len(fields), "titled": sum(bool(one.title) for one in fields)},
    }


def _of(addresses: Iterable[str]) -> dict[str, int]:
    kinds = [{OwnSurface: "own", Absence: "absent"}.get(type(one), "made") for one in addresses]
    return {kind: kinds.count(kind) for kind in ("made", "own", "absent")}
