"""A generated history as if the product had received and sealed it.

The rows that a cycle reads (customers, their versions) are written by plain SQL. The events go straight into
segments, a day each: 20 million rows in the `Event` table would take long to write, and no cycle reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection, transaction

from benchmarks.wire import transaction_ids
from ingest.columns import open_columns
from ingest.columns.duckdb_store import DuckDBStore
from ingest.columns.engine import Engine
from ingest.columns.layout import COLUMN_TYPES, CUSTOMERS, EVENTS, MAPS, VERSIONS
from ingest.columns.store import Written
from ingest.fields import FieldType
from ingest.models import Customer, CustomerVersion, Event, Segment

CHUNK = 100_000


def write_rows(data: Path) -> None:
    """Customers and versions under the ids of the generator, into an empty SQLite database."""
    companies, users = pq.read_table(data / "companies.parquet"), pq.read_table(data / "users.parquet")
    with transaction.atomic():
        for table, kind, profiles in ((companies, "company", company_profiles), (users, "user", user_profiles)):
            _write_customers(table, kind, profiles(table))
        _continue_after(Event, 1_000_000_000)


def write_segments(data: Path, end: datetime) -> None:
    """The history as published segments, a day each; then sealing merges them as it would have over the days."""
    engine = Engine(
        Path(settings.EVENTS_URL.removeprefix("duckdb://")), settings.COLUMNS_MEMORY, settings.COLUMNS_THREADS
    )
    store = DuckDBStore(engine)
    _publish(Segment.Kind.CUSTOMERS, store.write_customers(*customer_tables(data)), end)
    for file in sorted((data / "events").iterdir()):
        _publish(Segment.Kind.EVENTS, store.write_events(event_table(file)), end)
    engine.close()
    open_columns().seal(end)


def _publish(kind: Segment.Kind, written: Written, end: datetime) -> None:
    state = Segment.State.PUBLISHED
    Segment.objects.create(kind=kind, state=state, created_at=end, published_at=end, **written.record())


def event_table(file: Path) -> pa.Table:
    """One day of receipt in the form of `layout.EVENTS`."""
    rows = pq.read_table(file)
    columns = {name: rows[name] for name in EVENTS.names if name in rows.column_names}
    named = pc.if_else(rows["names_company"], rows["company_id"], pa.scalar(None, pa.int32()))
    headers = {
        "request.headers.user-agent": rows["agent"],
        "request.headers.accept": _where(rows["verb"], "application/json"),
        "request.headers.content-type": _where(rows["verb"], "application/json"),
        "response.headers.content-type": _where(rows["verb"], "application/json"),
    }
    columns |= {"company_id": named, "transaction_id": transaction_ids(rows["id"])}
    columns |= _maps(
        rows.num_rows,
        text={**headers, "metadata.region": rows["region"]},
        number={"metadata.amount": rows["amount"]},
        boolean={"metadata.cached": rows["cached"]},
    )
    return _conform(columns, rows.num_rows, EVENTS)


def customer_tables(data: Path) -> tuple[pa.Table, pa.Table]:
    """All customers and their first versions, in the form of `layout.CUSTOMERS` and `layout.VERSIONS`."""
    companies, users = pq.read_table(data / "companies.parquet"), pq.read_table(data / "users.parquet")
    customers = [_customers(companies, "company"), _customers(users, "user")]
    versions = [
        _versions(companies, "company", {"metadata.plan": companies["plan"], "company_domain": companies["domain"]}),
        _versions(
            users,
            "user",
            {
                **{f"metadata.{name}": users[name] for name in ("plan", "role", "region", "name", "email")},
                "metadata.signed_up": _iso(users["signed_up"]),
            },
            {"metadata.signed_up": users["signed_up"]},
        ),
    ]
    return pa.concat_tables(customers), pa.concat_tables(versions)


def company_profiles(table: pa.Table) -> pa.Array:
    """`Customer.profile` as JSON texts."""
    return _json('{"metadata": {"plan": "', table["plan"], '"}, "company_domain": "', table["domain"], '"}')


def user_profiles(table: pa.Table) -> pa.Array:
    """`Customer.profile` as JSON texts."""
    parts: list[object] = []
    for name in ("plan", "role", "region", "name", "email"):
        parts += [f'"{name}": "', table[name], '", ']
    return _json('{"metadata": {', *parts, '"signed_up": "', _iso(table["signed_up"]), '"}}')


def _json(*parts: object) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _iso(times: pa.ChunkedArray) -> pa.Array:
    return pc.strftime(times, "%Y-%m-%dT%H:%M:%SZ")


def _where(column: pa.ChunkedArray, text: str) -> pa.Array:
    return pc.if_else(column.is_valid(), text, pa.scalar(None, pa.string()))


def _write_customers(table: pa.Table, kind: str, profiles: pa.Array) -> None:
    times = pc.strftime(table["received_at"], "%Y-%m-%d %H:%M:%S")
    company = table["company_id"] if "company_id" in table.column_names else pa.nulls(len(table), pa.int32())
    given = pa.chunked_array([company]) if isinstance(company, pa.Array) else company
    rows = pa.table(
        [table["id"], table["external_id"], given, profiles, times],
        names=["id", "external_id", "company", "profile", "received_at"],
    )
    with connection.cursor() as cursor:
        for batch in rows.to_batches(CHUNK):
            id_, external_id, company_id, profile, received_at = (column.to_pylist() for column in batch.columns)
            kinds = [kind] * len(id_)
            cursor.executemany(
                f'INSERT INTO "{Customer._meta.db_table}" (id, kind, external_id, company_id, profile, '
                "created_at, anonymous) VALUES (%s, %s, %s, %s, %s, %s, FALSE)",
                zip(id_, kinds, external_id, company_id, profile, received_at, strict=True),
            )
            cursor.executemany(
                f'INSERT INTO "{CustomerVersion._meta.db_table}" '
                "(id, customer_id, received_at, patch, profile, company_id) VALUES (%s, %s, %s, %s, %s, %s)",
                zip(id_, id_, received_at, profile, profile, company_id, strict=True),
            )


def _continue_after(model: type[Event], last: int) -> None:
    """Make SQLite count on from here, so that the ids in the segments are not given again."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [model._meta.db_table, last])


