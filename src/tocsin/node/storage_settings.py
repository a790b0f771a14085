"""The settings of where records and events are kept."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tocsin.node.section import Section, Words

Endpoint = Annotated[
    str,
    Field(
        pattern=r"^(https://[^\s?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s?#@]*)?)?$",
        description="The server, where it is not that of Amazon (S3) or of the account (Azure).",
    ),
]
Region = Annotated[str, Field(min_length=1, description="The region of the bucket (S3).")]
AccessKey = Annotated[str, Field(description="The access key id (S3) or the storage account (Azure).")]
SecretFile = Annotated[
    str,
    Field(
        description="File that holds the secret access key (S3), or the account key or SAS token (Azure), readable by "
        "this user only (a relative path: in the home folder)."
    ),
]


class StorageSettings(Section):
    """Where records and events are kept."""

    database: str = Field("", description="SQLAlchemy URL of the records; empty: SQLite in the home folder.")
    address: str = Field(
        "",
        pattern=r"^(|file:///[^?#]*[^?#/]|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9][A-Za-z0-9._-]*)*)$",
        description="Where events, what is known of rows and problems, kept files and set-aside rows are: file:// and "
        "the full path of a folder that all machines see, or s3://BUCKET/PREFIX (without account: "
        "by the role of this machine, AWS); empty: in the home folder.",
    )
    endpoint: Endpoint = ""
    region: Region = "us-east-1"
    account: AccessKey = ""
    secret_file: SecretFile = ""
    backups: str = Field(
        "", description="The folder that the pages put backups into, best on another disk; empty: by command only."
    )
    backup_to: Words = Field(
        (),
        description="The OpenPGP keys that backups are encrypted to where a command names none, and those from pages: "
        "files (a relative path: in the home folder), fingerprints or email addresses of keys in keys/backup.",
    )
    backup_days: int = Field(
        7, ge=0, description="The doctor complains when the newest backup is older than this many days; 0: never."
    )
    recover_days: int = Field(
        2,
        ge=0,
        description="On PostgreSQL: so many days back records can be restored to a moment, and the event table follows "
        "by 'tocsin doctor --repair'; so long files of keys that were merged stay.",
    )

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        if bool(self.account) != bool(self.secret_file):
            raise ValueError("account and secret_file need each other")
        return self
