"""`wirebeam stream`: from a subscription to the sinks, on a Beam runner."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.run_feeds import chosen_sinks, http_config, read_config, subscription_in
from pipeline.cli.terminal import FAULT, USAGE, console, fail, usage_errors
from pipeline.durations import parse_duration
from pipeline.logs import LogForm, configure


def stream(
    context: typer.Context,
    source: Annotated[str, typer.Option("--from", help="pubsub:projects/P/subscriptions/S.")],
    runner: Annotated[
        str,
        typer.Option(help="FlinkRunner, DataflowRunner or PrismRunner; its options stand beside ours as --name=value."),
    ],
    options: Annotated[
        list[str] | None, typer.Argument(help="Options of the runner, as --name=value.", show_default=False)
    ] = None,
    config: Annotated[  # noqa: ARG001  # its callback reads it, before the other options
        Path | None,
        typer.Option(
            callback=read_config,
            is_eager=True,
            help="A file of options and sinks; wirebeam.toml in the working directory, if it is there.",
            show_default=False,
        ),
    ] = None,
    sink: Annotated[list[str] | None, typer.Option(help="Where rows go: what all workers can reach.")] = None,
    flush: Annotated[str, typer.Option(help="The longest that rows wait for others to join their batch.")] = "10s",
    workers: Annotated[int, typer.Option(min=0, help="Processes of each worker that extract; 0: one per core.")] = 0,
    allow_net: Annotated[
        list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Downloads in flight, of each worker.")] = 32,
    host_delay: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds between two requests to one host.")
    ] = 1.0,
    log: Annotated[LogForm, typer.Option(help="How events are written to standard error.")] = LogForm.CONSOLE,
) -> None:
    """Fetch, extract, judge and write what a subscription brings, as one job without end.

    Retries and revisits are published to the subscription's own topic.
    """
    configure(log)
    subscription = subscription_in(source)
    odd = [each for each in options or () if not each.startswith("-")]
    if odd:
        fail(f"{odd[0]}: options of the runner are written --name=value", USAGE)
    with usage_errors("--flush"):
        flush_s = max(1, round(parse_duration(flush).total_seconds()))
    with usage_errors():
        http = http_config(contact, allow_net, concurrency, host_delay)
    try:
        from pipeline.stream import stream as run_stream
    except ImportError as error:
        fail(f"{source}: needs pip install 'wirebeam[gcp]' ({error})", USAGE)
    from pipeline.cluster import Cluster, ClusterError
    from pipeline.engine import Settings
    from pipeline.sinks.base import SinkError
    from pipeline.sinks.rules import EVERYTHING
    from transforms.visits import Policy
    from transforms.web.urls import redact

    wanted = chosen_sinks(sink, context.obj)
    if not wanted:
        fail("--sink: a stream has no data directory; say where the rows go", USAGE)
    if any(each.terms.rules != EVERYTHING for each in wanted):
        fail("a sink has rules in the configuration file, which a job on a runner does not follow", USAGE)
    settings = Settings(http=http, workers=workers, policy=Policy())
    uris = [each.uri for each in wanted]
    try:
        run_stream(Cluster(runner=runner, options=options or ()), subscription, uris, settings, flush_s)
    except (ClusterError, SinkError) as error:
        fail(str(error), FAULT)
    console().print(f"rows go to {', '.join(map(redact, uris))}", soft_wrap=True)
