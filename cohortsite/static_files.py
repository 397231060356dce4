"""Scripts and stylesheets under names that hold a hash of their content: browsers keep them for good, and an upgrade
reaches everybody at once.

Nothing has to be collected before the site starts, and no list of names can be out of date: each process takes the
files where the apps have them and works the names out. `collectstatic` writes the same names, for those who let
another server hand the files out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

HASHED = (".css", ".js")
"""Other files keep their names: stylesheets refer to fonts by them."""


class HashedNames(StaticFilesStorage):
    """Gives the address of a file with its hash."""

    def url(self, name: str | None) -> str:
        """The address under which `HashedFiles` serves the file."""
        path = finders.find(name) if name and name.endswith(HASHED) else None
        return super().url(hashed_name(name, path) if name and isinstance(path, str) else name)

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """For `collectstatic`: a copy of each file under its hashed name."""
        for name, (source, path) in paths.items():
            if dry_run or not name.endswith(HASHED):
                continue
            hashed = hashed_name(name, source.path(path))
            if not self.exists(hashed):
                with source.open(path) as file:
                    self.save(hashed, file)
            yield name, hashed, True


class HashedFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves every file under its own name and under the hashed one, which never changes its content."""

    def add_files(self, root: str, prefix: str | None = None) -> None:
        """Files that were collected; without any there is no directory, and nothing to warn of."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        if url.endswith(HASHED):
            hashed = hashed_name(url, path)
            self.files[hashed] = self.get_static_file(path, hashed, stat_cache=stat_cache)


def hashed_name(name: str, path: str) -> str:
    """`site.css` -> `site.3f786850e387.css`, by the content of the file at `path`."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{_hash(path, Path(path).stat().st_mtime_ns)}.{suffix}"


@cache
def _hash(path: str, changed: int) -> str:
    """`changed` renews what is remembered when a file is replaced under a running process."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
