"""Word files: read and written with every change and comment under its author, and the views that follow from them.

``text_in`` and ``text_out`` of this package turn them into a text under negotiation and back.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.drafting.word.read import read_docx
    from tocsin.drafting.word.redline import Version, redline
    from tocsin.drafting.word.text_in import read_word_text
    from tocsin.drafting.word.text_out import compiled_docx, redlined_docx
    from tocsin.interface.word import (
        Cell,
        Element,
        ListLevel,
        Note,
        Paragraph,
        Revision,
        TableRow,
        TextRun,
        WordComment,
        WordDocument,
        WordTable,
        accept,
        accepted,
        author_view,
        authors,
        changes,
        lines,
        numbered,
        original,
        reject,
        write_docx,
    )
else:
    lazy_face(__name__)
