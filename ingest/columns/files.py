"""Segment files: where they are, how one is put in its place for good, and whether one still is what was written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ingest.columns.interface import ColumnsDamaged
from ingest.models import Segment

SUFFIX = ".duckdb"


class Missing(ColumnsDamaged):
    """The file is not there: it is lost, or the list was read before a merge replaced it."""


def describe(segment: Segment) -> str:
    return f"segment {segment.pk} ({segment.file})"


def path_of(directory: Path, segment: Segment) -> Path:
    return directory / segment.file


def stamp_of(stat: os.stat_result) -> str:
    """What changes whenever a file is written or replaced, and is cheap to read."""
    return f"{stat.st_ino}:{stat.st_mtime_ns}"


def checksum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(temporary: Path, final: Path) -> None:
    """Put a finished file in its place so that it survives a power cut."""
    _sync(temporary)
    temporary.rename(final)
    _sync(final.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(directory: Path, segment: Segment, sound: dict[str, str]) -> str:
    """The stamp of the file. Raises Missing or ColumnsDamaged unless it is as listed.

    Its content is read only if the stamp is neither the one it was written with nor one found `sound` before.
    """
    stat = _stat(directory, segment)
    if stat.st_size != segment.size:
        raise ColumnsDamaged(f"{describe(segment)} has {stat.st_size} bytes, not {segment.size}")
    stamp = stamp_of(stat)
    if stamp not in (segment.stamp, sound.get(segment.file)):
        check_content(directory, segment)
        sound[segment.file] = stamp
    return stamp


def check_content(directory: Path, segment: Segment) -> None:
    """Raise Missing or ColumnsDamaged unless the file holds what was written."""
    _stat(directory, segment)
    if checksum_of(path_of(directory, segment)) != segment.checksum:
        raise ColumnsDamaged(f"{describe(segment)} does not have the content that was written")


def _stat(directory: Path, segment: Segment) -> os.stat_result:
    try:
        return path_of(directory, segment).stat()
    except FileNotFoundError:
        raise Missing(f"{describe(segment)} is missing") from None
