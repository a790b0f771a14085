"""security.txt by RFC 9116: contacts are taken, an expired file says nothing, a signature is called unchecked."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pysequoia import SignatureMode, Tsk, sign

from tocsin.directory import ImportResult, import_entries, read_about, read_directory, read_team
from tocsin.directory.registry import fetch_security_txt, read_security_txt
from tocsin.directory.registry.security_txt import parse_security_txt, public_address
from tocsin.node.errors import InputError, RemoteError, SettingError, UsageError, WithheldError
from tocsin.node.records import Database
from tocsin.sharing.gate import Pap, ReleaseAction, may_act

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOOD = """# Our security contact
Contact: mailto:security@example.org
contact: tel:+230-555-0100
Contact: https://example.org/report
Expires: 2027-05-01T00:00:00Z
Encryption: https://example.org/key.asc
Preferred-Languages: fr, en
Canonical: https://www.example.org/.well-known/security.txt
Policy: https://example.org/policy
Hiring: https://example.org/jobs
"""
SIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

{GOOD}- Acknowledgments: https://example.org/thanks
-----BEGIN PGP SIGNATURE-----

iQEzBAEBCAAdFiEE
-----END PGP SIGNATURE-----
"""
MAY = may_act(Pap.AMBER, ReleaseAction.LOOKUP)


def bring(database: Database, folder: Path, text: str, *, domain: str = "", team: str = "") -> ImportResult:
    path = folder / "security.txt"
    path.write_text(text)
    file = read_security_txt(path, domain=domain, team=team, now=NOW)
    return import_entries(database, file, actor="ana", now=NOW, most_gone=None)


@pytest.mark.parametrize("text", [GOOD, SIGNED, GOOD.replace("\n", "\r\n")])
def test_a_file_becomes_a_team(text: str, database: Database, tmp_path: Path) -> None:
    done = bring(database, tmp_path, text)

    team, rules = read_team(database, "security-example-org")
    assert (team.mailboxes, team.kind) == (("security@example.org",), "product")
    assert [(rule.kind, rule.value, rule.source) for rule in rules] == [
        ("domain", "example.org", "security.txt:example.org")
    ]
    about = read_about(database, "security-example-org")
    assert [(box.address, box.purpose) for box in about.mailboxes] == [("security@example.org", "security")]
    channels = {(fact.value, fact.get("kind"), fact.get("purpose")) for fact in about.facts if fact.kind == "channel"}
    assert channels == {
        ("+230 555 0100", "phone", "security"),
        ("https://example.org/report", "form", "vulnerability"),
        ("https://example.org/policy", "website", ""),
    }
    assert {fact.value for fact in about.facts if fact.kind == "language"} == {"fr", "en"}
    reasons = {one.why for one in done.not_taken}
    assert "a key is not fetched; bring it in as a key of the team" in reasons
    assert any("signature" in why for why in reasons) == (text == SIGNED)


def test_a_signature_is_checked_where_the_key_is_known(tmp_path: Path) -> None:
    path, secret, other = (
        tmp_path / "security.txt",
        Tsk.generate("<security@example.org>"),
        Tsk.generate("<x@example.org>"),
    )
    signed = sign(secret.signer(), GOOD.encode(), mode=SignatureMode.CLEAR)
    key, wrong = (bytes(one.extract_certificate()) for one in (secret, other))

    def reasons(content: bytes, *keys: bytes) -> set[str]:
        path.write_bytes(content)
        file = read_security_txt(path, now=NOW, keys=lambda team: keys if team == "security-example-org" else ())
        taken = {"taken"} if file.entries.mailboxes else set()
        return taken | {one.why for one in file.entries.refused if "signature" in one.why}

    unchecked = "its signature is not checked, since no OpenPGP key of the team is in the directory"
    refused = "its signature is of no key that the team has in the directory, or does not hold"
    assert reasons(signed, key) == reasons(signed, wrong, key) == {"taken"}
    assert reasons(signed) == {"taken", unchecked}
    assert reasons(signed, wrong) == {refused}
    assert reasons(signed.replace(b"security@", b"attacker@"), key) == {refused}
    assert reasons(GOOD.encode(), key) == {"taken"}


