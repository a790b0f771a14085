"""What comes in touches what is critical: new events, observables of incidents; compared with plain Python."""

from ipaddress import ip_address, ip_network
from random import Random

import polars as pl
from sqlalchemy import select

from support.assets import FIELDS, Keeper
from support.console_users import person
from support.world import World
from tocsin.assets import AssetMatcher, match_observables, touched_assets
from tocsin.assets.register import AssetTouch
from tocsin.incidents import IncidentReader, ObservableKind, add_incident, add_observable
from tocsin.networks import parse_addresses
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.to_do import every_item


def touches(world: World) -> list[tuple[int, int | None, int]]:
    with world.node.database.reading() as session:
        return [(one.asset_id, one.incident_id, one.count) for one in session.scalars(select(AssetTouch))]


def test_new_events_touch_once(world: World, keeper: Keeper) -> None:
    power, port = keeper.add(**FIELDS), keeper.add("Port", identifiers="192.0.2.1")
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.200")  # all in AS64500, as reported
    assert touches(world) == [(power, None, 3), (port, None, 1)]
    world.at(1).hear("192.0.2.1")  # the problem goes on
    assert touches(world) == [(power, None, 3), (port, None, 1)]
    world.hear("192.0.2.3")
    assert touches(world) == [(power, None, 4), (port, None, 1)]
    for who in (keeper.number, None):  # without a person: a call-out is due
        (item,) = (one for one in every_item(world.node, world.now, who) if one.kind == "asset-touched")
        assert item.count == 2
    keeper.do("acknowledge", asset=power)
    with world.node.database.reading() as session:
        assert touched_assets(session, IncidentReader(keeper.number, world.now))[0] == 1


def test_who_may_not_read_the_register_has_no_item(world: World, keeper: Keeper) -> None:
    keeper.add(**FIELDS)
    world.hear("192.0.2.1")
    for role in (AccountRole.ADMINISTRATOR, AccountRole.AUDITOR):
        number = person(world.node, role, now=world.now)
        assert not [one for one in every_item(world.node, world.now, number) if one.kind.startswith("asset")]


def test_a_batch_against_plain_python(world: World, keeper: Keeper) -> None:
    random = Random(10)
    nets = [
        f"192.0.{random.randint(0, 3)}.{random.randint(0, 7) * 32}/{random.choice((27, 28, 30, 32))}" for _ in range(60)
    ]
    nets += ["192.0.0.0/22", "2001:db8::/32", "2001:db8:1::/48"]
    names = ["a.example", "b.a.example", "c.example", ".example"]
    numbers = ["AS64500", "AS64501"]
    owned = {
        keeper.add(f"asset {place}", identifiers=text): text for place, text in enumerate([*nets, *names, *numbers])
    }
    owned[keeper.add("both", identifiers="192.0.0.0/22\nAS64500\na.example")] = "192.0.0.0/22+AS64500+a.example"
    addresses = [f"192.0.{random.randint(0, 5)}.{random.randint(0, 255)}" for _ in range(2_000)]
    addresses += ["2001:db8:1::5", "2001:db8::7", "2001:db9::1"]
    hosts = [
        random.choice(("x.a.example", "b.a.example", "ba.example", "c.example", "d.b.a.example")) for _ in addresses
    ]
    without = 40
    addresses += [""] * without
    networks = [random.choice((None, *nets, "192.0.0.0/20", "198.51.100.0/24")) for _ in addresses]
    hosts += [""] * without
    asns = [random.choice((None, 64500, 64502)) for _ in addresses]
    hi, lo, known = parse_addresses(pl.Series(addresses))
    whole = {
        "ip.hi": hi.view("int64"), "ip.lo": lo.view("int64"), "fqdn": hosts, "asn": asns, "network": networks,
    }  # fmt: skip
    source = pl.DataFrame(whole).with_columns(pl.when(pl.Series(known)).then(pl.col("ip.hi", "ip.lo")))
    sides = [of.rename(lambda name, side=side: f"{side}.{name}") for side, of in {  # type: ignore[misc]
        "source": source, "destination": source.clear(source.height),
    }.items()]  # fmt: skip
    frame = pl.concat(sides, how="horizontal")
    with world.node.database.reading() as session:
        found = AssetMatcher.of(session).events(frame)

    def names_it(text: str, row: int) -> bool:
        address, network, host, asn = addresses[row], networks[row], hosts[row], asns[row]
        if text.startswith("AS"):
            return asn is not None and text == f"AS{asn}"
        if text in names:
            return text != ".example" and (host == text or host.endswith(f".{text}"))
        if address:
            return ip_address(address) in ip_network(text)
        if network is None or ip_network(network).version != ip_network(text).version:
            return False
        return ip_network(network).overlaps(ip_network(text))

    texts = {number: text.split("+") for number, text in owned.items()}
    counts = {
        number: sum(any(names_it(one, row) for one in of) for row in range(len(addresses)))
        for number, of in texts.items()
    }
    expected = {number: count for number, count in counts.items() if count}
    assert dict(found) == expected


def test_observables_of_incidents(world: World, keeper: Keeper) -> None:
    power, other = keeper.add(**FIELDS), keeper.add("Elsewhere", identifiers="203.0.113.0/24")
    values = [
        (ObservableKind.URL, "http://pay.power.example/kit"), (ObservableKind.NETWORK, "192.0.2.0/29"),
        (ObservableKind.ASN, "64500"), (ObservableKind.DOMAIN, "notpower.example"), (ObservableKind.MD5, "0" * 32),
    ]  # fmt: skip
    with world.node.database.begin() as session:
        incident = add_incident(session, title="Kit", actor="x", now=world.now)
        for kind, value in values:
            add_observable(session, incident, kind, value, role="indicator", tlp="AMBER", now=world.now)
        number = incident.id
    assert match_observables(world.node, world.now) == 1
    assert match_observables(world.node, world.now) == 0
    assert touches(world) == [(power, number, 1)]
    keeper.do("change", asset=other, name="Elsewhere", identifiers="notpower.example")
    assert match_observables(world.node, world.now) == 1  # what is said anew is compared with what was there


def test_a_restricted_incident_touches_for_its_members_alone(world: World, keeper: Keeper) -> None:
    power, analyst = keeper.add(**FIELDS), person(world.node, AccountRole.ANALYST, now=world.now)
    with world.node.database.begin() as session:
        incident = add_incident(session, title="Kit", actor="x", now=world.now, members=[keeper.number])
        add_observable(session, incident, ObservableKind.IP, "192.0.2.1", role="victim", tlp="RED", now=world.now)
    match_observables(world.node, world.now)

    def count(number: int | None) -> int:
        with world.node.database.reading() as session:
            return touched_assets(session, IncidentReader(number, world.now))[0]

    assert (count(keeper.number), count(analyst), count(None)) == (1, 0, 0)
    Keeper(world, AccountRole.ANALYST).do("acknowledge", asset=power)  # touches nothing that is hidden
    assert count(keeper.number) == 1
