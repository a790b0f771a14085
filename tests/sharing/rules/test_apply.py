"""Rules over batches: they hold for the events they name, and only ever narrow what the table of the gate allows."""

from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import TeamKind
from tocsin.events.fields import FIELDS
from tocsin.events.schema import COLUMNS
from tocsin.networks import parse_address
from tocsin.sharing.gate import Audience, LocalRule, Marking, Pap, Recipient, ReleasePurpose, Tlp, decide, fields_for
from tocsin.sharing.rules import Rules, read_document


def events(**columns: list[object]) -> pl.DataFrame:
    """Events with these columns (``__`` stands for a dot); ``address`` gives the halves of the source."""
    addresses = [parse_address(str(text)) or (0, 0) for text in columns.pop("address", [])]
    rows = {name.replace("__", "."): values for name, values in columns.items()}
    height = len(addresses) or len(next(iter(rows.values())))
    if addresses:
        for place, half in enumerate(("hi", "lo")):
            rows[f"source.ip.{half}"] = [one[place] - 2**64 if one[place] >= 2**63 else one[place] for one in addresses]
    blank = {name: [None] * height for name in COLUMNS if name not in rows}
    return pl.DataFrame({**rows, **blank}, schema_overrides={name: COLUMNS[name] for name in COLUMNS})


def marks(text: str, frame: pl.DataFrame) -> list[int]:
    return Rules(1, read_document(text)).marks(frame).to_list()


RULE = '[[share]]\nid = "a"\n{}\nrefuse = true\n'


@pytest.mark.parametrize(
    ("condition", "column", "values", "holds"),
    [
        ('feed = ["x", "y"]', "feed__code", ["x", "y", "z", None], [1, 1, 0, 0]),
        ('type = "blacklist"', "classification__type", ["blacklist", "scanner", None], [1, 0, 0]),
        ('type = "vulnerable-service"', "classification__type", ["vulnerable-system", "scanner"], [1, 0]),
        ('severity = "high"', "severity", ["high", "low", None], [1, 0, 0]),
        ('tlp = "AMBER+STRICT"', "tlp", ["AMBER+STRICT", "", None, "AMBER"], [1, 1, 1, 0]),
        ('tlp = "RED"', "tlp", ["RED", "PURPLE", "GREEN"], [1, 1, 0]),
        ("asn = 64500", "source__asn", [64500, 64501, None], [1, 0, 0]),
        ('country = "mu"', "source__geolocation__cc", ["MU", "FR", None], [1, 0, 0]),
        ('network = "192.0.2.0/25"', "address", ["192.0.2.127", "192.0.2.128", "2001:db8::1"], [1, 0, 0]),
        ('network = "2001:db8:8000::/33"', "address", ["2001:db8:8000::1", "2001:db8::1", "::"], [1, 0, 0]),
        ('network = "fd00::/8"', "address", ["fd12::1", "fe80::1"], [1, 0]),
    ],
)
def test_a_condition_holds_for_what_it_names(
    condition: str, column: str, values: list[object], holds: list[int]
) -> None:
    assert marks(RULE.format(condition), events(**{column: values})) == holds


def test_all_conditions_of_a_rule_must_hold_and_each_rule_has_its_own_bit() -> None:
    text = RULE.format('feed = "x"\nasn = 64500') + '[[route]]\nid = "b"\nfeed = "x"\ninform = ["t"]\n'
    rules = Rules(1, read_document(text))
    found = rules.marks(events(feed__code=["x", "x", "y"], source__asn=[64500, 1, 64500])).to_list()
    assert found == [3, 2, 0]
    assert [rule.name for rule in rules.local(3)] == ["local:a"]
    assert (set(rules.informs(3)), set(rules.informs(1))) == ({"t"}, set())


_names = st.frozensets(st.sampled_from(["t1", "t2"]))
_kinds = st.frozensets(st.sampled_from(sorted(TeamKind)))
_local = st.builds(
    LocalRule,
    id=st.just("x"),
    words=st.just("No."),
    teams=_names,
    kinds=_kinds,
    except_teams=_names,
    except_kinds=_kinds,
    purposes=st.frozensets(st.sampled_from(ReleasePurpose)),
    refuse=st.booleans(),
    up_to=st.none() | st.sampled_from(Tlp),
    hide=st.frozensets(st.sampled_from([field.name for field in FIELDS])),
)


@given(st.lists(_local, max_size=4), st.sampled_from(["", "t1", "t2"]), st.sampled_from(["", *sorted(TeamKind)]))
def test_local_rules_never_widen(local: list[LocalRule], team: str, kind: str) -> None:
    for tlp, audience, purpose in product(Tlp, Audience, ReleasePurpose):
        marking, recipient = Marking(tlp, Pap.CLEAR), Recipient(audience, team=team, kind=kind)
        table, ours = decide(marking, recipient, purpose), decide(marking, recipient, purpose, local)
        assert table.allowed or ours == table or (audience is Audience.PARTNER and not ours.allowed)
        fields = fields_for(recipient, purpose, marking, local)
        assert set(fields) <= set(fields_for(recipient, purpose, marking))
        assert ours.allowed or not fields


@pytest.mark.parametrize(
    ("text", "team", "kind", "allowed"),
    [
        ('except_kind = "national"\nfeed = "x"\nrefuse = true', "t", "national", True),
        ('except_kind = "national"\nfeed = "x"\nrefuse = true', "t", "operator", False),
        ('to_team = "t"\nup_to = "GREEN"', "t", "operator", False),
        ('to_team = "t"\nup_to = "GREEN"', "u", "operator", True),
        ('to_kind = "operator"\npurpose = "statistics"\nrefuse = true', "t", "operator", True),
    ],
)
def test_the_no_names_its_rule(text: str, team: str, kind: str, *, allowed: bool) -> None:
    rules = Rules(1, read_document(f'[[share]]\nid = "why-not"\nwhy = "Because."\n{text}\n'))
    recipient = Recipient(Audience.CLIENT, team=team, kind=kind)
    verdict = decide(Marking(Tlp.AMBER, Pap.AMBER), recipient, ReleasePurpose.REMEDIATION, rules.local(1))
    assert verdict.allowed is allowed
    ours = Recipient(Audience.OWN, team="ours", kind="national")
    assert decide(Marking(Tlp.AMBER, Pap.AMBER), ours, ReleasePurpose.REMEDIATION, rules.local(1)).allowed
    if not allowed:
        assert (verdict.rule, verdict.words) == ("local:why-not", "Because.")
