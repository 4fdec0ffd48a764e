"""A loopback news site for the demo and the tests."""
