"""The teams of a compiled router in files: one is read when it is asked for, so that many cost nothing to open."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import numpy as np

from tocsin.directory import AttachmentFormat, DigestInterval, Mute, MuteKind, Team, TeamKind
from tocsin.sharing.routing.table import Int64s, UInt8s


class _Mute(TypedDict):
    kind: str
    value: str
    until: str | None
    reason: str


class _TeamDocument(TypedDict):
    id: int
    uuid: str
    key: str
    name: str
    organisation: str
    kind: str
    country: str
    language: str
    timezone: str
    mailboxes: list[str]
    interval: str
    formats: list[str]
    ceiling: str
    encrypt: bool
    mutes: list[_Mute]


class StoredTeams(Mapping[int, Team]):
    """The teams that ``save_teams`` wrote, by number.

    ``numbers`` (int64, ascending); team i is the JSON text from ``ends[i]`` to ``ends[i + 1]`` of ``texts`` (uint8).
    """

    def __init__(self, numbers: Int64s, ends: Int64s, texts: UInt8s) -> None:
        self._numbers, self._ends, self._texts = numbers, ends, texts
        self._read: dict[int, Team] = {}

    @classmethod
    def open(cls, folder: Path) -> "StoredTeams":
        """The teams of a folder, mapped into memory."""
        files = (folder / f"team_{part}.npy" for part in ("numbers", "ends", "texts"))
        return cls(*(np.asarray(np.load(file, mmap_mode="r")) for file in files))

    def __getitem__(self, number: int) -> Team:
        if number not in self._read:
            place = int(self._numbers.searchsorted(number))
            if place == len(self._numbers) or self._numbers[place] != number:
                raise KeyError(number)
            start, end = self._ends[place : place + 2].tolist()
            self._read[number] = _team(json.loads(self._texts[start:end].tobytes()))
        return self._read[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers.tolist())

    def __len__(self) -> int:
        return len(self._numbers)


def save_teams(teams: Iterable[Team], folder: Path) -> None:
    """Write teams into a folder."""
    ordered = sorted(teams, key=lambda team: team.id)
    texts = [json.dumps(_plain(team), ensure_ascii=False, separators=(",", ":")).encode() for team in ordered]
    np.save(folder / "team_numbers.npy", np.array([team.id for team in ordered], dtype=np.int64))
    np.save(folder / "team_ends.npy", np.array([0, *accumulate(map(len, texts))], dtype=np.int64))
    np.save(folder / "team_texts.npy", np.frombuffer(b"".join(texts), dtype=np.uint8))


def _plain(team: Team) -> _TeamDocument:
    return {
        "id": team.id,
        "uuid": str(team.uuid),
        "key": team.key,
        "name": team.name,
        "organisation": team.organisation,
        "kind": team.kind,
        "country": team.country,
        "language": team.language,
        "timezone": team.timezone,
        "mailboxes": [*team.mailboxes],
        "interval": team.interval,
        "formats": [*team.formats],
        "ceiling": team.ceiling,
        "encrypt": team.encrypt,
        "mutes": [_plain_mute(mute) for mute in team.mutes],
    }


def _plain_mute(mute: Mute) -> _Mute:
    until = mute.until.isoformat() if mute.until else None
    return {"kind": mute.kind, "value": mute.value, "until": until, "reason": mute.reason}


def _team(plain: _TeamDocument) -> Team:
    return Team(
        id=plain["id"],
        uuid=UUID(plain["uuid"]),
        key=plain["key"],
        name=plain["name"],
        organisation=plain["organisation"],
        kind=TeamKind(plain["kind"]),
        country=plain["country"],
        language=plain["language"],
        timezone=plain["timezone"],
        mailboxes=tuple(plain["mailboxes"]),
        interval=DigestInterval(plain["interval"]),
        formats=tuple(AttachmentFormat(word) for word in plain["formats"]),
        ceiling=plain["ceiling"],
        encrypt=plain["encrypt"],
        mutes=tuple(_mute(mute) for mute in plain["mutes"]),
    )


def _mute(plain: _Mute) -> Mute:
    until = datetime.fromisoformat(plain["until"]) if plain["until"] else None
    return Mute(MuteKind(plain["kind"]), plain["value"], until, plain["reason"])
