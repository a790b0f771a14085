"""What the doctor looks at where there are several machines: whether they agree, and whether Ray asks for its token."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from tocsin.node.errors import SettingError
from tocsin.node.sentences import say
from tocsin.node.work_settings import check_ray_token
from tocsin.operations.health_finding import HealthFinding
from tocsin.operations.machines import APART, clocks_apart, list_machines, unlike_files
from tocsin.pipeline.stores import NodeWithStores

_SECONDS: Final = 20
_ASK: Final = """
import json, sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    nodes = GcsClient(address=sys.argv[1]).get_all_node_info(timeout=5).values()
except AuthenticationError:
    print(json.dumps({"refused": True}))
else:
    found = [[one.node_manager_address, one.state == 0, one.resources_total.get("CPU", 0)] for one in nodes]
    print(json.dumps({"machines": found}))
"""
"""A program that asks a cluster for its machines; it prints addresses, whether they are there, and their cores."""


def machines(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether the machines over one database agree; nothing where there is one."""
    found = list_machines(node.database)
    if len(found) < 2:
        return
    here = [one for one in found if not one.gone]
    wrong = [
        (
            say("%(name)s was last seen at %(at)s UTC", name=one.name, at=f"{one.seen_at:%Y-%m-%d %H:%M}"),
            say("Start its server again, or remove it: 'tocsin machines remove %(name)s'.", name=one.name),
        )
        for one in found
        if one.gone
    ]
    if unlike := unlike_files(here):
        wrong.append(
            (
                say("not alike on all: %(names)s", names=", ".join(unlike)),
                say("Copy them from one machine to the others, then restart the servers: docs/cluster.md."),
            )
        )
    if (apart := clocks_apart(here)) > APART:
        mend = say("Let all of them take the time from the same servers (NTP).")
        wrong.append((say("clocks are %(seconds)s seconds apart", seconds=f"{apart:.1f}"), mend))
    if len(versions := sorted({one.version for one in here})) > 1:
        mend = say("Finish the upgrade: the others work on meanwhile.")
        wrong.append((say("versions %(versions)s", versions=", ".join(versions)), mend))
    if not wrong:
        yield HealthFinding(say("machines"), True, say("%(n)s at work, and alike", n=len(here)))
    for words, mend in wrong:
        yield HealthFinding(say("machines"), False, words, mend)


def cluster(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whoever reaches Ray's ports without a token runs programs as us, so that is tried, as a stranger would."""
    work = node.settings.work
    what = say("Ray cluster")
    if work.on != "ray":
        return
    stranger = _asked(work.address, RAY_AUTH_MODE="disabled")
    if "machines" in stranger:
        yield HealthFinding(
            what, False, say("%(address)s answers without a token", address=work.address),
            say("Stop it, and start each machine with RAY_AUTH_MODE=token: docs/cluster.md."),
        )  # fmt: skip
        return
    ours = _asked(work.address)
    if "machines" not in ours:
        found = say("does not take our token") if "refused" in ours else str(ours["error"])
        mend = say("Each machine needs the same token, and this one must reach the others: docs/cluster.md.")
        yield HealthFinding(what, False, found, mend)
        return
    here = {address: cores for address, alive, cores in ours["machines"] if alive}
    gone = sorted({address for address, *_ in ours["machines"]} - here.keys())
    cores = round(sum(here.values()))
    missing = not cores or cores < work.workers
    found = say("%(machines)s machines, %(cores)s cores for work", machines=len(here), cores=cores)
    if missing and gone:
        found = say("%(found)s; gone: %(gone)s", found=found, gone=", ".join(gone[:5]))
    yield HealthFinding(
        what, not missing, found,
        say("Start them again; meanwhile the others do the work. [work] workers says how many there should be.")
        if missing
        else "",
    )  # fmt: skip


def _asked(address: str, **environment: str) -> dict[str, Any]:
    """What a cluster answers to a process of its own, whose environment says whether it has a token."""
    host, _, port = address.rpartition(":")
    try:
        if not environment:
            check_ray_token()
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        asked = subprocess.run(
            [sys.executable, "-c", _ASK, address], env={**os.environ, **environment}, timeout=_SECONDS,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except SettingError as error:
        return {"error": str(error)}
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": say("%(address)s does not answer: %(error)s", address=address, error=type(error).__name__)}
    answer: dict[str, Any] = json.loads(asked.stdout)
    return answer
