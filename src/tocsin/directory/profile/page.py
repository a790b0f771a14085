"""A profile for people: as a page, on paper, and as Markdown; the same lines and prose as the text."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from tocsin.directory.profile.model import ProfileItem, TeamProfile, lines_of
from tocsin.directory.profile.outline import OUTLINE, ProfileSection
from tocsin.directory.profile.text import NOT_STATED, TITLE_END
from tocsin.node.errors import StorageError


@dataclass(frozen=True)
class SectionPart:
    """A section with its items and paragraphs."""

    section: ProfileSection
    items: tuple[ProfileItem, ...]
    paragraphs: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether the profile says nothing here."""
        return not self.items and not self.paragraphs


def parts_of(profile: TeamProfile) -> Iterator[SectionPart]:
    """The sections of the outline, in its order."""
    lines = lines_of(profile)
    for section in OUTLINE:
        prose = profile.prose(section.topic)
        items = tuple(line for line in lines if line.section == section.number)
        yield SectionPart(section, items, tuple(prose.split("\n\n")) if prose else ())


def profile_html(profile: TeamProfile) -> str:
    """One page that needs nothing else, and prints on A4 in a page or two; what is not stated is listed at its end."""
    from jinja2 import Environment, StrictUndefined

    room = files("tocsin.directory.profile")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = list(parts_of(profile))
    return environment.from_string((room / "page.html.j2").read_text(encoding="utf-8")).render(
        profile=profile,
        style=(room / "page.css").read_text(encoding="utf-8"),
        chapters=[_chapter(part, parts) for part in parts if part.section.level == 1],
        silent=[part.section for part in parts if part.empty and not _has_children(part.section)],
        more=_more,
    )


def profile_pdf(profile: TeamProfile) -> bytes:
    """The page as PDF/UA.

    Raises:
        StorageError: the libraries that draw text are not on this machine.

    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as error:
        raise StorageError(
            "PDF cannot be made: the text library Pango is not on this machine.",
            hint="Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0. Text, Markdown and HTML work without it.",
        ) from error
    inside = URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    made = HTML(string=profile_html(profile), url_fetcher=inside).write_pdf(pdf_variant="pdf/ua-1")
    return bytes(made)


def profile_markdown(profile: TeamProfile) -> str:
    """The document as Markdown."""
    rows = [f"# {_escaped(profile.name)}: {TITLE_END}", ""]
    for part in parts_of(profile):
        rows += [f"{'#' * (part.section.level + 1)} {part.section.number} {part.section.heading}", ""]
        rows += [f"- {_escaped(_label(line) + line.value + _more(line))}" for line in part.items]
        rows += [""] if part.items else []
        rows += [text for paragraph in part.paragraphs for text in (_escaped(paragraph), "")]
        if part.empty and not _has_children(part.section):
            rows += [NOT_STATED, ""]
    return "\n".join(rows)


def _chapter(head: SectionPart, parts: list[SectionPart]) -> tuple[SectionPart, list[SectionPart]]:
    """A chapter with those of its sections that say something."""
    number = f"{head.section.number}."
    return head, [part for part in parts if part.section.number.startswith(number) and not part.empty]


def _has_children(section: ProfileSection) -> bool:
    return any(other.number.startswith(f"{section.number}.") for other in OUTLINE)


def _label(line: ProfileItem) -> str:
    return f"{line.label}: " if line.label else ""


def _more(line: ProfileItem) -> str:
    """The details of an item in words."""
    words = [text for name, text in line.details if name in {"status", "kind"}]
    words += [_PURPOSES[text] for name, text in line.details if name == "for"]
    words += [f"{name} {text}" for name, text in line.details if name not in {"status", "kind", "for"}]
    return f" ({', '.join(words)})" if words else ""


_PURPOSES: Final = {
    "general": "general",
    "incident": "incident reports",
    "abuse": "abuse reports",
    "security": "security matters",
    "vulnerability": "reports of vulnerabilities",
    "emergency": "in an emergency",
}


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)
