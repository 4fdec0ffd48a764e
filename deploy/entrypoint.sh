#!/bin/sh
# The image's entry: Beam starts a worker or a pool of them with options only, a person names a command.
set -eu
case ${1-} in
  --help | [!-]*) exec wirebeam "$@" ;;
  *) exec /opt/apache/beam/boot "$@" ;;
esac
