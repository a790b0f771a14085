"""What must never be held passes no collector: of each only a reference is written, once."""

import json
import ssl
from pathlib import Path

from support.abuse_reports import REFERENCE, canaries, noted, shapes, xarf
from support.cast import Tocsin
from support.https_server import Answer, WebServer
from support.object_server import serve_objects
from support.stomp_server import stomp_server

SETTINGS = """
[collect.{name}]
source = "xarf"
feed = "reports"
{more}
"""


def test_of_a_report_of_abuse_each_collector_writes_the_reference_alone(
    tocsin: Tocsin, server: WebServer, certificate: tuple[Path, ssl.SSLContext], secret: str, tmp_path: Path
) -> None:
    found = shapes(xarf())
    lines = [json.dumps(xarf(report_id=f"{place}-1")).encode() for place in ("pages", "stream", "queue", "files")]
    server.pages["/pages"] = Answer(b'{"data": [' + lines[0] + b"]}")
    server.pages["/stream"] = Answer(lines[1] + b"\n", promised=-1)
    serve_objects(server, "/lists", {"packed.zip": found["packed.zip"], "pretty.json": found["pretty.json"]})
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "files.json").write_bytes(lines[3])
    trusted = f'ca_file = "{certificate[0]}/certificate.pem"\n'
    with stomp_server(certificate[1]) as broker:
        broker.waiting = [lines[2].replace(b", ", b",\n")]
        tables = {
            "pages": f'kind = "https"\npost = "a=1"\nurl = "{server.url("/pages")}"\n{trusted}',
            "stream": f'kind = "stream"\nlisten = 1\nurl = "{server.url("/stream")}"\n{trusted}',
            "queue": f'kind = "stomp"\nlisten = 1\nhost = "127.0.0.1"\nport = {broker.port}\ndestination = "/q"\n'
            f'user = "kestria"\nsecret_file = "{secret}"\n{trusted}',
            "objects": f'kind = "objects"\nurl = "s3://lists"\nendpoint = "{server.url("")}"\n{trusted}',
            "files": f'kind = "rsync"\nurl = "{tmp_path}/lists"\n',
        }
        (tocsin.home / "tocsin.toml").write_text(
            "".join(SETTINGS.format(name=name, more=more) for name, more in tables.items())
        )
        runs = tocsin.json("collect", "run")

    assert [(run["name"], run["error"]) for run in runs] == [(name, None) for name in tables]
    assert canaries(tocsin.home) == []
    assert sorted(noted(tocsin.home)) == sorted(
        ("csam", REFERENCE if name == "objects" else f"{name}-1", f"collector {name}") for name in tables
    )
    assert broker.waiting == []


def test_doctor_names_a_collector_that_cannot_work_and_why(tocsin: Tocsin, secret: str) -> None:
    (tocsin.home / secret).chmod(0o644)
    tables = {
        "a": f'kind = "https"\nurl = "https://feeds.example/x"\nauth = "bearer"\nsecret_file = "{secret}"\n',
        "b": 'kind = "objects"\nurl = "s3://lists"\nca_file = "nowhere.pem"\n',
        "c": 'kind = "folder"\npath = "in"\n',
    }
    (tocsin.home / "tocsin.toml").write_text(
        "".join(SETTINGS.format(name=name, more=more) for name, more in tables.items())
    )

    found = {one["what"]: one["found"] for one in tocsin.json("doctor", code=1)}["collectors"]

    assert f"a cannot work: The secret file {tocsin.home / secret} can be read by others" in found
    assert f"b cannot work: The file {tocsin.home}/nowhere.pem is not here" in found
    assert "c should have run" in found