def _customers(table: pa.Table, kind: str) -> pa.Table:
    columns = {"id": table["id"], "kind": pa.repeat(kind, len(table)), "external_id": table["external_id"]}
    return _conform(columns, len(table), CUSTOMERS)


def _versions(
    table: pa.Table, kind: str, text: Mapping[str, object], moment: Mapping[str, object] | None = None
) -> pa.Table:
    columns = {
        "version": table["id"],
        "customer": table["id"],
        "kind": pa.repeat(kind, len(table)),
        "external_id": table["external_id"],
        "received_at": table["received_at"],
        "sealed": pa.repeat(0, len(table)),
    }
    if "company_id" in table.column_names:
        columns["company"] = table["company_id"]
    columns |= _maps(len(table), text=text, moment=moment or {})
    return _conform(columns, len(table), VERSIONS)


def _maps(rows: int, **given: Mapping[str, object]) -> dict[str, pa.Array]:
    """The columns of maps; what is not given is empty in every row."""
    maps = {name: _map(rows, given.get(name, {}), type_) for name, type_ in MAPS.items()}
    nothing = pa.array(np.zeros(rows + 1, dtype=np.int32))
    return {**maps, "present": pa.ListArray.from_arrays(nothing, pa.array([], pa.string()))}


def _map(rows: int, paths: Mapping[str, object], type_: FieldType) -> pa.Array:
    """One column of maps from a column for each path; a null is no entry."""
    columns = [_flat(column).cast(COLUMN_TYPES[type_]) for column in paths.values()]
    valid = [column.is_valid().to_numpy(zero_copy_only=False) for column in columns]
    counts = np.sum(valid, axis=0, dtype=np.int32) if valid else np.zeros(rows, dtype=np.int32)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    row_of = np.concatenate([np.flatnonzero(mask) for mask in valid]) if valid else np.array([], dtype=np.int64)
    order = pa.array(np.argsort(row_of, kind="stable"))
    keys = [pa.repeat(path, int(mask.sum())) for path, mask in zip(paths, valid, strict=True)]
    return pa.MapArray.from_arrays(
        pa.array(ends),
        _joined(keys, pa.string()).take(order),
        _joined([column.drop_null() for column in columns], COLUMN_TYPES[type_]).take(order),
    )


def _joined(arrays: list[pa.Array], type_: pa.DataType) -> pa.Array:
    return pa.concat_arrays(arrays) if arrays else pa.array([], type_)


def _flat(column: object) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _conform(columns: Mapping[str, object], rows: int, schema: pa.Schema) -> pa.Table:
    """The columns in the types and order of the schema; a missing one is null. Times lose their zone (UTC)."""
    arrays = []
    for field in schema:
        column = columns.get(field.name)
        if column is None:
            arrays.append(pa.nulls(rows, field.type))
            continue
        flat = _flat(column)
        if pa.types.is_timestamp(field.type):
            flat = flat.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).cast(field.type)
        arrays.append(flat.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
