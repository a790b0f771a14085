"""``tocsin.toml`` with other values of ``[storage]``, everything else in it as a person wrote it."""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tocsin.node.errors import SettingError
from tocsin.node.files import write_whole
from tocsin.node.paths import HomeFile
from tocsin.node.records import cut

_SECTION = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")


def check_can_switch(home: Path, values: Mapping[str, str]) -> None:
    """Whether `switch_settings` will do.

    Raises:
        SettingError: the file is written so that a person must do it.

    """
    _switched(_text(home), values)


def switch_settings(home: Path, values: Mapping[str, str], now: datetime) -> str:
    """Write values of ``[storage]``, whole or not at all; the name of the file as it was stays beside it, if any.

    Raises:
        SettingError: as `check_can_switch`.

    """
    path, old = home / HomeFile.SETTINGS, _text(home)
    kept = ""
    if path.exists():
        kept = f"{HomeFile.SETTINGS}.before-{now:%Y%m%d-%H%M%S}"
        write_whole(home / kept, old.encode())
        cut("move.kept")
    write_whole(path, _switched(old, values).encode())
    return kept


def _text(home: Path) -> str:
    path = home / HomeFile.SETTINGS
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _switched(old: str, values: Mapping[str, str]) -> str:
    lines = old.splitlines()
    headers = {match[1].strip(): at for at, line in enumerate(lines) if (match := _SECTION.match(line))}
    if "storage" not in headers:
        lines += [*([""] if lines else []), "[storage]"]
        headers["storage"] = len(lines) - 1
    begin = headers["storage"]
    end = min((at for at in headers.values() if at > begin), default=len(lines))
    for name, value in values.items():
        line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        found = next((at for at in range(begin + 1, end) if re.match(rf"\s*{name}\s*=", lines[at])), None)
        if found is not None:
            lines[found] = line
        else:
            lines.insert(begin + 1, line)
            end += 1
    new = "\n".join([*lines, ""])
    wanted = tomllib.loads(old)
    wanted["storage"] = wanted.get("storage", {}) | values
    try:
        well = tomllib.loads(new) == wanted
    except tomllib.TOMLDecodeError:
        well = False
    if not well:
        words = ", ".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
        raise SettingError(
            "The table [storage] of tocsin.toml is not written in a way that can be changed here.",
            hint=f"Write it as [storage] with a line for each setting; it will have: {words}.",
        )
    return new
