"""What every part of a node stands on and that belongs to none of them."""
