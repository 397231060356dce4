"""The columnar copy on ClickHouse, for events that outgrow one machine: `EVENTS_URL=clickhouse://...`."""

from __future__ import annotations

from ingest.columns.clickhouse.columns import ClickHouseColumns, open_clickhouse

__all__ = ["ClickHouseColumns", "open_clickhouse"]
