"""Writes a profile into a file whose ending says its form, signed where a key is given."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.directory.profile.model import TeamProfile
from tocsin.node.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pysequoia import PySigner

FORMS: Final = (".txt", ".md", ".html", ".pdf")


def write_profile(profile: TeamProfile, path: Path, signer: "PySigner | None" = None) -> list[Path]:
    """The files written: the profile, and beside forms other than text its signature.

    Raises:
        UsageError: the ending is none of a form.
        StorageError: the disk refuses, or PDF cannot be made on this machine.

    """
    content = _content(profile, path, signer)
    files = {path: content}
    if signer and path.suffix != ".txt":
        from tocsin.directory.profile.signing import sign_beside

        files[path.with_name(f"{path.name}.asc")] = sign_beside(content, signer)
    try:
        for file, written in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(written)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
    return list(files)


def _content(profile: TeamProfile, path: Path, signer: "PySigner | None") -> bytes:
    from tocsin.directory.profile.page import profile_html, profile_markdown, profile_pdf
    from tocsin.directory.profile.signing import sign_text
    from tocsin.directory.profile.text import profile_text

    if path.suffix == ".txt":
        text = profile_text(profile)
        return (sign_text(text, signer) if signer else text).encode("utf-8")
    if path.suffix == ".md":
        return profile_markdown(profile).encode("utf-8")
    if path.suffix == ".html":
        return profile_html(profile).encode("utf-8")
    if path.suffix == ".pdf":
        return profile_pdf(profile)
    raise UsageError(f"A profile cannot be written as '{path.name}'.", hint=f"End the name in {', '.join(FORMS)}.")
