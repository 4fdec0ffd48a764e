"""Whole documents of news agencies, as they come over a wire, to captures: pure functions, without Beam."""
