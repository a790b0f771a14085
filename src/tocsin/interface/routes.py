"""Routes that are analysed once they are asked for, and the router of pages."""

from collections.abc import Callable, Iterable
from threading import RLock
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

_LARGEST_FORM: Final = 2_000_000  # bytes; a page that takes files says its own bound
_ANALYSIS: Final = RLock()  # threads of pages look at routes too


class LazyRoute(APIRoute):
    """Knows its path and methods; its function is analysed when anything else is asked of it, as by its first request.

    A server has hundreds, each of which FastAPI takes about a millisecond for; so it starts at once.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str] | None = None, **options: Any
    ) -> None:
        self.path, self.endpoint = path, endpoint
        self.methods = {method.upper() for method in methods or ["GET"]}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._options = options

    def analyse(self) -> None:
        """Have FastAPI read the function's signature."""
        super().__init__(self.path, self.endpoint, methods=self.methods, **vars(self).pop("_options"))

    def __getattr__(self, name: str) -> object:
        """What only the analysis tells."""
        with _ANALYSIS:
            if "_options" in vars(self):
                self.analyse()
        return object.__getattribute__(self, name)


class PageRouter(APIRouter):
    """Takes the pages of a room, each with at most as many bytes as it says, or as a form has."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=LazyRoute, max_body_size=_LARGEST_FORM, **options)
