"""A node whose directory has something for every page about teams: two sources that differ, a claim, a coverage."""

from pathlib import Path

from support.world import START, World
from tocsin.directory.claims import make_claim

OTHERS = """
source = "registry"
as_of = 2026-11-01
confidence = 70

[[team]]
key = "isp-two"
name = "Second Operator"
kind = "operator"
country = "MU"
mailboxes = ["noc@two.example", "abuse@two.example"]
prefixes = ["198.51.100.0/24"]
asns = [64500, 64501]
domains = ["two.example"]

[[team]]
key = "rival"
name = "Rival Network Ltd"
country = "MU"
mailboxes = ["abuse@rival.example"]
prefixes = ["192.0.2.0/24"]
asns = [64500]

[[team]]
key = "rival-net"
name = "Rival Network Limited"
country = "MU"
mailboxes = ["abuse@rival.example"]
domains = ["rival.example"]

[[team]]
key = "nat-ke"
name = "National CSIRT of Kenya"
kind = "national"
country = "KE"
mailboxes = ["csirt@ke.example"]
countries = ["KE"]
"""
DELEGATED = """2|{rir}|20261115|{count}|19700101|20261115|+0000
{rir}|*|asn|*|{count}|summary
{rows}
"""
SHORTS = {"MU": range(64500, 64506), "KE": range(64506, 64510), "FJ": range(64510, 64512)}


def furnish(world: World) -> World:
    """Bring in what another source says, claim something, and keep a registry's file."""
    files = {"others.toml": OTHERS}
    (world.folder / "others.toml").write_text(files["others.toml"], encoding="utf-8")
    world.tocsin.run("directory", "import", world.folder / "others.toml")
    world.tocsin.run("directory", "import-delegations", delegated(world.folder))
    make_claim(
        world.node.database, "two.example", team="isp-two", mailbox="noc@two.example", claimed_by="Ana",
        sender=world.node.settings.node, now=START,
    )  # fmt: skip
    return world


def delegated(folder: Path) -> Path:
    rows = [
        f"afrinic|{country}|asn|{number}|1|20200101|allocated|{number}"
        for country, numbers in SHORTS.items()
        for number in numbers
    ]
    path = folder / "delegated-afrinic-extended-20261115"
    path.write_text(DELEGATED.format(rir="afrinic", count=len(rows), rows="\n".join(rows)), encoding="utf-8")
    return path
