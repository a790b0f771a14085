"""A Cerebrate on a real HTTPS server: its lists are fetched by its API, at an address that was judged before."""

import json
import ssl
from pathlib import Path

from support.https_server import Answer, Asked, WebServer
from support.world import make_world
from tocsin.exchange.partners import list_partners

ORGANISATIONS = [{"id": 4, "uuid": "5a0e1c1e-0000-4000-8000-000000000001", "name": "CERT B", "nationality": "Kenya"}]


def test_its_lists_are_fetched_with_a_key_and_only_from_where_it_may_be(
    server: WebServer, certificate: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    world = make_world(tmp_path)

    def organisations(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "s3cret":
            return Answer(b'{"message": "Authentication failed."}', 403)
        return Answer(json.dumps(ORGANISATIONS).encode())

    server.pages |= {
        "/organisations/index.json": organisations,
        "/encryptionKeys/index.json": Answer(b"[]"),
        "/sharingGroups/index.json": Answer(b"[]"),
        "/individuals/index.json": Answer(b'{"message": "Not allowed."}', 403),
    }
    key = world.node.home / "key"
    key.touch(0o600)
    key.write_text("s3cret")
    trust = ("--source", "Cerebrate", "--ca-file", certificate[0] / "certificate.pem")
    words = ("partners", "import-cerebrate", server.url("").rstrip("/"), "--key-file", "key", *trust)
    code, _, err = world.tocsin.call(*words)
    assert (code != 0, server.asked) == (True, [])
    assert "which is no public address" in err
    done = world.tocsin.json(*words, "--network", "127.0.0.0/8")
    assert (done["source"], done["new"], len(done["left"])) == ("Cerebrate", 1, 1)
    assert ("individuals" in done["left"][0], "403: Not allowed" in done["left"][0]) == (True, True)
    assert all(one.method == "GET" for one in server.asked)
    with world.node.database.reading() as session:
        assert [(one.partner.name, one.partner.countries) for one in list_partners(session, world.now)] == [
            ("CERT B", "KE")
        ]
    key.write_text("other")
    assert "Authentication failed" in world.tocsin.call(*words, "--network", "127.0.0.0/8")[2]
