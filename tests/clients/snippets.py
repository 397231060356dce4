"""The snippets of docs/sdks.md, run as they stand but for the address, in processes of their own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "sdks.md"
LOCKED = Path(__file__).parent / "node"
COMMANDS = {"python": [sys.executable, "-W", "ignore"], "js": ["node"]}


def snippet(language: str, containing: str) -> str:
    """The one block of the page in this language that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S)
    [found] = [block for block in blocks if containing in block]
    return found


def node_modules() -> Path:
    """The Node clients as their lock file says, installed once into the cache of this machine."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("tests of Node clients need node and npm: apt-get install nodejs npm")
    lock = (LOCKED / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cohortsite"
    home = cache / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # tests run in several processes
        if not (home / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(LOCKED / name, home / name)
            quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run(["npm", "ci", *quiet], cwd=home, check=True, timeout=300)
            (home / "installed").touch()
    return home / "node_modules"


@contextmanager
def running(language: str, code: str, key: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The code in a process, for as long as the block lasts; what it prints goes to the test's output."""
    file = folder / f"snippet.{'py' if language == 'python' else 'cjs'}"
    file.write_text(code)
    env = {**os.environ, "COHORTS_KEY": key}
    if language == "js":
        env["NODE_PATH"] = str(node_modules())
    process = subprocess.Popen([*COMMANDS[language], str(file)], env=env, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=20)
