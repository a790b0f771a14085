"""How anything is presented, and no room's matter: acts as data, and what is made from them."""
