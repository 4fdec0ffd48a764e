"""Runs `bqemulator`, in an environment of its own, with what it does otherwise than BigQuery put right.

`python bigquery_emulator.py REST_PORT GRPC_PORT FOLDER`. The service takes a field of any name (the emulator does not
quote those of records), heeds the job's id and takes it once only, loads Parquet by the columns' names, adds columns to
a table whose schema is changed, and patches single labels. What it does not imitate at all (quotas, jobs that run or
fail) is tested with recorded answers.
"""

import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial  # type: ignore[import-not-found]  # in the emulator's environment only
from bqemulator.api.routes import tables, upload
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.cli import main
from bqemulator.domain.errors import ResourceRef, resource_already_exists
from bqemulator.jobs import executor
from bqemulator.storage.sql_identifiers import quoted_table_ref


def quote_fields_of_records() -> None:
    columns_of = tables.bq_schema_to_duckdb_columns

    def quoted(field: dict[str, Any]) -> dict[str, Any]:
        inner = [{**quoted(each), "name": f'"{each["name"]}"'} for each in field.get("fields", [])]
        return {**field, "fields": inner}

    def columns(fields: list[dict[str, Any]]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = columns_of([quoted(field) for field in fields])
        return found

    tables.bq_schema_to_duckdb_columns = columns


def heed_job_ids() -> None:
    read_configuration, run_load = upload._load_configuration_from_envelope, upload._run_load
    job_ids: list[str] = []

    def configuration_with_id(envelope: dict[str, Any]) -> dict[str, Any]:
        return {**read_configuration(envelope), "jobId": envelope["jobReference"]["jobId"]}

    async def run_once(*, project_id: str, configuration: dict[str, Any], media_path: str, ctx: Any) -> Any:
        configuration = dict(configuration)
        job_id = configuration.pop("jobId")
        if ctx.catalog.get_job(project_id, job_id):
            raise resource_already_exists(ResourceRef("job", project_id, resource_id=job_id))
        job_ids.append(job_id)
        return await run_load(project_id=project_id, configuration=configuration, media_path=media_path, ctx=ctx)

    upload._load_configuration_from_envelope, upload._run_load = configuration_with_id, run_once
    upload._new_job_id = job_ids.pop


def load_by_name() -> None:
    def load(path: str, table: str, ctx: Any) -> None:
        ctx.engine.execute(f"INSERT INTO {table} BY NAME SELECT * FROM read_parquet(?)", [path])

    executor._LOAD_FORMAT_HANDLERS["PARQUET"] = load


def add_columns() -> None:
    update = DuckDBCatalogRepository.update_table

    def update_and_add(self: Any, table: Any) -> Any:
        before = self.get_table(table.project_id, table.dataset_id, table.table_id)
        known = {field.name for field in before.schema_.fields}
        added = [tables._field_to_rest(field) for field in table.schema_.fields if field.name not in known]
        target = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
        for name, kind in tables.bq_schema_to_duckdb_columns(added):
            self._engine.execute(f'ALTER TABLE {target} ADD COLUMN "{name}" {kind}')
        return update(self, table)

    DuckDBCatalogRepository.update_table = update_and_add


def patch_labels() -> None:
    read = tables._rest_to_table_meta

    def read_merged(project: str, dataset: str, body: dict[str, Any], clock: Any, existing: Any = None) -> Any:
        if existing and "labels" in body:
            body = {**body, "labels": {**existing.labels, **body["labels"]}}
        return read(project, dataset, body, clock, existing)

    tables._rest_to_table_meta = read_merged


def bring_extension(home: Path) -> None:
    """It asks for DuckDB's spatial extension, which lies in a package and not where DuckDB looks."""
    (file,) = Path(duckdb_extension_spatial.__file__).parent.rglob("*.duckdb_extension")
    (platform,) = duckdb.execute("PRAGMA platform").fetchone() or ()
    link = home / ".duckdb" / "extensions" / file.parent.name / platform / file.name
    link.parent.mkdir(parents=True)
    link.symlink_to(file)
    os.environ |= {"HOME": str(home), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false"}


if __name__ == "__main__":
    rest_port, grpc_port, folder = sys.argv[1:]
    bring_extension(Path(folder))
    for change in (quote_fields_of_records, heed_job_ids, load_by_name, add_columns, patch_labels):
        change()
    ports = ["--rest-port", rest_port, "--grpc-port", grpc_port]
    main(["start", *ports, "--project", "test", "--log-level", "warning", "--data-dir", f"{folder}/data"])
