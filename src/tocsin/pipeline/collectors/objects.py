"""Objects in a bucket of S3 or a container of Azure: listed by prefix, each fetched when it is new or changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tocsin.node.errors import RemoteError, SettingError
from tocsin.node.section import Zone
from tocsin.node.sentences import say
from tocsin.node.settings import load_settings
from tocsin.node.storage_settings import AccessKey, Endpoint, Region, SecretFile
from tocsin.pipeline.collectors.dates import check_dates, dated
from tocsin.pipeline.collectors.kinds import (
    CollectedOffer,
    CollectorKind,
    CollectorSettings,
    Memory,
    WaitingReport,
    library,
    place,
)
from tocsin.pipeline.collectors.trust import secret
from tocsin.pipeline.collectors.web import DownloadLimits, bounded, printable

if TYPE_CHECKING:
    from obstore.store import AzureStore, S3Store

_LISTED: Final = 100_000
_PIECE: Final = 1_000_000


class ObjectsSettings(CollectorSettings):
    """Files in a bucket of S3, of what speaks as S3 does, or in a container of Azure; needs tocsin[collectors]."""

    kind: Literal["objects"]
    url: str = Field(
        pattern=r"^(s3|az)://[^\s/?#@]+(/[^\s?#]*)?$",
        description="s3://BUCKET/PREFIX or az://CONTAINER/PREFIX; dates in it as in an https address. Without "
        "secret_file: what everybody may read.",
    )
    zone: Zone = Field("", description="The IANA time zone of these dates; empty: time_zone of [node].")
    endpoint: Endpoint = ""
    region: Region = "us-east-1"
    account: AccessKey = ""
    secret_file: SecretFile = ""
    ca_file: str = Field("", description="Authorities that are trusted beside the system's (PEM).")
    include: list[str] = Field([], description="Only names that fit one of these patterns, such as *.json; empty: all.")
    timeout: int = Field(60, ge=1, le=600, description="Seconds for one answer of the server.")
    longest: int = Field(3_600, ge=1, description="Seconds for a whole object.")
    max_bytes: int = Field(1_000_000_000, ge=1, description="A larger object is refused.")

    @model_validator(mode="after")
    def _account_is_there(self) -> Self:
        check_dates(self.url)
        if self.secret_file and not self.account:
            raise ValueError("secret_file needs account")
        if self.url.startswith("az:") and not self.account:
            raise ValueError("az:// needs account, the name of the storage account")
        return self


@dataclass(frozen=True)
class Objects:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: ObjectsSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The objects that are new or changed, in order of name."""
        yield self._offers(memory)

    def _offers(self, memory: Memory) -> Iterator[CollectedOffer]:
        settings = self.settings
        url = urlsplit(dated(settings.url, memory.now, settings.zone or load_settings(self.home).node.time_zone))
        store, listed = self._store(url.netloc), []
        prefix = url.path.lstrip("/")
        with self._failures():
            # A list of the library goes by whole folders: what only begins so is found in the folder above.
            for lot in store.list(prefix.rpartition("/")[0] or None, chunk_size=1_000):
                listed += [one for one in lot if one["path"].startswith(prefix)]
                if len(listed) > _LISTED:
                    raise RemoteError(
                        say("%(where)s has more than %(count)s objects.", where=settings.url, count=f"{_LISTED:,}"),
                        hint=say("Narrow its prefix, say by a date."),
                    )
        for one in sorted(listed, key=lambda one: str(one["path"])):
            path = PurePosixPath(one["path"])
            version = one["e_tag"] or one["last_modified"].isoformat()
            key = f"{one['path']}\n{version}"
            if key in memory.known or (settings.include and not any(map(path.match, settings.include))):
                continue
            item = WaitingReport(path.name, one["size"], read=partial(self._read_object, store, str(path)))
            yield CollectedOffer(str(path), [item], key)

    def _read_object(self, store: "AzureStore | S3Store", path: str) -> Iterator[bytes]:
        bounds = DownloadLimits(self.settings.timeout, self.settings.longest, self.settings.max_bytes)
        with self._failures():
            yield from bounded(map(bytes, store.get(path).stream(min_chunk_size=_PIECE)), path, bounds)

    def _store(self, bucket: str) -> "AzureStore | S3Store":
        settings, stores = self.settings, library("obstore.store")
        key = secret(self.home, settings.secret_file, "secret_file")
        options: dict[str, Any] = {
            "timeout": timedelta(seconds=settings.longest),
            "read_timeout": timedelta(seconds=settings.timeout),
            "connect_timeout": timedelta(seconds=settings.timeout),
            "allow_http": settings.endpoint.startswith("http://"),
        }
        if settings.ca_file:
            options["root_certificate"] = _authorities(place(self.home, settings.ca_file))
        more: dict[str, Any] = {
            "client_options": options,
            # The collector has a back-off of its own.
            "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=settings.timeout)},
            **({"endpoint": settings.endpoint} if settings.endpoint else {}),
        }
        with self._failures():
            if settings.url.startswith("az:"):
                kind = "sas_key" if "sig=" in key else "account_key"
                more |= {kind: key} if key else {"skip_signature": True}
                store: AzureStore | S3Store = stores.AzureStore(bucket, account_name=settings.account, **more)
            else:
                own = {"access_key_id": settings.account, "secret_access_key": key} if key else {"skip_signature": True}
                store = stores.S3Store(bucket, region=settings.region, **more, **own)
        return store

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """What the library raises, in its own words up to where an address may hold a signature."""
        errors = library("obstore.exceptions")
        try:
            yield
        except errors.BaseError as error:
            said = printable(str(error).partition("\n")[0].partition("?")[0]) or type(error).__name__
            denied = isinstance(error, errors.PermissionDeniedError | errors.UnauthenticatedError)
            raise RemoteError(
                say("%(where)s cannot be fetched: %(said)s.", where=self.settings.url, said=said),
                hint=say("Check the credentials.")
                if denied
                else say("Check the address, the network and the certificate."),
            ) from None


def _authorities(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(
            say("The file %(authorities)s cannot be used: %(strerror)s.", authorities=path, strerror=error.strerror),
            hint=say("Correct ca_file."),
        ) from error


KIND: Final = CollectorKind(ObjectsSettings, Objects, partial(library, "obstore.store"))
