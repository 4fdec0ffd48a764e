"""`python -m pipeline` is `wirebeam`."""

from pipeline.cli.main import run

run()
