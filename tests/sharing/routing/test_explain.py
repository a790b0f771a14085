"""``tocsin explain`` says who would be told, through which rule, and what the gate says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tocsin.cli import main
from tocsin.node.errors import UsageError
from tocsin.sharing.lookup import FoundReference, Subject, read_subject, resolve, resolve_subject

DIRECTORY = """
[[team]]
key = "national"
name = "National CSIRT"
mailboxes = ["csirt@national.example"]
countries = [{ value = "US", role = "informed" }]
domains = [".example"]

[[team]]
key = "operator"
name = "Operator"
mailboxes = ["abuse@operator.example"]
asns = [15169]
ceiling = "GREEN"

[[team]]
key = "silent"
name = "Without Mailbox"
prefixes = ["192.0.2.0/24"]
"""


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "directory.toml").write_text(DIRECTORY, encoding="utf-8")
    assert run("--home", tmp_path / "home", "directory", "import", tmp_path / "directory.toml") == 0
    capsys.readouterr()
    return tmp_path / "home"


def test_an_answer_has_the_chain_of_reasons(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--home", home, "--json", "explain", "8.8.8.8") == 0
    told = json.loads(capsys.readouterr().out)

    assert (told["query"], told["address"], told["asn"], told["country"]) == ("8.8.8.8", "8.8.8.8", 15169, "US")
    assert told["prefix"]
    assert told["as_name"]
    operator, national = told["teams"]
    assert (operator["team"], operator["name"], operator["role"]) == ("operator", "Operator", "responsible")
    assert (operator["level"], operator["rule"]) == ("asn", "AS15169 (source directory)")
    assert (operator["told"], operator["gate"]["allowed"], operator["gate"]["rule"]) == (
        False,
        False,
        "recipient-ceiling",
    )
    assert (national["team"], national["role"], national["told"]) == ("national", "informed", True)
    assert national["told_as"] == {"interval": "daily", "formats": ["csv"], "mailboxes": ["csirt@national.example"]}
    assert (told["passed_over"], told["nobody"]) == ([], None)


def test_words_say_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--home", home, "explain", "AS15169", "--tlp", "GREEN") == 0
    words = capsys.readouterr().out
    assert "operator: Operator" in words
    assert "responsible  by AS15169" in words
    assert "notified     daily, as csv, to abuse@operator.example" in words

    assert run("--home", home, "explain", "192.0.2.1") == 0
    assert "not notified the team has no email address" in capsys.readouterr().out


@pytest.mark.parametrize("query", ["192.0.2.200", "192.0.2.0/25", "mail.bank.example"])
def test_addresses_networks_and_domains_can_be_asked(
    home: Path, capsys: pytest.CaptureFixture[str], query: str
) -> None:
    assert run("--home", home, "--json", "explain", query) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["teams"]) == 1
    assert query in {told["address"], told["network"], told["domain"]}


def test_nobody_has_a_reason(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--home", home, "--json", "explain", "AS64511") == 0
    assert json.loads(capsys.readouterr().out)["nobody"].startswith("No prefix, AS, domain or country rule")
    assert run("--home", tmp_path / "fresh", "--json", "explain", "AS64511") == 0
    assert json.loads(capsys.readouterr().out)["nobody"].startswith("The directory is empty")


def test_a_changed_directory_is_seen_at_once(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--home", home, "explain", "198.51.100.1") == 0
    (tmp_path / "more.csv").write_text("team,kind,value\noperator,prefix,198.51.100.0/24\n", encoding="utf-8")
    assert run("--home", home, "directory", "import", tmp_path / "more.csv") == 0
    capsys.readouterr()
    assert run("--home", home, "--json", "explain", "198.51.100.1") == 0
    assert [team["team"] for team in json.loads(capsys.readouterr().out)["teams"]] == ["operator"]


def test_the_database_of_the_settings_is_asked(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir(exist_ok=True)
    (home / "tocsin.toml").write_text(f"[storage]\ndatabase = 'sqlite:///{tmp_path / 'elsewhere.sqlite'}'\n")
    assert run("--home", home, "--json", "explain", "8.8.8.8") == 0
    assert json.loads(capsys.readouterr().out)["nobody"].startswith("The directory is empty")


def test_what_cannot_be_asked_is_refused() -> None:
    broken = ("", "x y", "999.1.1.1", "AS99999999999", "http://x y/", "http://[::1/")
    no_names = (
        "garbage??",
        "a..example",
        "-x.example",
        "x-.example",
        "a,b",
        "(x)",
        "é??",
        f"{'x' * 64}.example",
        "<x>",
    )
    too_long = ".".join(["x" * 60] * 5)
    for query in (*broken, *no_names, too_long):
        with pytest.raises(UsageError):
            read_subject(query)


def test_a_domain_is_asked_by_its_letters_in_every_script() -> None:
    assert read_subject("Bücher.example").domain == "xn--bcher-kva.example"
    assert read_subject("xn--bcher-kva.example.").domain == "xn--bcher-kva.example"
    assert read_subject("مثال.إختبار").domain == "xn--mgbh0fb.xn--kgbechtv"
    assert read_subject("_dmarc.example.org").domain == "_dmarc.example.org"
    assert read_subject(".org").domain == ".org"
    assert read_subject("pаypal.example").domain == "xn--pypal-4ve.example"  # noqa: RUF001 (a letter poses as another)


def test_a_url_is_asked_by_its_host_and_a_country_by_its_letters() -> None:
    assert read_subject("https://www.Example.org:8443/a?b=c").domain == "www.example.org"
    assert read_subject("http://[2001:db8::1]/").address == (0x20010DB8 << 32, 1)
    assert (read_subject("MU").country, read_subject("mu").domain) == ("MU", "mu")
    assert read_subject("mauritius").country == "MU"


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("185[.]110[.]0[.]5", "185.110.0.5"),
        ("185.110.0(.)5", "185.110.0.5"),
        ("hxxps://www[.]example[.]org/a?b=c", "www.example.org"),
        ("hXXp[://]example[dot]org", "example.org"),
        ("AS 64496", "AS64496"),
        ("1.2.3.4:443", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("example.org:8443", "example.org"),
        ("abuse@example.org", "example.org"),
        ("abuse[at]example[.]org", "example.org"),
        ("http://somebody@example.org/", "example.org"),
    ],
)
def test_what_analysts_paste_is_understood(typed: str, plain: str) -> None:
    found = resolve(typed)
    assert isinstance(found, Subject)
    assert replace(found, mailbox="") == replace(read_subject(plain), query=typed)


def test_a_reference_has_a_page_and_no_team() -> None:
    assert isinstance(resolve("TOC-2026-0000003"), FoundReference)
    assert isinstance(resolve("Harbour Telecom"), FoundReference)
    with pytest.raises(UsageError) as refused:
        resolve_subject("toc-2026-0000003")
    assert "tocsin deliveries show TOC-2026-0000003" in refused.value.hint
    for nothing in ("", "??", "999.1.1.1"):
        with pytest.raises(UsageError):
            resolve(nothing)
