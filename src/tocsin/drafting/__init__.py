"""Drafting: a text agreed by many, every position on record."""
