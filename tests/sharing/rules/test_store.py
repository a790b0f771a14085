"""Versions of rules: a valid text, a reason, and the version that it changes; of two at once, one is in force."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import select

from tocsin.node.errors import ConflictError, NotFoundError, StorageError, UsageError
from tocsin.node.records import AuditEntry, Database
from tocsin.sharing.rules import (
    DEFAULT,
    RulesFaultError,
    RulesVersion,
    difference,
    rule_words,
    rules_in_force,
    rules_version,
    set_rules,
    versions,
)

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
RULE = '[[share]]\nid = "a"\nto_team = "t"\nrefuse = true\n'


def put(database: Database, text: str, based_on: int, why: str = "Because") -> int:
    with database.begin() as session:
        made = set_rules(session, text, based_on=based_on, teams={"t"}, why=why, actor="person:1", now=NOW)
        return made.id


def test_without_a_version_nothing_is_kept_back(database: Database) -> None:
    with database.reading() as session:
        assert not rules_in_force(session).any
        assert not versions(session)
        with pytest.raises(NotFoundError):
            rules_version(session, 1)


def test_each_change_is_a_version_with_who_when_why_and_an_entry_in_the_log(database: Database) -> None:
    assert put(database, DEFAULT + RULE, 0) == 1
    assert put(database, DEFAULT + RULE.replace('"a"', '"b"'), 1, "A better name") == 2
    with database.reading() as session:
        assert [(one.id, one.actor, one.at, one.why) for one in versions(session)] == [
            (2, "person:1", NOW, "A better name"),
            (1, "person:1", NOW, "Because"),
        ]
        assert [rule.id for rule in rules_in_force(session).document.rules] == ["b"]
        log = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.word, entry.subject, entry.detail) for entry in log] == [
        ("rules.changed", "rules:1", {"before": 0, "came": 4, "went": 0}),
        ("rules.changed", "rules:2", {"before": 1, "came": 1, "went": 1}),
    ]
    assert '+id = "b"' in difference(RULE, RULE.replace('"a"', '"b"'))


@pytest.mark.parametrize(
    ("text", "based_on", "why", "error"),
    [
        (RULE.replace('"t"', '"u"'), 1, "x", RulesFaultError),
        (RULE + "x", 1, "x", RulesFaultError),
        (RULE.replace('"a"', '"b"'), 0, "x", ConflictError),
        (RULE, 1, "x", ConflictError),
        (RULE.replace('"a"', '"b"'), 1, "  ", UsageError),
    ],
)
def test_what_is_not_put_in_force(database: Database, text: str, based_on: int, why: str, error: type) -> None:
    put(database, RULE, 0)
    with pytest.raises(error):
        put(database, text, based_on, why)
    with database.reading() as session:
        assert [one.text for one in versions(session)] == [RULE]


def test_of_two_at_the_same_moment_one_is_in_force(database: Database) -> None:
    start = Barrier(2)

    def one(name: str) -> str:
        start.wait(timeout=120)
        try:
            put(database, RULE.replace('"a"', f'"{name}"'), 0)
        except ConflictError:
            return ""
        return name

    with ThreadPoolExecutor(2) as pool:
        done = [name for name in pool.map(one, ["x", "y"]) if name]
    with database.reading() as session:
        assert [rule.id for rule in rules_in_force(session).document.rules] == done
        assert len(versions(session)) == 1


def test_a_version_that_cannot_be_read_stops_everything(database: Database) -> None:
    with database.begin() as session:
        session.add(RulesVersion(id=1, at=NOW, actor="x", why="x", text="[[share]]\nsince_the_future = 1\n"))
    with database.reading() as session, pytest.raises(StorageError, match="Version 1 of the rules cannot be read"):
        rules_in_force(session)


def test_rules_are_said_in_words_also_those_that_are_gone(database: Database) -> None:
    transfer = '[[transfer]]\nid = "t"\nclass = "evidence"\nsend = "hash"\nwhy = "Our law."\n'
    put(database, f'{RULE}why = "They asked."\n{transfer}', 0)
    with database.reading() as session:
        words = rule_words(session, ["tlp-red-role", "local:a", "local:t", "local:old"])
    assert words["tlp-red-role"].startswith("TLP:RED goes to named people only")
    assert (words["local:a"], words["local:t"]) == ("They asked.", "Our law.")
    assert words["local:old"] == "By a rule of this node that is no longer in force."
