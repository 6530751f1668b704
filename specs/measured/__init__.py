"""Published measurements as cases: rows of CSV files, the inputs they state, and what was measured."""

from .reading import read_measured
from .rows import VALIDATED, MeasuredRow, Target

__all__ = ["VALIDATED", "MeasuredRow", "Target", "read_measured"]
