"""How a mail account that takes no password is opened, as the settings say it."""

from collections.abc import Callable
from typing import Final, Self

from pydantic import Field, model_validator

from tocsin.node.section import Section

SECRET_FILES: Final = ("client_secret_file", "refresh_token_file")


class OAuthSettings(Section):
    """How access tokens are asked for, where an account takes no password."""

    token_url: str = Field(
        "",
        pattern=r"^(https://[^\s?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s?#@]*)?)?$",
        description="Where access tokens are asked for (OAuth 2.0), instead of a password; empty: by password.",
    )
    client_id: str = Field("", description="The id that the provider gave this node, with token_url.")
    client_secret_file: str = Field(
        "",
        description="File that holds its secret, readable by this user only (a relative path: in the home folder).",
    )
    refresh_token_file: str = Field(
        "",
        description="File that holds a refresh token; a new one that the provider gives is written into it. Empty: "
        "the node asks in its own name (client credentials).",
    )
    scope: str = Field("", description="The scopes that are asked for, with blanks between them.")

    @model_validator(mode="after")
    def _can_ask(self) -> Self:
        if self.token_url and not (self.client_id and (self.client_secret_file or self.refresh_token_file)):
            raise ValueError("token_url needs client_id, and client_secret_file or refresh_token_file")
        return self

    def placed(self, place: Callable[[str], str]) -> Self:
        """The same with paths that ``place`` made absolute."""
        return self.model_copy(update={name: place(path) for name in SECRET_FILES if (path := getattr(self, name))})
