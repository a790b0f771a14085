"""Reports that collectors find in tests, and what became of them."""

from support.cast import HEADER, Tocsin

NAME = "2026-11-23-scan_rdp-kestria.csv"


def report(*addresses: str, day: str = "2026-11-23") -> bytes:
    """A report of open RDP services."""
    rows = [f'"{day} 01:02:03","medium","{address}","tcp",3389,,"rdp",64500,"MU",,' for address in addresses]
    return "\n".join([HEADER, *rows, ""]).encode()


def stored(tocsin: Tocsin) -> list[str]:
    """The addresses of all events, in order."""
    return sorted(event["source.ip"] for event in tocsin.lines("events", "--limit", "0", "--format", "json"))


def spooled(tocsin: Tocsin) -> list[str]:
    """What stands in the folders of collectors, but for their locks."""
    folder = tocsin.home / "collected"
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != "lock"
    )
