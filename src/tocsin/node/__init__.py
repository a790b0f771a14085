"""This node: what it is made of and stands on, whatever it does."""
