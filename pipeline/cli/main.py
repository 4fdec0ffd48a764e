"""The command line: which commands there are. What each needs is imported when it is called, so that help is quick."""

import logging
import sys

import structlog
import typer

from pipeline.cli import demo, newsroom, run_feeds, schema, sql

app = typer.Typer(
    name="wirebeam",
    help="Wire news from feeds to warehouse rows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run_feeds.run)
app.command("sql")(sql.sql)
app.command("demo")(demo.demo)
app.command("schema")(schema.schema)
app.command("newsroom")(newsroom.newsroom)


def run() -> None:
    """Entry point of `wirebeam`."""
    # Libraries speak up only for errors; what a person should know is said by the commands themselves.
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()
