"""The API of a node for programs, under ``/api/v1``: the same functions and permissions as the pages."""
