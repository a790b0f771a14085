"""A node as every room may know it: its home folder, its settings and its records."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.node.blobs import Blobs
from tocsin.node.paths import HomeFolder
from tocsin.node.place import Place
from tocsin.node.records import Database
from tocsin.node.settings import Settings
from tocsin.node.storage import place_of

if TYPE_CHECKING:
    from tocsin.node.standby import Standby


@dataclass(frozen=True)
class Node:
    """One Tocsin without its stores of events, which come as arguments where a room needs them."""

    home: Path
    settings: Settings
    database: Database

    @property
    def spool(self) -> Path:
        """Where packed reports are unpacked."""
        return self.home / HomeFolder.SPOOL

    @property
    def quarantine(self) -> Place:
        """Where rows that were set aside are kept, a file per ingest."""
        return self.place(HomeFolder.QUARANTINE)

    @property
    def mails(self) -> Path:
        """Where finished mails are written."""
        return self.home / HomeFolder.MAILS

    @property
    def inbox(self) -> Blobs:
        """Files that came with reports from the public."""
        return Blobs(self.place(HomeFolder.INBOX))

    @property
    def incident_evidence(self) -> Blobs:
        """Files of evidence of incidents."""
        return Blobs(self.place(HomeFolder.INCIDENT_EVIDENCE))

    @property
    def exchange(self) -> Blobs:
        """Dispatches to and from partners: members packed, and the files that were encrypted for them."""
        return Blobs(self.place(HomeFolder.EXCHANGE))

    @property
    def mailroom(self) -> Blobs:
        """Mails that came in."""
        return Blobs(self.place(HomeFolder.MAILROOM), ".eml")

    def place(self, name: HomeFolder) -> Place:
        """Where the files of a folder are: in the home, or by ``[storage] address``."""
        return place_of(self.settings.storage, self.home, name)

    @property
    def standby(self) -> "Standby | None":
        """What is known of a standby machine, where there is one."""
        if not self.settings.standby.folder:
            return None
        from tocsin.node.standby import Standby

        return Standby(self.home, self.settings.standby)

    @property
    def compiled(self) -> Path:
        """Where tables are kept in the form that opens at once."""
        return self.home / HomeFolder.COMPILED
