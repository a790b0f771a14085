"""A registry's RDAP server on 127.0.0.1: answers as RFC 9083 has them, and counts what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def person(role: str, handle: str, mailbox: str, kind: str = "group") -> dict[str, Any]:
    """An entity in a role, with the jCard (RFC 7095) that registries send."""
    card = [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", f"Name of {handle}"],
        ["kind", {}, "text", kind],
        ["adr", {"label": "1 Long Street\nSome Town"}, "text", ["", "", "", "", "", "", ""]],
        ["tel", {"type": ["work", "voice"]}, "text", "+1-555-0100"],
        ["email", {}, "text", mailbox],
    ]
    return {"handle": handle, "vcardArray": ["vcard", card], "roles": [role], "objectClassName": "entity"}


def holder(handle: str, name: str, *people: dict[str, Any]) -> dict[str, Any]:
    """The organisation that holds something, with its people inside, as ARIN has them."""
    card = [["version", {}, "text", "4.0"], ["fn", {}, "text", name], ["kind", {}, "text", "org"]]
    return {
        "handle": handle,
        "vcardArray": ["vcard", card],
        "roles": ["registrant"],
        "entities": list(people),
        "objectClassName": "entity",
    }


def network(*entities: dict[str, Any], prefix: str = "192.175.48.0", length: int = 24) -> dict[str, Any]:
    """An IP network object."""
    return {
        "rdapConformance": ["rdap_level_0", "cidr0", "nro_rdap_profile_0"],
        "objectClassName": "ip network",
        "handle": "NET-192-175-48-0-1",
        "startAddress": prefix,
        "endAddress": "192.175.48.255",
        "ipVersion": "v4",
        "name": "EXAMPLE-NET",
        "type": "DIRECT ALLOCATION",
        "entities": list(entities),
        "events": [{"eventAction": "last changed", "eventDate": "2024-01-01T00:00:00-05:00"}],
        "port43": "whois.arin.net",
        "status": ["active"],
        "cidr0_cidrs": [{"v4prefix": prefix, "length": length}],
    }


def autnum(number: int, *entities: dict[str, Any]) -> dict[str, Any]:
    """An AS number object."""
    return {
        "rdapConformance": ["rdap_level_0"],
        "objectClassName": "autnum",
        "handle": f"AS{number}",
        "startAutnum": number,
        "endAutnum": number,
        "name": "EXAMPLE-AS",
        "country": "BR",
        "entities": list(entities),
        "events": [{"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"}],
        "port43": "whois.lacnic.net",
        "status": ["active"],
    }


def domain(name: str, *entities: dict[str, Any]) -> dict[str, Any]:
    """A domain object, as registries of gTLDs have them."""
    return {
        "rdapConformance": ["rdap_level_0", "icann_rdap_response_profile_1"],
        "objectClassName": "domain",
        "handle": "2336799_DOMAIN_COM-VRSN",
        "ldhName": name.upper(),
        "entities": list(entities),
        "status": ["active"],
    }


def registrar(handle: str, name: str, *people: dict[str, Any]) -> dict[str, Any]:
    """The registrar of a domain, with its people inside."""
    return holder(handle, name, *people) | {"roles": ["registrar"]}


@dataclass
class RdapServer:
    """A running server: ``objects`` by path, such as ``/ip/192.175.48.1``; ``status`` instead of an answer, if set."""

    url: str
    objects: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 0


@contextmanager
def rdap_server() -> Iterator[RdapServer]:
    """A server for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            body = json.dumps(server.objects.get(self.path, {"errorCode": 404, "title": "Not found"})).encode()
            self.send_response(server.status or (200 if self.path in server.objects else 404))
            self.send_header("Content-Type", "application/rdap+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = RdapServer(f"http://127.0.0.1:{http.server_port}/")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
