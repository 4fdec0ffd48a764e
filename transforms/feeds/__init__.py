"""What poll knows of feeds: which entries are the same, whether some were missed, and where to find those."""
