"""HTTP, robots.txt, the host gate and the address guard."""
