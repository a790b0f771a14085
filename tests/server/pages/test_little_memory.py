"""A node whose memory is given out answers every page: with what it shows, or with a sentence on what to do."""

from pathlib import Path

from support.console_users import browser_of
from support.furnished_node import furnish
from support.page_examples import fill
from support.routes import doors
from support.world import START, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.node.admission import Admission
from tocsin.server.server import make_application

_STREAMS = {"/today/live"}
_SENTENCE = "MB of memory that this node gives to questions"
_TODAY = "/today"


def test_every_page_says_that_memory_is_given_out_and_none_breaks(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    examples = furnish(world)
    world.node.store.admission = Admission(1)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=START) as administrator:
        asked = [
            door
            for door in doors(application)
            if door.method == "GET" and door.path not in _STREAMS and door.lets_in(AccountRole.ADMINISTRATOR)
        ]
        said, broken = set(), []
        for door in asked:
            example = examples.get(door.path)
            answer = administrator.get(example.at if example else fill(door.path, "x"))
            if _SENTENCE in answer.text:
                said.add(door.path)
            elif answer.status_code >= 500:
                broken.append((door.path, answer.status_code))
    assert len(asked) > 150
    assert broken == []
    assert {"/problems", "/api/v1/problems", "/teams/{key}", "/networks/{value:path}"} <= said
    assert _TODAY not in said  # what a person must do is shown whatever the size of a node
