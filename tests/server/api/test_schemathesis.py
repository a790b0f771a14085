"""The whole API against its own description: nothing breaks, and nothing is answered that is not described.

``TOCSIN_API_EXAMPLES=50`` asks each operation more often than CI does.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.api_client import token_of
from support.world import World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.server.api.gatekeeper import OPEN
from tocsin.server.server import make_application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
BOUNDED = settings(
    max_examples=int(os.environ.get("TOCSIN_API_EXAMPLES", "2")),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def node(fresh: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A node with something of everything, and where its API is."""
    folder = tmp_path_factory.mktemp("node")
    first = copy_world(fresh, folder / "first")
    with (first.node.home / "tocsin.toml").open("a") as file:
        file.write("[api]\nrequests_a_minute = 1000000\npublic_a_minute = 1000000\n")
    world = copy_world(folder / "first", folder / "second")
    world.hear("192.0.2.1", "192.0.2.2", "nonsense")
    world.tell()
    with served(make_application(world.node, clock=lambda: world.now)) as port:
        yield world, f"http://127.0.0.1:{port}/api/v1"


@pytest.fixture(scope="module")
def described(node: tuple[World, str]) -> Any:
    """The description that the API gives of itself."""
    return schemathesis.openapi.from_url(f"{node[1]}/openapi.json")


@pytest.fixture(scope="module")
def administrator(node: tuple[World, str]) -> dict[str, str]:
    """What a program of an administrator sends along."""
    return {"authorization": f"Bearer {token_of(node[0].node, AccountRole.ADMINISTRATOR, world=node[0])}"}


def cases_of(described: Any, mode: GenerationMode) -> Iterator[Any]:
    """For each operation, requests that are as described, or that are not."""
    for found in described.get_all_operations():
        yield found.ok().as_strategy(generation_mode=mode)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_an_administrator_meets_what_is_described(
    described: Any, node: tuple[World, str], administrator: dict[str, str], mode: GenerationMode
) -> None:
    asked = Counter[str]()
    for cases in cases_of(described, mode):

        @BOUNDED
        @given(case=cases)
        def check(case: Any) -> None:
            case.call_and_validate(base_url=node[1], headers=administrator, checks=CHECKS)
            asked[case.operation.label] += 1

        with suppress(Unsatisfiable):  # an operation that takes nothing cannot be asked wrongly
            check()
    assert len(asked) > 25


def test_an_outsider_learns_nothing(described: Any, node: tuple[World, str]) -> None:
    for cases in cases_of(described, GenerationMode.POSITIVE):

        @settings(BOUNDED, max_examples=2)
        @given(case=cases)
        def check(case: Any) -> None:
            response = httpx.request(case.method, f"{node[1]}{case.formatted_path}", trust_env=False, timeout=120)
            assert response.status_code == (200 if case.path in OPEN else 401)

        check()
