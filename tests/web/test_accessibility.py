"""No page violates WCAG 2.2 AA as far as a machine can tell, from left to right and from right to left."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from answer_world import copy_world
from looks import Gallery, gallery, misfits, violations


@pytest.fixture(scope="module")
def rooms(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    world = copy_world(fresh, tmp_path_factory.mktemp("gallery"))
    with world.open, gallery(world) as made:
        yield made


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_page_violates_wcag(rooms: Gallery, language: str) -> None:
    wrong = []
    for role, pages in rooms.by_role().items():
        if not pages:
            continue
        with rooms.eyes(role, theme="dark" if language == "ar" else "light") as page:
            for seen in pages:
                page.open(rooms.at(seen, language))
                found = json.loads(violations(page))
                found += misfits(page, 320) + misfits(page, 1280)  # 320: reflow, 1.4.10
                if found:
                    wrong.append((seen.path, found))
    assert wrong == []
