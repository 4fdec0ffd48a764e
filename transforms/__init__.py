"""The stages: a pure function and a PTransform of the same name each."""
