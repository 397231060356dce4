"""Install pip from the package index into the environment that runs this, where `ensurepip` is missing."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

INDEX = "https://pypi.org/pypi/pip/json"

with urllib.request.urlopen(INDEX, timeout=60) as answer:
    files = json.load(answer)["urls"]
wheel = next(file for file in files if file["packagetype"] == "bdist_wheel")
with tempfile.TemporaryDirectory() as directory:
    path = Path(directory, wheel["filename"])
    urllib.request.urlretrieve(urljoin(INDEX, wheel["url"]), path)
    subprocess.run([sys.executable, f"{path}/pip", "install", "--quiet", "--no-index", path], check=True)
