"""The image's health: a poller says so itself over HTTP, a pool of Beam's workers takes connections.

A container that has neither (a command that ends by itself, a worker of Dataflow) is to turn the check off.
"""

import socket
import sys
import urllib.error
import urllib.request

HEALTHZ = "http://127.0.0.1:9464/healthz"  # wirebeam poll --metrics 0.0.0.0:9464
WORKER_POOL = ("127.0.0.1", 50000)  # what Beam's boot --worker_pool listens on
PATIENCE_S = 4.0


def is_healthy(healthz: str = HEALTHZ, worker_pool: tuple[str, int] = WORKER_POOL) -> bool:
    """Whether the poller says that it is, or, where none answers, whether the worker pool takes a connection."""
    try:
        with urllib.request.urlopen(healthz, timeout=PATIENCE_S):  # noqa: S310 - the address is ours
            return True
    except urllib.error.HTTPError:
        return False
    except OSError:
        try:
            socket.create_connection(worker_pool, PATIENCE_S).close()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    sys.exit(not is_healthy())
