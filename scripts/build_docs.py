"""Writes the pages of docs/ that are made from the code: acts.md, commands.md, settings.md, fields.md.

scripts/build_docs.py           writes them
scripts/build_docs.py --check   says which differ from the code, and ends with 1 when one does
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import get_args, get_origin

import typer.main
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tocsin.cli import COMMANDS, application
from tocsin.cli.acts import every_act
from tocsin.events.classify import TYPES
from tocsin.events.schema import FIELDS, FieldKind, Privacy
from tocsin.interface.acts import Absence, Act
from tocsin.node.accounts import AccountRole
from tocsin.node.accounts.permissions import Extent, extent
from tocsin.node.settings import Settings
from tocsin.pipeline.collectors.kinds import OWN_KINDS, kind_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "<!-- made by scripts/build_docs.py: change the code, then run it -->"

ACTS_HEAD = """# Acts

What can be changed here, made from the code: each act is [written once](design/acts.md), with its command, its route in
the [API](api.md) and its page. Where it is not on one of them, the reason is given.

A permission is what a [role](people.md) gives; *own*: for the things of the own teams. `/api/v1` comes before each
route, `tocsin` before each command.
"""

COMMANDS_HEAD = """# Commands

Every command, made from the code. `tocsin COMMAND --help` says the same in the terminal.

- `--home DIR`, or the environment variable `TOCSIN_HOME`, names the folder of the node; without it, `home` in the
  folder you are in. It can be given before or after the command.
