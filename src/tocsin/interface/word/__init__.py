"""Word files (ECMA-376): a document of blocks and runs with its revisions, and the writer."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.interface.word.model import (
        NOBODY,
        Block,
        Cell,
        Kind,
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
        paragraphs,
        reject,
        resolve,
        tidy,
    )
    from tocsin.interface.word.names import (
        DEEPEST,
        FIELDS,
        LINKS,
        LOOKS,
        RANGES,
        STRICT_R,
        TRACKED,
        W14,
        W15,
        Element,
        R,
        attribute,
        child,
        children,
        local,
        on,
        value,
        whole,
    )
    from tocsin.interface.word.write import write_docx
else:
    lazy_face(__name__)
