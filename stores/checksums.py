"""Checksums of metadata: CRC-32C of documents, and of the root's, which carries its own.

Chunks and indexes of shards have theirs from zarr. Documents have none there, and a flipped bit of one may read as
another unit, shape or label.
"""

from __future__ import annotations

import json
import re
from typing import Any

import google_crc32c

OWN = "root_checksum"
_BLANK = "0" * 8
_PLACE = re.compile(rf'"{OWN}": "([0-9a-f]{{8}})"'.encode())


def checksum(content: bytes) -> str:
    """The CRC-32C of some bytes, as eight hexadecimal digits."""
    return f"{google_crc32c.value(content):08x}"


def with_own(document: dict[str, Any], holder: dict[str, Any]) -> bytes:
    """A document as text, with its own checksum in `holder`, a mapping inside it."""
    holder[OWN] = _BLANK
    text = json.dumps(document, indent=2).encode()
    start, end = _places(text)[0]
    return text[:start] + checksum(text).encode() + text[end:]


def holds(text: bytes) -> bool | None:
    """Whether a document is as it was written; None where it carries no checksum of its own."""
    places = _places(text)
    if len(places) != 1:
        return None
    start, end = places[0]
    return text[start:end] == checksum(text[:start] + _BLANK.encode() + text[end:]).encode()


def _places(text: bytes) -> list[tuple[int, int]]:
    """Where the digits stand: once. Quotes inside JSON texts are escaped, so no text can hold what is looked for."""
    return [found.span(1) for found in _PLACE.finditer(text)]
