"""A fixed cast for whole journeys, and the command line as a user runs it.

Two national teams, one sector team, one operator, one outsider who is never told anything. Networks are documentation
prefixes (RFC 5737, RFC 3849) and AS numbers (RFC 5398).
"""

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tocsin.cli import main

CAST = """
[[team]]
key = "nat-a"
name = "National CSIRT of A"
kind = "national"
country = "MU"
mailboxes = ["csirt@nat-a.example"]
interval = "at_once"

[[team]]
key = "nat-b"
name = "National CSIRT of B"
kind = "national"
mailboxes = ["csirt@nat-b.example"]
interval = "at_once"

[[team]]
key = "sector"
name = "Bank Sector Team"
kind = "sectoral"
mailboxes = ["cert@banks.example"]
interval = "at_once"

[[team]]
key = "operator"
name = "Example Operator"
kind = "operator"
mailboxes = ["abuse@operator.example"]
interval = "at_once"
formats = ["csv", "jsonl"]

[[team]]
key = "green"
name = "Wants Green Only"
mailboxes = ["abuse@green.example"]
interval = "at_once"
ceiling = "GREEN"

[[team]]
key = "outsider"
name = "Outsider"
mailboxes = ["nobody@outsider.example"]
interval = "at_once"
"""
RULES = """team,kind,value,role
nat-a,prefix,192.0.2.0/24,informed
operator,prefix,192.0.2.0/24,responsible
sector,prefix,192.0.2.128/25,responsible
nat-b,prefix,2001:db8::/32,responsible
green,prefix,203.0.113.0/24,responsible
"""
HEADER = '"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city"'


@dataclass(frozen=True)
class Tocsin:
    """The command line on one home folder; ``clock``: its time, else the machine's."""

    home: Path
    environment: dict[str, str]
    clock: Callable[[], datetime] | None = None

    def run(self, *arguments: str | Path, code: int = 0, stdin: bytes = b"") -> str:
        """Standard output of one command, which must end with ``code``."""
        found, out, err = self.call(*arguments, stdin=stdin)
        assert found == code, err or out
        return out

    def call(self, *arguments: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
        """Exit code, standard output and standard error of one command, run in this process."""
        written = io.BytesIO(), io.BytesIO()
        out, err = (io.TextIOWrapper(stream, encoding="utf-8", write_through=True) for stream in written)
        before = sys.stdin
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main(["--home", str(self.home), *map(str, arguments)], clock=self.clock)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdin = before
        return code, written[0].getvalue().decode(), written[1].getvalue().decode()

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """The JSON document that one command prints."""
        return json.loads(self.run("--json", *arguments, code=code))

    def lines(self, *arguments: str | Path) -> list[Any]:
        """The JSON lines that one command prints."""
        return [json.loads(line) for line in self.run(*arguments).splitlines()]