def test_an_expired_file_withdraws_what_it_said(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, GOOD)
    done = bring(database, tmp_path, GOOD.replace("2027-05-01", "2026-05-01"))

    assert done.failed
    assert [one.why for one in done.not_taken] == ["it expired on 2026-05-01 00:00 UTC"]
    assert read_directory(database).rules == ()
    assert read_team(database, "security-example-org")[0].mailboxes == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD.replace("Expires", "Expired"), "no Expires field"),
        (GOOD.replace("2027-05-01T00:00:00Z", "next year"), "no Expires field"),
        (GOOD.replace("2027-05-01T00:00:00Z", "2027-05-01T00:00:00"), "no Expires field"),
        ("Expires: 2027-05-01T00:00:00Z\nCanonical: https://example.org/.well-known/security.txt\n", "no Contact"),
    ],
)
def test_files_that_are_not_to_be_used(text: str, why: str, records: Database, tmp_path: Path) -> None:
    done = bring(records, tmp_path, text)
    assert [one.why for one in done.not_taken if why in one.why]
    assert read_directory(records).teams == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Contact: security@example.org", "not a mailto:, tel: or https: address"),
        ("Contact: http://example.org/report", "not a mailto:, tel: or https: address"),
        ("Contact: mailto:Ana%20%3Cana@example.org%3E", "display name"),
        ("Contact: tel:1", "telephone"),
        ("Fax: 123", "not a field of RFC 9116"),
        ("words", "not a field of RFC 9116"),
        ("Expires: 2028-01-01T00:00:00Z", "must stand there once"),
    ],
)
def test_lines_that_are_not_taken(line: str, why: str, records: Database, tmp_path: Path) -> None:
    done = bring(records, tmp_path, GOOD + line + "\n")
    (refused,) = [one for one in done.not_taken if one.where.endswith("line 11")]
    assert why in refused.why
    assert read_team(records, "security-example-org")[0].mailboxes == ("security@example.org",)


def test_whose_file_it_is(records: Database, tmp_path: Path) -> None:
    without = "\n".join(line for line in GOOD.splitlines() if not line.startswith("Canonical"))
    with pytest.raises(UsageError, match="whose it is"):
        bring(records, tmp_path, without)
    bring(records, tmp_path, without, domain="Other.Example")
    assert read_team(records, "security-other-example")[1][0].value == "other.example"


def test_contacts_of_a_team_that_is_there(records: Database, tmp_path: Path) -> None:
    bring(records, tmp_path, GOOD)
    done = bring(records, tmp_path, GOOD, domain="elsewhere.example", team="security-example-org")
    assert (done.teams_new, done.mailboxes_new) == (0, 1)
    assert {rule.value for rule in read_team(records, "security-example-org")[1]} == {
        "example.org",
        "elsewhere.example",
    }


