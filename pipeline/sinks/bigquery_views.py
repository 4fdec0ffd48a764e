"""The views for BigQuery, where a name without its dataset means nothing inside a view."""

import re

from pipeline.formats import Dialect
from pipeline.views import views
from schemas.tables import TABLES


def bigquery_views(dataset: str) -> dict[str, str]:
    """Each view's query, by its name, with every table and view that it asks named in full.

    Args:
        dataset: PROJECT.DATASET, which holds the tables and will hold the views.
    """
    queries = views(Dialect.BIGQUERY)
    asked = re.compile(rf"\b(FROM|JOIN) ({'|'.join((*TABLES, *queries))})\b( AS \w+)?")

    def in_full(match: re.Match[str]) -> str:
        word, name, alias = match.groups()
        return f"{word} `{dataset}.{name}`{alias or f' AS {name}'}"

    return {name: asked.sub(in_full, query).strip() for name, query in queries.items()}


def bigquery_statements(dataset: str) -> str:
    """What makes the views, for `bq query` and the console: one CREATE VIEW for each, in an order that works."""
    return "\n\n".join(
        f"CREATE OR REPLACE VIEW `{dataset}.{name}` AS\n{query};" for name, query in bigquery_views(dataset).items()
    )
