"""The command line: which commands there are. What each needs is imported when it is called, so that help is quick."""

import typer

from pipeline.cli import (
    backfill,
    demo,
    diff,
    export,
    feeds,
    latest,
    maintain,
    newsroom,
    pubsub,
    purge,
    rebuild_state,
    replay,
    run_feeds,
    schema,
    sql,
    status,
    stream,
    why,
)
from pipeline.logs import configure

app = typer.Typer(
    name="wirebeam",
    help="Wire news from feeds to warehouse rows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run_feeds.run)
app.command("poll")(run_feeds.poll)
app.command("backfill", context_settings={"ignore_unknown_options": True})(backfill.backfill)  # a runner's own
app.command("stream", context_settings={"ignore_unknown_options": True})(stream.stream)  # as above
app.command("sql")(sql.sql)
app.command("latest")(latest.latest)
app.command("export")(export.export)
app.command("demo")(demo.demo)
app.command("schema")(schema.schema)
app.command("newsroom")(newsroom.newsroom)
app.command("why")(why.why)
app.command("diff")(diff.diff)
app.command("status")(status.status)
app.add_typer(feeds.feeds_app, name="feeds")
app.add_typer(pubsub.pubsub_app, name="pubsub")
app.command("replay")(replay.replay)
app.command("purge")(purge.purge)
app.command("maintain")(maintain.maintain)
app.command("rebuild-state")(rebuild_state.rebuild_state)


def run() -> None:
    """Entry point of `wirebeam`."""
    configure()
    app()
