"""What all of the API has in common: who comes in, how it fails, pages, limits, and what is done once."""

from pathlib import Path

from support.api_client import caller
from support.console_users import browser_of
from support.world import START, World
from tocsin.node.accounts import AccountRole, Permission
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application


def test_whoever_is_unknown_learns_nothing(world: World) -> None:
    with caller(world, None) as client:
        there, missing = client.get("/ingests"), client.get("/no-such-thing")
        assert there.status_code == missing.status_code == 401
        assert there.json() == missing.json()
        assert there.headers["www-authenticate"].startswith("Bearer")
        assert there.headers["content-type"] == "application/problem+json"
        assert client.post("/reports", content=b"{").status_code == 401
        assert client.get("/me").json()["role"] == "nobody"
        assert client.get("/me", headers={"authorization": "Bearer tcs_wrong"}).status_code == 401
        assert client.get("/health").json() == {"status": "ok", "version": None, "checks": None}


def test_me(world: World) -> None:
    with caller(world, AccountRole.ANALYST, Permission.EVENTS_READ) as client:
        found = client.get("/me").json()
    assert (found["name"], found["role"], found["by_token"]) == ("Analyst", "analyst", True)
    assert found["acts"]["events.read"] == "all"
    assert "reports.read" not in found["acts"]


def test_what_is_not_for_a_visitor_is_not_there(world: World) -> None:
    with caller(world, AccountRole.OPERATOR, teams=(1,)) as client:
        forbidden, missing = client.get("/ingests"), client.get("/no-such-thing")
        assert client.post("/reports", content=b"x").status_code == 404
        # also where the request would be wrong besides
        assert client.get("/ingests?limit=-1").json() == forbidden.json()
    assert forbidden.status_code == missing.status_code == 404
    assert forbidden.json() == missing.json()


