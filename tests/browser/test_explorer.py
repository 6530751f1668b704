"""The explorer in a real browser: every control changes the picture, and what goes wrong is told."""

from __future__ import annotations

import re
import shutil

import pytest
from conftest import served  # noqa: F401 (found beside this file)
