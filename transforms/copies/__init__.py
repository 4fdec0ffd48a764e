"""How copies are told: sketches of texts, the rule that compares them, and an index over them."""
