"""What the docs say of a role is what its permissions allow."""

from pathlib import Path

from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import Extent, extent

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_name_exactly_those_who_may_release_mails() -> None:
    (line,) = [line for line in (DOCS / "console.md").read_text().splitlines() if "release, hold, drop" in line]
    may = {role.value for role in AccountRole if extent(role, Permission.DELIVERIES_STEER) is Extent.ALL}
    assert {role.value for role in AccountRole if role.value in line.lower()} == may
