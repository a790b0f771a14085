"""What commands on a home print, as one JSON object: run as a program, so that it can run in another time.

Usage: `python -m support.printed HOME COMMAND…`, each command one argument. A name is the command, its value the
document that it prints, and of `events`, which prints lines, their number.
"""

import json
import os
import sys
from pathlib import Path

from support.cast import Tocsin


def printed(node: Tocsin, command: str) -> object:
    if command == "events":
        return len(node.lines("--json", "events", "--limit", "5000"))
    return node.json(*command.split())


if __name__ == "__main__":
    home, *commands = sys.argv[1:]
    on = Tocsin(Path(home), {**os.environ, "NO_COLOR": "1"})
    sys.stdout.write(json.dumps({command: printed(on, command) for command in commands}))
