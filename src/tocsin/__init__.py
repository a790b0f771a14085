"""Tocsin: hear what is wrong in a country's networks, find who must know, and tell them safely."""

__version__ = "0.1.0"
