"""This install: what every room stands on."""
