"""The catalogue: each file can be used, says what it is, and reads what its feed sends (others' cases)."""

from pathlib import Path

import pytest

from support.feed_cases import FEEDS, cases, judge
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.events.sources.mapped.source import CATALOGUE, names_in

FILES = sorted(CATALOGUE.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_can_be_used_and_says_who_provides_it(path: Path) -> None:
    mapping = read_mapping(path)
    known = mapping.known
    assert list(names_in(path)) == list(mapping.files)
    assert known.feed.provider
    assert known.url.startswith(("https://", "http://"))
    assert known.access in {"open", "key", "agreement", "own"}
    assert 0 < known.accuracy <= 100


DIFFERENT = {
    "anubisnetworks.parser": "the newer form of its stream",
    "mcafee.parser_atd": "a hash alone is no event here",
    "microsoft.parser_bingmurls": "identifiers are in lower case",
    "microsoft.parser_ctip": "the payloads' many forms",
    "spamhaus.parser_cert": "version of the mailer, the address of a help page",
    "n6:OpenphishWebBlParser": "URLs with blanks are set aside",
    "n6:SpamhausEdropParser": "type and host bits: a network is a network",
    "n6:TurrisCzGreylistCsv202401Parser": "it takes rows for scans, the other system for logins",
    "n6:WithanameDdosiaParser": "the protocol by the attack's method",
    "n6:ZonehRssParser": "an item without a URL of its own",
    "n6:AbuseChSslBlacklist201902Parser": "hashes alone are no event here",
}
"""Where events of others' cases are not all equal, and why."""


def test_the_cases_of_others_are_equal_but_for_those_that_are_named(shared_data: Path) -> None:
    wrong = {
        str(case["parser"])
        for case in cases(shared_data / "feeds")
        if case["parser"] in FEEDS and any(judge(case, shared_data / "feeds"))
    }
    assert wrong == DIFFERENT.keys() & FEEDS.keys()
