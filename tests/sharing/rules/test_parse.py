"""A document of rules: what is wrong is named by its line, and what is right is read back in plain words."""

import pytest

from tocsin.sharing.rules import DEFAULT, RulesFaultError, SharingRuleKind, conditions, effect, read_document

TEAMS = {"nat-a", "operator"}


def faults(text: str) -> list[str]:
    with pytest.raises(RulesFaultError) as caught:
        read_document(text, TEAMS)
    return [str(fault) for fault in caught.value.faults]


def test_the_default_document_changes_nothing_and_its_examples_are_right() -> None:
    assert read_document(DEFAULT).rules == ()
    rules = [line.removeprefix("#").strip() for line in DEFAULT.splitlines() if line.startswith("# ")]
    start = rules.index("[[share]]")
    read = read_document("\n".join(rules[start:]))
    assert [rule.kind for rule in read.rules] == [SharingRuleKind.SHARE, SharingRuleKind.ROUTE]


def test_each_fault_names_its_line() -> None:
    assert faults(
        """\
title = "Ours"
parties = ["CSIRT Example"]

[[share]]
id = "one"
feed = "scan_rdp"
tlp = "PURPLE"
refuse = true

# Between rules there may be anything.
[[route]]
id = "two"
asn = 64500
inform = ["operator",
  "nobody"]
colour = "red"

[[share]]
id = "one"
to_kind = "bakery"
hide = ["source.ip", "no.such.field"]
"""
    ) == [
        "Line 7: 'PURPLE' does not fit 'tlp', which takes CLEAR, GREEN, AMBER, AMBER+STRICT or RED.",
        "Line 14: There is no team 'nobody' in the directory.",
        "Line 16: There is no 'colour' in a [[route]] rule.",
        "Line 19: Another rule is called 'one' already.",
        "Line 20: 'bakery' is no kind of team.",
        "Line 21: 'source.ip' cannot be hidden: without it nobody can be notified. Refuse it instead.",
        "Line 21: There is no field 'no.such.field'; docs/fields.md has all, 'personal' means a class.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[share]]\nid = "a"\nfeed = "x"\n', "Line 2: A [[share]] rule does one of refuse, up_to, hide, not nothing."),
        (
            '[[share]]\nid = "a"\nfeed = "x"\nrefuse = true\nup_to = "GREEN"\n',
            "Line 5: A [[share]] rule does one of refuse, up_to, hide, not refuse, up_to.",
        ),
        (
            '[[share]]\nid = "a"\nrefuse = true\n',
            "Line 2: Rule 'a' holds for everything: give at least one condition.",
        ),
        ('[[route]]\nid = "a"\nto_kind = "operator"\ntell_nobody = true\n', "Line 3: There is no 'to_kind' in a"),
        ('[[share]]\nid = "A b"\nfeed = "x"\nrefuse = true\n', "Line 2: A rule needs an id"),
        ('[[share]]\nid = "a"\nfeed = []\nrefuse = true\n', "Line 3: 'feed' takes a text or a list of texts."),
        ('[[share]]\nid = "a"\nfeed = "x"\nrefuse = false\n', "Line 4: 'refuse' is true, or left out."),
        ('[[share]]\nid = "a"\nnetwork = "192.0.2.300"\nrefuse = true\n', "Line 3: '192.0.2.300' does not fit"),
        ("[share]\nx = 1\n", "A rule begins with a line [[share]]."),
        ('title = "a\n', "Line 1: This is no TOML"),
        ('title = "a"\ntype = "wish"\n', "Line 2: 'wish' is no type of a document"),
        ("x = [1,\n\n\n", "Line 3: This is no TOML"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(text)), faults(text)


PERSONAL = (
    '[[transfer]]\nid = "personal"\nclass = ["personal", "content"]\nexcept_agreement = "treaty"\nsend = "hash"\n'
)


def test_a_transfer_policy_is_part_of_the_document_and_read_back_in_plain_words() -> None:
    treaty = (
        '[[transfer]]\nid = "treaty"\njurisdiction = "mu"\nsend = "content"\nover = "personal"\ncites = "Treaty, 4"\n'
    )
    document = read_document(f'type = "law"\n{PERSONAL}requires = ["NDA", "ISO  27001"]\n{treaty}', TEAMS)
    assert [(rule.level, rule.code) for rule in document.transfers] == [("hash", "law"), ("content", "law")]
    assert document.rules == ()
    assert [[str(effect(one)), *map(str, conditions(one))] for one in document.every] == [
        [
            "Of such data only the hash goes to partners.",
            "the class of data is content, personal",
            "it is not sent under the agreement treaty",
            "the partner has not shown all of these attestations: ISO 27001, NDA",
        ],
        [
            "Such data goes to partners, whatever these rules say: personal.",
            "one of these countries claims it: MU",
        ],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('class = "reachability"\nsend = "nothing"', "Line 9: Network reachability data is open"),
        ('class = "gossip"\nsend = "hash"', "Line 9: 'gossip' does not fit 'class'"),
        ('class = "case"', "Line 8: A [[transfer]] rule says by 'send'"),
        ('class = "case"\nsend = "content"', "Line 10: 'content' does not fit 'send'"),
        ('class = "case"\nsend = "content"\nover = "personal"', "Line 11: A rule that is put over others cites"),
        (
            'send = "content"\nover = "personal"\ncites = "x"\nrequires = "NDA"',
            "Line 12: A rule that is put over others lets more go",
        ),
        ('class = "case"\nsend = "hash"\nover = "new"\ncites = "x"', "Line 11: 'over' names [[transfer]] rules"),
        ('send = "hash"', "Line 8: Rule 'new' holds for everything"),
        ('to_agreement = "pact"\nsend = "hash"', "Line 9: 'pact' is no agreement"),
        ('to_team = "nobody"\nsend = "hash"', "Line 9: There is no team 'nobody'"),
        ('feed = "x"\nsend = "hash"', "Line 9: There is no 'feed' in a [[transfer]] rule."),
    ],
)
def test_what_is_wrong_with_a_transfer_rule_is_said(text: str, said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(f'{PERSONAL}\n[[transfer]]\nid = "new"\n{text}\n'))


def test_too_many_rules_are_refused() -> None:
    one = '[[share]]\nid = "r{0}"\nfeed = "x"\nrefuse = true\n'
    assert faults("".join(one.format(number) for number in range(61))) == [
        "There are 61 rules; a document has at most 60."
    ]


def test_a_rule_is_read_back_in_plain_words() -> None:
    (rule,) = read_document(
        '[[share]]\nid = "a"\nfeed = ["x", "y"]\nasn = "AS64500"\nexcept_kind = "national"\nrefuse = true\n'
    ).rules
    assert str(effect(rule)) == "Such events are not shared."
    assert [str(one) for one in conditions(rule)] == [
        "the feed is x, y",
        "the AS is 64500",
        "the recipient is not a team of kind national",
    ]
