"""The playbooks that come along, and their texts, which pages translate."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from tocsin.incidents.playbooks.cacao import Playbook, known_playbook


@cache
def shipped_playbooks() -> dict[str, tuple[Playbook, bytes]]:
    """The playbooks that come along with their files, by key."""
    found = sorted(
        (one.name.removesuffix(".json"), one.read_bytes())
        for one in (files("tocsin.incidents.playbooks") / "shipped").iterdir()
        if one.name.endswith(".json")
    )
    return {key: (known_playbook(content), content) for key, content in found}


def shipped_sentences() -> Iterator[str]:
    """What they say to people, for catalogues."""
    for playbook, _ in shipped_playbooks().values():
        yield from (playbook.name, playbook.description)
        for step in playbook.in_order():
            if step.is_task or step.answers:
                yield from filter(None, (step.name, step.description, step.condition, *step.orders))