- `--server URL`, or `TOCSIN_SERVER`, asks [another node](api.md#from-the-command-line) in its place; some commands can.
- `--json` prints one JSON document on standard output, or one a line where said, and nothing else there. Progress and
  warnings go to standard error.
- A command ends with 0 when it did what was asked, 1 when it failed, 2 when it was asked in a wrong way.
"""

SETTINGS_HEAD = """# Settings

Every setting, made from the code. They are in `tocsin.toml` in the home folder; what is not there has the value
below. Nothing has to be set.

```toml
[node]
name = "CSIRT of Kestria"
country = "XA"
contact = "csirt@kestria.example"

[mail]
channel = "smtp"
host = "mail.kestria.example"
```

Each is also an environment variable, which wins over the file: `TOCSIN_MAIL_HOST` is `host` in `[mail]`.
A setting that is unknown or does not work stops every command with a sentence that names it.
"""

FIELDS_HEAD = """# Fields of an event

Every field, made from the one schema (`src/tocsin/events/schema.py`). Names are those of the IntelMQ Data Format (IDF);
a field marked "ours" is not in it. What a feed says beyond these fields stays in `extra`, a JSON object.

The class says what a field may tell; [the release gate](design/release.md) decides by it what goes to whom.

| class | what it may tell |
|---|---|
| public | nothing of one network or person |
| technical | something of one network or machine |
| personal | maybe something of a person (GDPR, article 4) |
"""

# What a person fills in, for the types that Typer names.
_TYPES = {
    "NUMBER": r"<(list\[)?(int|float)( range)?\]?>",
    "TEXT": r"<(list\[)?str\]?>",
    "PATH": r"<(list\[)?[Pp]ath\]?>",
}

KINDS = {
    FieldKind.IP: "address, IPv4 or IPv6",
    FieldKind.NETWORK: "network as CIDR",
    FieldKind.PORT: "0 to 65535",
    FieldKind.ASN: "1 to 4294967295",
    FieldKind.TIME: "time, UTC, to the microsecond",
    FieldKind.INTEGER: "whole number",
    FieldKind.FLOAT: "number",
    FieldKind.BOOLEAN: "true or false",
    FieldKind.TEXT: "text",
    FieldKind.LOWER: "text, lower case",
    FieldKind.UPPER: "text, upper case",
    FieldKind.DOMAIN: "domain name, lower case",
    FieldKind.COUNTRY: "two letters, upper case",
    FieldKind.URL: "URL",
    FieldKind.JSON: "JSON object",
}


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "acts.md": _page(ACTS_HEAD, act_sections()),
        "commands.md": _page(COMMANDS_HEAD, command_sections()),
        "settings.md": _page(SETTINGS_HEAD, setting_sections()),
        "fields.md": _page(FIELDS_HEAD, field_section()),
    }


def act_sections() -> Iterator[str]:
    acts = list(every_act())
    yield f"{len(acts)} acts:\n"
    yield _table(
        ("act", "command", "API", "page", "permission", "who", "audit"),
        [
            (
                act.summary,
                *(_address(address) for address in (act.command, act.route, act.page)),
                f"`{act.permission}`",
                _roles(act),
                ", ".join(f"`{word}`" for word in act.audit),
            )
            for act in acts
        ],
    )


def _address(address: str) -> str:
    return f"no: {address}" if isinstance(address, Absence) else f"`{address}`"


def _roles(act: Act) -> str:
    reaches = {role: extent(role, act.permission) for role in AccountRole}
    return ", ".join(
        role if reach is Extent.ALL else f"{role} (own)"
        for role, reach in reaches.items()
        if reach is Extent.ALL or (reach is Extent.OWN and not act.everything)
    )


def command_sections() -> Iterator[str]:
    root = typer.main.get_command(application(COMMANDS))
    context = typer.Context(root, info_name="tocsin")
    yield from _command(root, context, "tocsin", level=1)


def _command(command: object, context: typer.Context, name: str, *, level: int) -> Iterator[str]:
    if level > 1:
        yield f"{'#' * level} {name}\n"
        yield inspect.cleandoc(command.help or "").replace("\\[", "[") + "\n"
    inner = list(command.list_commands(context)) if isinstance(command, typer.core.TyperGroup) else []
    if not inner:
        usage = [_placeholder(piece) for piece in command.collect_usage_pieces(context)]
        yield f"```\n{' '.join([name, *usage])}\n```\n"
        params = [param for param in command.get_params(context) if param.name != "help"]
        rows = [(param, param.get_help_record(context)) for param in params]
        shown = [
            (f"`{_label(param.param_type_name, record[0])}`", record[1].replace("<", "&lt;"))
            for param, record in rows
            if record
        ]
        if shown:
            yield _table(("argument or option", "what it is"), shown)
    for inner_name in inner if level > 1 else COMMANDS:
        found = command.get_command(context, inner_name)
        yield from _command(found, context, f"{name} {inner_name}", level=level + 1)


def _placeholder(piece: str) -> str:
    """``{paths}...`` as ``PATHS...``, the way manuals write what one fills in."""
    return re.sub(r"{(\w+)}", lambda found: found[1].upper(), piece)


def _label(kind: str, label: str) -> str:
    if kind == "argument":
        return label.partition(" ")[0].upper()
    for ours, theirs in _TYPES.items():
        label = re.sub(theirs, ours, label)
    return label


def setting_sections() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        if section == "collect":
            yield from collector_sections()
            continue
        yield f"## [{section}]\n"
        yield inspect.cleandoc(field.annotation.__doc__ or "") + "\n"
        rows = []
        for name, setting in field.annotation.model_fields.items():
            default = "" if setting.default is PydanticUndefined else _toml(setting.default)
            variable = f"TOCSIN_{section}_{name}".upper()
            rows.append((f"`{name}`", f"`{default}`", _takes(setting), setting.description or "", f"`{variable}`"))
        yield _table(("setting", "without it", "takes", "what it is", "environment"), rows)


def collector_sections() -> Iterator[str]:
    yield "## [collect.NAME]\n"
    yield "A [collector](collectors.md) of this name. What it takes depends on its kind. No variable sets it.\n"
    for name in sorted(OWN_KINDS):
        kind = kind_of(name).settings
        yield f'### kind = "{name}"\n'
        yield inspect.cleandoc(kind.__doc__ or "") + "\n"
        rows = [
            (f"`{name}`", _without(setting), setting.description or "")
            for name, setting in kind.model_fields.items()
            if name != "kind"
        ]
        yield _table(("setting", "without it", "what it is"), rows)


def _without(setting: FieldInfo) -> str:
    if setting.is_required():
        return "it must be there"
    default = setting.default
    return f"`{json.dumps('1h' if isinstance(default, timedelta) else default)}`"


def _takes(setting: FieldInfo) -> str:
    """What values a setting takes, in words."""
    if get_origin(setting.annotation) in (dict, Mapping):
        return "a table"
    if setting.annotation is bool:
        return "`true` or `false`"
    if get_origin(setting.annotation) is tuple:
        return "a list of texts; in the environment with commas between them"
    if choices := get_args(setting.annotation):
        return " or ".join(f"`{_toml(choice)}`" for choice in choices)
    bounds = {type(bound).__name__: bound for bound in setting.metadata}
    low, high = (getattr(bounds.get(kind), kind.lower(), None) for kind in ("Ge", "Le"))
    if setting.annotation is not int:
        return "text"
    return f"{low:,} to {high:,}" if high is not None else f"{low:,} and more"


def field_section() -> Iterator[str]:
    classes = {
        Privacy.PUBLIC: "public",
        Privacy.TECHNICAL: "technical",
        Privacy.PERSONAL: "personal",
    }
    rows = [
        (f"`{field.name}`", KINDS[field.kind], classes[field.privacy], field.meaning + ("" if field.idf else " (ours)"))
        for field in FIELDS
    ]
    yield f"{len(FIELDS)} fields:\n"
    yield _table(("field", "holds", "class", "meaning"), rows)
    yield "## Types\n"
    yield "What `classification.type` may say; another word is kept, and counts as `undetermined`.\n"
    types = [one for name, one in TYPES.items() if name == one.type]
    rows = [(one.rsit_taxonomy, f"`{one.type}`", one.rsit_type, _also(one.type)) for one in types]
    yield _table(("class of RSIT", "type", "type of RSIT", "also taken for it"), rows)


def _also(name: str) -> str:
    return ", ".join(f"`{other}`" for other, one in TYPES.items() if one.type == name != other)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return str(value) if isinstance(value, int | dict) else f'"{value}"'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(head: str, parts: Iterator[str]) -> str:
    title, rest = head.split("\n", 1)
    return "\n".join([title, "", MADE, rest, *parts])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say what differs, write nothing")
    check = parser.parse_args().check
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} {'differs from the code: run scripts/build_docs.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
