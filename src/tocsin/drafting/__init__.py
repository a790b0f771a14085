"""Drafting: a text agreed by many, every position on record.

Read a compilation or a Word file, keep its history, see where it stands, make the next draft. Names are loaded when
first used.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.drafting.parse import read_text
    from tocsin.drafting.plaintext import read_compilation
else:
    lazy_face(__name__)
