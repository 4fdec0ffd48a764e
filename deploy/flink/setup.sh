#!/usr/bin/env bash
# Bring a Flink cluster's jars and Beam's job server for it, all pinned by checksum: setup.sh FOLDER
# The job server is WIREBEAM_FLINK_JOB_SERVER where that is set, else Beam's own of this version where Maven Central
# serves it, else one assembled from the parts named in job-server.xml (README.md says what that means).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=$1
beam_job_server=org.apache.beam:beam-runners-flink-1.19-job-server:2.77.0
copy_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
maven=(mvn --batch-mode --quiet --strict-checksums)

need() { # command, what brings it
  command -v "$1" >/dev/null || { echo "make flink needs $1: install $2 and try again" >&2; exit 1; }
}

fetch() { # name of a list of jars: NAME.xml says which, NAME.sha256 what they must be
  rm -rf "${to:?}/$1.part" "${to:?}/$1"
  "${maven[@]}" -f "$here/$1.xml" "$copy_plugin:copy-dependencies" \
    "-DoutputDirectory=$to/$1.part" -DincludeScope=runtime
  (cd "$to/$1.part" && sha256sum --check --strict --quiet "$here/$1.sha256")
  mv "$to/$1.part" "$to/$1"
}

need java "a Java runtime, 11 or 17 (Debian: openjdk-17-jre-headless)"
need mvn "Maven (Debian: maven)"
need python3 "Python"
mkdir -p "$to"
to=$(cd "$to" && pwd)

fetch cluster
if [ -n "${WIREBEAM_FLINK_JOB_SERVER-}" ]; then
  cp "$WIREBEAM_FLINK_JOB_SERVER" "$to/job-server.jar"
  echo "job server: $WIREBEAM_FLINK_JOB_SERVER"
elif "${maven[@]}" "$copy_plugin:copy" "-Dartifact=$beam_job_server" "-DoutputDirectory=$to" \
  -Dmdep.stripVersion=true >/dev/null; then
  mv "$to/beam-runners-flink-1.19-job-server.jar" "$to/job-server.jar"
  echo "job server: $beam_job_server"
else
  fetch job-server
  python3 "$here/merge_jars.py" "$to/job-server" "$to/job-server.jar"
  rm -r "$to/job-server"
  echo "job server: assembled from older parts, for tests only (deploy/flink/README.md)"
fi
