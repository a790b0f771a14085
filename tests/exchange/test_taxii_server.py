"""TAXII 2.1 as partners' programs use it: taxii2-client against the real server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from support.incident_mails import add_party
from support.partner_examples import do
from support.world import World, make_world
from tocsin.incidents import PartyRole, add_incident


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    with made.open:
        yield made


def test_it(world: World) -> None:
    do(world, "add", name="CERT B", mailbox="b@example.com")
    secret = world.tocsin.json("exchange", "token", "make", "CERT B", "--scope", "read", "--scope", "post")["secret"]
    with world.node.database.begin() as session:
        one = add_incident(session, title="Phishing kit", actor="test", now=world.now, tlp="CLEAR", rsit_type="phishing")
        ref = one.reference
    print(world.tocsin.run("incidents", "add-observables", ref, "--text", "203.0.113.7 kit.example"))
    client = world.client()
    server = Server(f"{client.base_url}/taxii2/", user="any", password=secret)
    root = server.default
    shared, inbox = root.collections
    print(shared.title, inbox.title)
    try:
        print(json.dumps(shared.get_objects(), indent=1))
    except Exception as error:
        print(error.response.text)
        raise
    raise SystemExit