def test_lookup_says_who_must_know_and_to_operators_only_of_their_own(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        found = client.get("/lookup", params={"query": "192.0.2.1"}).json()
        assert [team["team"] for team in found["teams"]] == ["operator", "nat-a"]
        many = client.post("/lookup", json={"addresses": ["192.0.2.1", "nonsense", "198.51.100.1"]}).json()["items"]
        assert [line["responsible"] for line in many] == [["operator"], [], []]
        assert many[1]["by"] == "not an address"
        operator = client.get("/teams/operator")
    assert operator.status_code in {200, 404}
    (number,) = _numbers(world, "operator")
    with caller(world, AccountRole.OPERATOR, teams=(number,)) as client:
        own = client.get("/lookup", params={"query": "192.0.2.1"}).json()
        assert [team["team"] for team in own["teams"]] == ["operator"]
        assert client.get("/lookup", params={"query": "203.0.113.5"}).status_code == 404
        asked = {"addresses": ["203.0.113.5", "192.0.2.1"]}
        line, mine = client.post("/lookup", json=asked).json()["items"]
        assert (mine["responsible"], mine["informed"]) == (["operator"], [])
        assert mine["mailboxes"] == ["abuse@operator.example"]
        assert (line["responsible"], line["mailboxes"], line["by"]) == ([], [], "not within your networks")


def test_failures_name_what_is_wrong(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        wrong = client.get("/ingests", params={"limit": 0, "cursor": "x"})
        assert wrong.status_code == 422
        (error,) = wrong.json()["errors"]
        assert (error["parameter"], error["in"]) == ("limit", "query")
        forged = client.get("/ingests", params={"cursor": "WzFd.forged"})
        assert (forged.status_code, forged.json()["title"]) == (400, "Bad Request")
        nonsense = client.get("/lookup", params={"query": "@@"})
        assert nonsense.status_code == 400
        assert "192.0.2.1" in nonsense.json()["hint"]
        assert client.delete("/ingests").status_code == 405
        large = client.post("/lookup", json={"addresses": ["x" * 100] * 20_000})
        assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
        assert large.json()["detail"] == "The request is too large."
        assert client.post("/lookup", content=b"{", headers={"content-type": "application/json"}).status_code == 422


def test_a_browser_needs_the_word_of_its_visit(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        bare = browser.client.post("/api/v1/lookup", json={"addresses": ["192.0.2.1"]})
        assert (bare.status_code, bare.headers["content-type"]) == (403, "application/problem+json")
        headers = {"x-csrf-token": browser.csrf}
        fine = browser.client.post("/api/v1/lookup", json={"addresses": ["192.0.2.1"]}, headers=headers)
        assert fine.status_code == 200


def test_requests_are_limited_and_say_so(fresh: Path, tmp_path: Path) -> None:
    from support.world import copy_world

    world = copy_world(fresh, tmp_path)
    (world.node.home / "tocsin.toml").write_text("[api]\nrequests_a_minute = 3\npublic_a_minute = 2\n")
    world = World(world.folder, open_node(world.node.home))
    with caller(world, AccountRole.ANALYST) as client:
        left = [client.get("/me") for _ in range(4)]
        assert [one.status_code for one in left] == [200, 200, 200, 429]
        assert left[0].headers["ratelimit-policy"] == '"person";q=3;w=60'
        assert left[0].headers["ratelimit"].startswith('"person";r=2;t=')
        assert int(left[3].headers["retry-after"]) >= 1
        assert left[3].json()["title"] == "Too Many Requests"
    with caller(world, None) as client:
        assert [client.get("/health").status_code for _ in range(3)] == [200, 200, 429]


def test_networks_are_counted_apart_however_their_addresses_are_written(fresh: Path, tmp_path: Path) -> None:
    from support.world import copy_world
    from tocsin.pipeline.stores import open_node

    world = copy_world(fresh, tmp_path)
    (world.node.home / "tocsin.toml").write_text("[api]\npublic_a_minute = 1\n")
    world = World(world.folder, open_node(world.node.home))
    with caller(world, None) as client:
        asked = [
            client.get("/health", headers={"x-forwarded-for": address}).status_code
            for address in ("::ffff:192.0.2.1", "::ffff:198.51.100.1", "192.0.2.7", "fe80::1%eth0", "fe80::2")
        ]
    assert asked == [200, 200, 200, 200, 429], "an address, and of IPv6 a /64"
    with caller(world, None) as client:
        asked = [client.get("/health", headers={"x-forwarded-for": f"203.0.113.{n}"}).status_code for n in range(11)]
    assert asked == [200] * 10 + [429], "a network has ten times as many"


def test_the_description_and_its_page(world: World) -> None:
    with caller(world, None) as client:
        schema = client.get("/openapi.json").json()
        page = client.get("/docs").text
    assert schema["openapi"].startswith("3.1")
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["operationId"] in page
            assert operation["x-scope"] in list(Permission)


def test_every_list_has_a_cursor(world: World) -> None:
    with caller(world, AccountRole.ADMINISTRATOR) as client:
        schema = client.get("/openapi.json").json()
    lists = []
    for path, operations in schema["paths"].items():
        answer = operations.get("get", {"responses": {}})["responses"].get("200", {}).get("content", {})
        described = answer.get("application/json", {}).get("schema", {})
        name = described.get("anyOf", [described])[0].get("$ref", "").rpartition("/")[2]
        properties = schema["components"]["schemas"].get(name, {}).get("properties", {})
        if "items" in properties:
            lists.append(path)
            assert "next" in properties, path
            assert {"cursor", "limit"} <= {one["name"] for one in operations["get"]["parameters"]}, path
    assert {"/problems", "/teams", "/ingests", "/events", "/audit", "/deliveries"} <= set(lists)


def test_the_public_server_has_only_what_needs_no_account(world: World) -> None:
    with caller(world, None, public=True) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ingests").status_code == 401
        assert list(client.get("/openapi.json").json()["paths"]) == ["/health"]


def _numbers(world: World, *keys: str) -> tuple[int, ...]:
    from tocsin.directory import read_team

    return tuple(read_team(world.node.database, key)[0].id for key in keys)
