"""What the workers of the pool need, imported once by the server that they are forked from: a worker starts at once."""

import logging

# Beam warns of extras that are not installed; whoever runs the pipeline hears that from the main process, if at all.
logging.basicConfig(level=logging.ERROR)

from transforms import extract  # noqa: E402, F401  # after the line above: importing is what warns
from transforms.feeds import back, reading  # noqa: E402, F401
