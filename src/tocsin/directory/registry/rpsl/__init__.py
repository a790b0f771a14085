"""RPSL dumps of the registries' databases: who is to be told of each AS number and network."""

from tocsin.directory.registry.rpsl.dump import read_dump
from tocsin.directory.registry.rpsl.territory import CountryFilter
