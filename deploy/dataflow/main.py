"""The Flex Template's program: `wirebeam stream` with the parameters that its launcher gives, as --name=value."""

import sys

from pipeline.cli.main import run

if __name__ == "__main__":
    sys.argv[1:1] = ["stream", "--runner=DataflowRunner", "--log=json"]
    run()
