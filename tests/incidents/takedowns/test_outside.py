"""What is asked outside: only when a person asks, where settings and PAP allow it, and nothing of our own networks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from incidents.takedowns.conftest import Kit
from support.dns_server import DnsServer, dns_server
from support.ports import free_port
from support.rdap_server import RdapServer, domain, holder, network, person, rdap_server, registrar
from tocsin.incidents.takedowns.outside import fetch
from tocsin.incidents.takedowns.proposal import target_of
from tocsin.node.errors import UsageError, WithheldError

KIT = "https://pay.shop.com/kit"


@pytest.fixture
def registry() -> Iterator[RdapServer]:
    """A registry that knows a network and a domain."""
    with rdap_server() as running:
        abuse = person("abuse", "ABUSE1", "abuse@isp.example")
        running.objects["/ip/192.175.48.1"] = network(holder("ISP", "Example Networks", abuse))
        inside = person("abuse", "ABUSE2", "abuse@registrar.example")
        running.objects["/domain/shop.com"] = domain(
            "shop.com", registrar("292", "Example Registrar", inside),
            person("registrant", "X", "jane@shop.com", "individual"), person("abuse", "Y", "trap@shop.com"),
        )  # fmt: skip
        yield running


@pytest.fixture
def names() -> Iterator[DnsServer]:
    with dns_server() as running:
        running.addresses["pay.shop.com"] = ["192.175.48.1"]
        yield running


def open_to(kit: Kit, registry: RdapServer, names: DnsServer) -> None:
    kit.set("directory", rdap=True, rdap_server=registry.url, rdap_pause=0.0, resolver=names.address)
    kit.set(dns=True, fetch=True)


def test_who_hosts_it_and_its_registrar_are_looked_up_when_asked(
    kit: Kit, registry: RdapServer, names: DnsServer
) -> None:
    open_to(kit, registry, names)
    numbers = kit.propose(KIT).takedowns
    assert (registry.asked, names.asked) == ([], []), "proposing asks nobody"
    kit.do("look-up", takedowns=numbers)
    assert registry.asked == ["/ip/192.175.48.1", "/domain/shop.com"]
    assert kit.roles()[KIT] == {
        "browser-list": "nobody@outsider.example", "host": "abuse@isp.example", "registrar": "abuse@registrar.example",
    }  # fmt: skip
    assert [(one.takedown.host, one.takedown.address) for one in kit.rows()] == [("Example Networks", "192.175.48.1")]
    kit.propose("https://pay.shop.com/other 192.175.48.1")
    assert kit.roles()["https://pay.shop.com/other"]["registrar"] == "abuse@registrar.example"
    assert len(registry.asked) == 2, "what was answered once is known"
    assert kit.do("ask", takedowns=numbers, role="registrar").mails == 1
    assert "jane@shop.com" not in kit.mails()
    assert "abuse@registrar.example" in kit.mails()


def test_what_nobody_may_notice_is_never_looked_up(kit: Kit, registry: RdapServer, names: DnsServer) -> None:
    open_to(kit, registry, names)
    red = kit.propose(KIT, pap="RED").takedowns
    green = kit.propose("https://a.shop.com/", pap="GREEN").takedowns
    for act in ("look-up", "check"):
        for numbers in (red, [*green, *red]):
            with pytest.raises(WithheldError, match="PAP:RED"):
                kit.do(act, takedowns=numbers)
    amber = kit.propose("https://b.shop.com/").takedowns
    with pytest.raises(WithheldError, match="not touching the resource"):
        kit.do("check", takedowns=amber)
    assert (registry.asked, names.asked) == ([], [])


def test_nothing_is_asked_outside_that_the_settings_do_not_allow(
    kit: Kit, registry: RdapServer, names: DnsServer
) -> None:
    open_to(kit, registry, names)
    kit.set(dns=False, fetch=False)
    kit.set("directory", rdap=False)
    numbers = kit.propose(f"{KIT}\n192.175.48.1", pap="CLEAR").takedowns
    for act in ("look-up", "check"):
        with pytest.raises(UsageError):
            kit.do(act, takedowns=numbers)
    assert (registry.asked, names.asked) == ([], [])


def test_this_node_looks_at_no_address_of_its_own_networks(kit: Kit, registry: RdapServer, names: DnsServer) -> None:
    open_to(kit, registry, names)
    names.addresses["pay.shop.com"] = ["8.8.8.8", "127.0.0.1"]
    gone = "https://gone.shop.com/"
    numbers = kit.propose(f"{KIT}\n{gone}", pap="GREEN").takedowns
    kit.do("check", takedowns=numbers)
    assert kit.seen()[0] == ("unknown", "not fetched: 127.0.0.1 is no public address", "CSIRT Example")
    assert {one.observable.value: one.takedown.state for one in kit.rows()} == {KIT: "proposed", gone: "gone"}


@contextmanager
def site(status: int = 200, *, hangs: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A web site on 127.0.0.1: its port, and what it was asked."""
    asked: list[str] = []
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']} {self.path}")
            if hangs:
                released.wait()
                return
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"x" * 1_000_000)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield http.server_port, asked
    finally:
        released.set()
        http.shutdown()
        thread.join()
        http.server_close()


def see(port: int) -> tuple[str, str]:
    target = target_of("url", f"http://bank.example:{port}/pay?id=1#top")
    seen, how = fetch(target, ["127.0.0.1"], allowed=lambda _: True)
    return seen.value, how


@pytest.mark.parametrize(
    ("status", "seen"), [(200, ("up", "HTTP 200")), (404, ("gone", "HTTP 404")), (302, ("unknown", "HTTP 302"))]
)
def test_a_site_is_asked_once_by_its_name_and_no_redirect_is_followed(status: int, seen: tuple[str, str]) -> None:
    with site(status) as (port, asked):
        assert see(port) == seen
    assert asked == [f"bank.example:{port} /pay?id=1"]


def test_a_site_that_cannot_be_reached_is_not_gone() -> None:
    assert see(free_port()) == ("unknown", "HTTP: ConnectError")


def test_a_site_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.incidents.takedowns.outside._SECONDS", 0.2)
    with site(hangs=True) as (port, _):
        assert see(port)[0] == "unknown"


@pytest.mark.parametrize(("url", "why"), [("ftp://a.example/x", "ftp"), ("http://a.example:99999/x", "no URL")])
def test_what_is_no_page_is_not_fetched(url: str, why: str) -> None:
    assert fetch(target_of("url", url), ["8.8.8.8"]) == ("unknown", f"not fetched: {why}")
