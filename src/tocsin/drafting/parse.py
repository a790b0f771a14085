"""A file as a text under negotiation: which reader takes it is decided by its first bytes, not by its name."""

from tocsin.drafting.model import NegotiatedText
from tocsin.node.confined import confined
from tocsin.node.errors import InputError

_ZIP = b"PK"
_OLE = b"\xd0\xcf\x11\xe0"  # .doc, and every Office file under a password (MS-CFB 2.2)
_OTHERS = {b"%PDF": "a PDF", b"{\\rtf": "an RTF file"}


@confined(seconds=60, megabytes=2_000, loads=("tocsin.drafting.word.text_in", "tocsin.drafting.plaintext"))
def read_text(data: bytes, name: str = "") -> NegotiatedText:
    """The text in a Word file (.docx) or a plain-text compilation.

    Raises:
        InputError: neither of the two, or one that its reader refuses.

    """
    if data.startswith((_ZIP, _OLE)) or name.casefold().endswith(".docx"):
        from tocsin.drafting.word import read_word_text

        return read_word_text(data, name)
    for first, kind in _OTHERS.items():
        if data.startswith(first):
            raise InputError(
                f"This is {kind}; only Word files (.docx) and plain text are read.",
                hint="Open it in a word processor and save it as .docx.",
            )
    from tocsin.drafting.plaintext import read_compilation

    return read_compilation(data, name)
