"""Asks TAXII here and at medallion, OASIS's own server, the same of the same objects, and says where they differ.

Exit status 1 where they differ otherwise than `KNOWN` says.

python3.11 -m venv FOLDER && FOLDER/bin/pip install medallion==3.0.0
python bench/taxii_medallion.py --medallion FOLDER/bin/medallion
"""

import argparse
import json
import subprocess
import sys
import tempfile
from asyncio import run
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import select

from console_events import wait_for
from pipeline import tocsin
from taxii import indicators
from tocsin.exchange.protocols import CollectionWriter, TaxiiCollection, TaxiiFilter, TaxiiObject, read_objects, refresh
from tocsin.node.home import open_home
from tocsin.operations.machines import ServersAtWork
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.server.taxii import MEDIA, TaxiiServer

_PORT: Final = 18_766
_NO_ID: Final = "indicator--00000000-0000-4000-8000-999999999999"
_FIRST: Final = "2026-01-01T00:00:00.000Z"
_NO_UUID: Final = "00000000-0000-4000-8000-000000000000"
_POSTED: Final = {"objects": [next(indicators(900, 1))]}


@dataclass(frozen=True)
class Call:
    """A request; ``path`` has names of collections and objects in braces."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def __str__(self) -> str:
        """As the list of differences names it."""
        said = [f"{name}={text}" for name, text in {**self.query, **self.headers}.items()]
        return " ".join([self.method, self.path or "/", *said])


_OBJECTS: Final = "root/collections/{shared}/objects/"
_MANIFEST: Final = "root/collections/{shared}/manifest/"
_ONE: Final = _OBJECTS + "{one}/"
_QUERIES: Final[list[dict[str, str]]] = [
    {}, {"limit": "1"}, {"limit": "4"}, {"limit": "7"}, {"limit": "1000000"}, {"limit": "0"}, {"limit": "-1"},
    {"limit": "x"}, {"next": "nothing"}, {"added_after": "{middle}"}, {"added_after": "{last}"},
    {"added_after": "1990-01-01T00:00:00Z"}, {"added_after": "monday"}, {"added_after": "{middle}", "limit": "3"},
    {"match[type]": "indicator"}, {"match[type]": "indicator,grouping"}, {"match[type]": "nothing"},
    {"match[id]": "{one}"}, {"match[id]": "{one},{other}"}, {"match[id]": _NO_ID}, {"match[version]": "last"},
    {"match[version]": "first"}, {"match[version]": "all"}, {"match[version]": "all", "limit": "3"},
    {"match[version]": "first,last"}, {"match[version]": _FIRST}, {"match[version]": f"{_FIRST},last"},
    {"match[version]": "old"}, {"match[spec_version]": "2.1"}, {"match[spec_version]": "2.0"},
    {"match[id]": "{one}", "match[version]": "all"}, {"match[type]": "indicator", "limit": "2"},
    {"match[unknown]": "x"},
]  # fmt: skip
CALLS: Final = [
    Call(""), Call("root/"), Call("root/collections/"), Call("root/collections/{shared}/"),
    Call("root/collections/{inbox}/"), Call(f"root/collections/{_NO_UUID}/"), Call("nothing/"),
    Call(f"root/status/{_NO_UUID}/"), Call("", headers={"Accept": "application/taxii+json;version=2.0"}),
    Call("", headers={"Accept": "text/html"}), Call("", headers={"Accept": "application/taxii+json"}),
    Call("", headers={"Authorization": "Basic eDp5"}), Call("", headers={"Accept": "*/*"}),
    *(Call(path, query) for path in (_OBJECTS, _MANIFEST) for query in _QUERIES),
    Call(_ONE), *(Call(_ONE, {"match[version]": one}) for one in ("first", "all", _FIRST)),
    Call(_OBJECTS + _NO_ID + "/"), Call(_ONE + "versions/"), Call(_ONE + "versions/", {"limit": "1"}),
    Call(_OBJECTS + _NO_ID + "/versions/"), Call(f"root/collections/{_NO_UUID}/objects/"),
    Call("root/collections/{inbox}/objects/"), Call("root/collections/{inbox}/manifest/"),
    Call(_OBJECTS, method="POST", body=_POSTED, headers={"Content-Type": MEDIA}),
    Call("root/collections/{inbox}/objects/", method="POST", body=_POSTED, headers={"Content-Type": MEDIA}),
    Call("root/collections/{inbox}/objects/", method="POST", body=_POSTED, headers={"Content-Type": "text/plain"}),
    Call(_ONE, method="DELETE"),
]  # fmt: skip

_NO_VERSION: Final = "Accept without a version, or that takes all, is served as the newest (1.6.8; RFC 9110, 12.5.1)."
_NO_VALUE: Final = "What a filter cannot take is the client's fault, 400 (3.6); medallion fails."
KNOWN: Final = {
    str(Call("", headers={"Accept": "application/taxii+json"})): _NO_VERSION,
    str(Call("", headers={"Accept": "*/*"})): _NO_VERSION,
    **{
        str(Call(path, query)): _NO_VALUE
        for path in (_OBJECTS, _MANIFEST)
        for query in ({"added_after": "monday"}, {"match[version]": "old"})
    },
    str(Call(_ONE + "versions/")): "Versions come in the order that they were added, as objects do (3.3).",
    str(CALLS[-3]): "Pending until a person decides (4.3); medallion takes all at once.",
}
"""The differences that there are, each with its section of TAXII 2.1."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--medallion", type=Path, required=True, help="Its program, in an environment of its own.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        same, differences = run(compare(Path(folder), options.medallion))
    found = {name: [KNOWN.get(name, "?"), what] for name, what in differences.items()}
    json.dump({"calls": len(CALLS), "same": same, "differences": found}, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.exit(differences.keys() != KNOWN.keys())


async def compare(folder: Path, medallion: Path) -> tuple[int, dict[str, Any]]:
    """How many calls are answered the same, and what differs of the others: ours, theirs."""
    node, secret = seeded(folder / "home")
    application = TaxiiServer(node, lambda: datetime.now(UTC), ServersAtWork())
    sent: dict[str, Any] = {"auth": ("any", secret), "headers": {"Accept": MEDIA}, "trust_env": False}
    here = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1/", **sent)
    names, differences = {**names_of(node)}, dict[str, Any]()
    listed = (await here.get("root/collections/")).json()["collections"]
    names |= {"shared": listed[0]["id"], "inbox": listed[1]["id"]}
    config = write_config(folder, node, listed, secret)
    with serving(medallion, config) as url:
        there = httpx.AsyncClient(base_url=url, **sent)
        for call in CALLS:
            ours, theirs = [await answers(client, call, names, at) for client, at in ((here, ""), (there, "taxii2/"))]
            if ours != theirs:
                differences[str(call)] = _differing(ours, theirs)
    return len(CALLS) - len(differences), differences


def seeded(home: Path) -> tuple[NodeWithStores, str]:
    """A node whose partner reads objects of four types, of which some have three versions."""
    home.mkdir()
    (home / "tocsin.toml").write_text('[tell]\nmode = "live"\n[api]\nrequests_a_minute = 1_000_000\n')
    open_home(home)[1].close()
    tocsin(home, "partners", "add", "CERT B", "--mailbox", "csirt@b.example")
    made = tocsin(home, "exchange", "token", "make", "CERT B", "--scope", "read", "--scope", "post")
    node = open_node(home)
    refresh(node, 1, datetime.now(UTC))
    times = {"created": _FIRST, "modified": _FIRST}
    uuid = "00000000-0000-4000-8000-000000000001"
    others: list[dict[str, Any]] = [
        {"type": "identity", "spec_version": "2.1", "id": f"identity--{uuid}", "name": "CERT A", **times},
        {
            "type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{uuid}", "name": "x",
            "definition_type": "statement", "definition": {"statement": "x"}, "created": _FIRST,
        },
        {
            "type": "grouping", "spec_version": "2.1", "id": f"grouping--{uuid}", "context": "unspecified",
            "object_refs": [f"identity--{uuid}"], **times,
        },
    ]  # fmt: skip
    for version in range(3):
        with node.database.begin() as session:
            collection = session.get_one(TaxiiCollection, 1, with_for_update=True)
            changed = [{**one, "labels": [str(version * (at < 4))]} for at, one in enumerate(indicators(0, 12))]
            CollectionWriter(session, collection, datetime.now(UTC)).write(1_000_000, [*others, *changed])
        read_objects(node, 1, TaxiiFilter(), datetime.now(UTC))  # what was read keeps its versions
    return node, str(made[0]["secret"])


def names_of(node: NodeWithStores) -> dict[str, str]:
    """What calls name: an object with three versions, one with one, and times of the collection."""
    with node.database.reading() as session:
        rows = session.scalars(select(TaxiiObject).order_by(TaxiiObject.number)).all()
    of = [one.object for one in rows]
    return {
        "one": next(name for name in of if of.count(name) == 3),
        "other": next(name for name in of if of.count(name) == 1 and name.startswith("indicator")),
        "middle": _text(rows[len(rows) // 2].added_at), "last": _text(rows[-1].added_at),
    }  # fmt: skip


def write_config(folder: Path, node: NodeWithStores, listed: list[dict[str, Any]], secret: str) -> Path:
    """The same collections and objects, as medallion reads them."""
    with node.database.reading() as session:
        rows = session.scalars(select(TaxiiObject).order_by(TaxiiObject.number)).all()
    media = "application/stix+json;version=2.1"
    manifest = [
        {"id": one.object, "date_added": _text(one.added_at), "version": one.version, "media_type": media}
        for one in rows
    ]
    collections = [{**one, "objects": [], "manifest": []} for one in listed]
    collections[0] |= {"objects": [json.loads(one.content) for one in rows], "manifest": manifest}
    root = {"information": {"title": "x", "versions": [MEDIA], "max_content_length": 10_000_000}}
    data = {
        "/discovery": {"title": "x", "default": "/root/", "api_roots": ["/root/"]},
        "root": {**root, "status": [], "collections": collections},
    }  # fmt: skip
    (folder / "data.json").write_text(json.dumps(data))
    module = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
    backend = {**module, "filename": str(folder / "data.json")}
    config = {"backend": backend, "users": {"any": secret}, "taxii": {"max_page_size": 5_000}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


@contextmanager
def serving(medallion: Path, config: Path) -> Iterator[str]:
    """A medallion of these settings, at its address."""
    command = [str(medallion), "--port", str(_PORT), str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{_PORT}/"
            wait_for(url)
            yield url
        finally:
            server.terminate()


async def answers(client: httpx.AsyncClient, call: Call, names: dict[str, str], discovery: str) -> list[dict[str, Any]]:
    """The pages of an answer, to the last one: of each what the standard fixes."""
    query = {name: text.format_map(names) for name, text in call.query.items()}
    pages = list[dict[str, Any]]()
    while True:
        answer = await client.request(
            call.method, call.path.format_map(names) or discovery, params=query, headers=call.headers, json=call.body
        )
        body = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else {}
        pages.append(_fixed(answer, body))
        if not body.get("next") or len(pages) > 100:
            return pages
        query = {**query, "next": body["next"]}


def _fixed(answer: httpx.Response, body: dict[str, Any]) -> dict[str, Any]:
    """What the standard fixes of an answer: not its titles, the order of versions, or what ``next`` is called."""
    said: dict[str, Any] = {"status": answer.status_code}
    if answer.status_code >= 400:
        return said
    for name in ("First", "Last"):
        said[name] = answer.headers.get(f"X-TAXII-Date-Added-{name}")
    said["media"] = answer.headers.get("content-type", "").replace(" ", "")
    return {**said, **{name: value for name, value in body.items() if name not in _FREE}, "next": "next" in body}


_FREE: Final = {"title", "description", "default", "api_roots", "next", "id", "request_timestamp"}


def _differing(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Where two answers differ, by the names of what does: ours, theirs."""
    if len(ours) != len(theirs):
        return {"pages": [len(ours), len(theirs)]}
    found: dict[str, Any] = {}
    for one, other in zip(ours, theirs, strict=True):
        for name in one.keys() | other.keys():
            if one.get(name) != other.get(name):
                found.setdefault(name, [_short(one.get(name)), _short(other.get(name))])
    return found


def _short(value: Any) -> Any:
    """Lists of things by id and version."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return value
    return [f"{one.get('id', '')} {one.get('modified', one.get('version', ''))}" for one in value]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


if __name__ == "__main__":
    main()
