#!/usr/bin/env python3
"""A Python worker of a Flink task manager, in the environment of the `python3` that runs it.

The task manager starts it as it would start `boot` in Beam's container (environment type PROCESS). Like that program it
asks the runner for the pipeline's options and then becomes Beam's worker; unlike it, it brings no packages along: they
are all installed. What it prints before it can log to the runner goes to the file WORKER_LOG.
"""

import argparse
import os
import sys
import tempfile

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc, endpoints_pb2
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
from google.protobuf import json_format, text_format


def main() -> None:
    """Become the worker that the task manager asked for."""
    parser = argparse.ArgumentParser()
    for name in ("id", "provision_endpoint"):
        parser.add_argument(f"--{name}", required=True)
    asked, _ = parser.parse_known_args()
    with open(os.environ["WORKER_LOG"], "ab") as log:  # noqa: PTH123 - an inherited descriptor is all it is for
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())

    channel = grpc.intercept_channel(grpc.insecure_channel(asked.provision_endpoint), WorkerIdInterceptor(asked.id))
    provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
    told = provision.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest(), timeout=60).info
    os.environ |= {
        "WORKER_ID": asked.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(told.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(told.logging_endpoint.url),
        "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(told.control_endpoint.url),
        "RUNNER_CAPABILITIES": " ".join(told.runner_capabilities),
        "SEMI_PERSISTENT_DIRECTORY": tempfile.mkdtemp(prefix="wirebeam-worker-"),
    }
    os.execv(sys.executable, [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"])


def _descriptor(url: str) -> str:
    return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))


if __name__ == "__main__":
    main()
