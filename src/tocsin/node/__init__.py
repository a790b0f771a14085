"""This node: what it is made of, whatever it does."""
