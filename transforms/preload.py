"""What the workers of the pool need, loaded once by the server that they are forked from: a worker starts at once.

The tagger's names are then one copy in memory, which all workers share for as long as nobody writes to it.
"""

import gc
import logging

# Beam warns of extras that are not installed; whoever runs the pipeline hears that from the main process, if at all.
logging.basicConfig(level=logging.ERROR)

from transforms import extract, tag  # noqa: E402, F401  # after the line above: importing is what warns
from transforms.feeds import back, reading  # noqa: E402, F401
from transforms.wire import documents  # noqa: E402, F401

tag.TAGGER.get()
gc.freeze()  # a collection would write to every object that is there by now, and so copy it for each worker
