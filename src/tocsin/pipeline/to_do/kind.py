"""One kind of to-do items: its name, who may work it, how its items are found, where they are, what ends them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from tocsin.node.accounts import Permission
from tocsin.node.sentences import Sentence
from tocsin.pipeline.to_do.item import Item, Resolution
from tocsin.pipeline.to_do.listers import ListingContext


@dataclass(frozen=True)
class ToDoKind:
    """One kind of to-do items.

    ``title``: one item in words, with its figure and period. ``path``: where its items are, ``%(key)s`` is the team of
    one. ``permission``: who may work it. ``endings``: each ends it. ``slow``: it is found only by comparing all
    problems, or the whole directory. ``personal``: what there is depends on who looks.
    """

    name: Sentence
    title: Callable[[Item], Sentence]
    path: str
    permission: Permission
    items: Callable[[ListingContext], Iterable[Item]]
    endings: tuple[Resolution, ...]
    slow: bool = False
    personal: bool = False

    def path_of(self, item: Item) -> str:
        """The page where an item is ended."""
        return self.path % {"key": quote(item.team[0])} if item.team[0] else self.path