def test_what_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "security.txt"
    for content, why in ((b"\xff\xfe", "not UTF-8"), (b"x" * 100_001, "longer than")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=why):
            read_security_txt(path, now=NOW)
    assert parse_security_txt("").values == {}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[httpx.Client, dict[str, tuple[int, str]]]]:
    """A client that reaches 127.0.0.1 for example.org over real TLS, and the pages that are there."""
    pages: dict[str, tuple[int, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = pages.get(self.path, (404, ""))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", text)
            self.end_headers()
            if status == 200:
                self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=example.org", "-addext", "subjectAltName=DNS:example.org"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*make, "-keyout", key, "-out", certificate, *subject], check=True, capture_output=True)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    trust = ssl.create_default_context(cafile=str(certificate))
    try:
        with httpx.Client(transport=_Here(http.server_port, trust)) as made:
            yield made, pages
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Here(httpx.BaseTransport):
    """Sends what is for any host to a port of this machine; the name is checked against the certificate still."""

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        self._port = port
        self._http = httpx.HTTPTransport(verify=trust)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1", port=self._port)
        made = httpx.Request("GET", url, headers=request.headers, extensions=request.extensions)
        return self._http.handle_request(made)

    def close(self) -> None:
        self._http.close()


def known(place: str) -> str:
    """As `public_address` where DNS has example.org outside and inside.example within."""
    host = httpx.URL(place).host
    return {"example.org": "203.0.113.9", "example.net": "203.0.113.9"}.get(host) or public_address(place)


Web = tuple[httpx.Client, dict[str, tuple[int, str]]]


def test_a_file_is_fetched_from_its_well_known_place(client: Web, records: Database) -> None:
    web, pages = client
    pages["/.well-known/security.txt"] = (200, GOOD.replace("www.example.org", "example.org"))
    file = fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    done = import_entries(records, file, actor="ana", now=NOW)
    assert (done.file, done.mailboxes_new) == ("https://example.org/.well-known/security.txt", 1)


def test_a_file_is_fetched_from_the_root_too(client: Web, records: Database) -> None:
    web, pages = client
    pages["/security.txt"] = (302, "/here.txt")
    pages["/here.txt"] = (200, GOOD.replace("Canonical", "# Canonical"))
    file = fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    assert import_entries(records, file, actor="ana", now=NOW).mailboxes_new == 1


def test_a_file_of_another_place_is_not_used(client: Web, records: Database) -> None:
    web, pages = client
    pages["/.well-known/security.txt"] = (200, GOOD)
    done = import_entries(
        records, fetch_security_txt("example.org", web, MAY, now=NOW, address=known), actor="ana", now=NOW
    )
    assert "Canonical fields name other places only" in done.not_taken[-1].why
    assert read_directory(records).teams == ()


def test_what_goes_wrong_on_the_way(client: Web) -> None:
    web, pages = client
    with pytest.raises(RemoteError, match=r"example\.org has no security\.txt"):
        fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    pages["/.well-known/security.txt"] = (302, "http://example.org/x")
    with pytest.raises(RemoteError, match="not https"):
        fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    pages["/.well-known/security.txt"] = (302, "/.well-known/security.txt")
    with pytest.raises(RemoteError, match="too often"):
        fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    pages["/.well-known/security.txt"] = (200, "x" * 200_000)
    with pytest.raises(InputError, match="longer than"):
        fetch_security_txt("example.org", web, MAY, now=NOW, address=known)
    with pytest.raises(RemoteError, match="cannot be fetched"):  # the certificate is not that host's
        fetch_security_txt("example.net", web, MAY, now=NOW, address=known)
    with pytest.raises(UsageError, match="no domain"):
        fetch_security_txt("not a domain", web, MAY, now=NOW, address=known)


def test_nobody_is_asked_above_the_marking(client: Web) -> None:
    web, _ = client
    with pytest.raises(WithheldError, match="PAP:RED"):
        fetch_security_txt("example.org", web, may_act(Pap.RED, ReleaseAction.LOOKUP), now=NOW)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.0.0.1", "localhost", "[64:ff9b::7f00:1]"]
)
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_no_hop_leads_to_what_is_inside(client: Web, host: str, hops: int) -> None:
    web, pages = client
    pages["/.well-known/security.txt"] = (302, f"https://{host}/x" if hops == 1 else "/next.txt")
    pages["/next.txt"] = (302, f"https://{host}:8443/x")
    pages["/x"] = (200, GOOD)
    with pytest.raises((SettingError, UsageError)):
        fetch_security_txt(
            host if hops == 0 else "example.org", web, MAY, now=NOW, address=known if hops else public_address
        )
