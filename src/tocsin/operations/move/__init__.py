"""A node moves to another database and to shared storage, and back: whole, compared, and resumed after a kill."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.operations.move.run import MoveProgress, MoveResult, move_node
else:
    lazy_face(__name__)
