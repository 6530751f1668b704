"""Files of text that others wrote, read up to a limit."""

from __future__ import annotations

import io
import json
import re
import stat
from pathlib import Path
from typing import Any

from .limits import DEEPEST, LONGEST_TABLE, LONGEST_TEXT

# How formulas begin in spreadsheets; what a quote stands before is quoted again, so that nothing is taken for quoted.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class TextError(ValueError):
    """A file that cannot be read as text; the message is a sentence about it, without its name."""


def read_text(path: Path, *, most: int = 4 * LONGEST_TEXT, regular: bool = False) -> str:
    """The text of a file in UTF-8. Raises TextError where there is none, or more than `most` bytes of it.

    What a spec names must be `regular`: a pipe would be waited for.
    """
    try:
        if regular and not stat.S_ISREG(path.stat().st_mode):
            raise TextError("is not a file")
        with path.open("rb") as file:
            found = file.read(most + 1)
    except FileNotFoundError:
        raise TextError("there is no such file") from None
    except TextError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path that no file system takes
        raise TextError(f"cannot be read as text: {error}") from None
    if len(found) > most:
        raise TextError(f"the file is larger than {most / 2**20:g} MiB, the most that is read")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(f"cannot be read as text: {error}") from None


def shown_cell(text: str) -> str:
    """A label as a cell of a CSV file: text that begins like a formula is quoted, as people do it in spreadsheets.

    `given_cell` takes the quote off again.

    >>> shown_cell("=1+1"), shown_cell("a100"), given_cell(shown_cell("=1+1"))
    ("'=1+1", 'a100', '=1+1')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def given_cell(text: str) -> str:
    """What a cell of a CSV file says, without the quote that keeps it from being a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def table_lines(path: Path) -> io.StringIO:
    """The lines of a CSV file as its reader takes them, without a byte order mark. Raises TextError."""
    return io.StringIO(read_text(path, most=LONGEST_TABLE).removeprefix("\ufeff"), newline="")


def parse_json(text: str) -> Any:
    """The value that a JSON text states. Raises JSONDecodeError, and TextError where it is nested too deep."""
    too_deep = TextError(f"nested more than {DEEPEST} deep")
    try:
        found = json.loads(text)
    except RecursionError:
        raise too_deep from None
    level = [found]
    for _ in range(DEEPEST):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = [value for part in parts for value in part]
        if not level:
            return found
    raise too_deep
