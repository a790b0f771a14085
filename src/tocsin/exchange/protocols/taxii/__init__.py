"""TAXII 2.1: for each partner a collection of what the release gate lets it read, and one that takes what it offers."""
