"""The one way in which a definition is refused."""

from __future__ import annotations

LONGEST_PART = 300


class CriteriaError(ValueError):
    """A definition that is refused: `path` leads to the fault, `message` says what is expected there.

    Both may hold pieces of what was sent, so they are cut, and lone surrogates (which no output can carry) replaced.
    """

    def __init__(self, path: str, message: str) -> None:
        self.path = _printable(path)
        self.message = _printable(message)
        super().__init__(f"{self.path}: {self.message}" if self.path else self.message)


def _printable(text: str) -> str:
    cut = text if len(text) <= LONGEST_PART else text[:LONGEST_PART] + "…"
    return cut.encode("utf-8", "replace").decode().replace("\0", "?")
