"""What a stream says, in reports of some lines each. Pure but for the clock."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from pydantic import Field

from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorSettings, WaitingReport
from tocsin.pipeline.collectors.web import DownloadLimits, too_large

Mark = TypeVar("Mark")


class StreamSettings(CollectorSettings):
    """How long a stream is listened to, and how much of it makes a report."""

    listen: int = Field(
        20, ge=1, le=86_400, description="Seconds that one run listens; other collectors of the same process wait."
    )
    lines: int = Field(10_000, ge=1, le=1_000_000, description="So many lines make a report, or what came until then.")
    gather: int = Field(20, ge=1, le=3_600, description="Seconds after its first line a report is made at the latest.")
    timeout: int = Field(60, ge=1, le=600, description="Seconds for one answer; a stream silent for so long ends.")
    max_bytes: int = Field(
        50_000_000, ge=10_000, description="A report with more bytes ends; a longer line is refused."
    )
    name: str = Field("stream.jsonl", min_length=1, description="How the reports are called here.")


@dataclass(frozen=True)
class Batches(Generic[Mark]):
    """Makes reports of lines. ``settle``: what is done with the mark of the last line once they are taken in."""

    settings: StreamSettings
    place: str
    settle: Callable[[Mark, str], None]

    def offers(self, lines: Iterable[tuple[bytes, Mark] | None]) -> Iterator[CollectedOffer]:
        """Reports, each taken in before more is listened to; empty lines only carry a mark, None that time passes.

        Raises:
            InputError: a line is too long.

        """
        settings, held, size = self.settings, list[bytes](), 0
        mark: list[Mark] = []
        left = until(settings.gather)
        for one in lines:
            line = one[0] if one else b""
            if len(line) > settings.max_bytes:
                raise too_large(self.place, DownloadLimits(settings.timeout, settings.listen, settings.max_bytes))
            if held and (size + len(line) > settings.max_bytes or not left()):
                yield self._offer(held, mark)
                held, size, mark = [], 0, []
            mark = [one[1]] if one else mark
            if line:
                left = left if held else until(settings.gather)
                held.append(line)
                size += len(line) + 1
            if len(held) >= settings.lines:
                yield self._offer(held, mark)
                held, size, mark = [], 0, []
        if held or mark:
            yield self._offer(held, mark)

    def _offer(self, held: list[bytes], mark: list[Mark]) -> CollectedOffer:
        content = b"".join(line + b"\n" for line in held)
        items = [WaitingReport(self.settings.name, len(content), read=partial(iter, [content]))] if held else []

        def settle(refused: str) -> None:
            for one in mark:
                self.settle(one, refused)

        return CollectedOffer(self.place, items, settle=settle, at_once=True)


def until(seconds: float) -> Callable[[], float]:
    """How many of so many seconds are left from now on; never less than none."""
    end = monotonic() + seconds
    return lambda: max(0.0, end - monotonic())
