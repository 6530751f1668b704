"""Limits of what is read from others: specs, records, tables and stores. Each is declared here and nowhere else.

They are far above what honest input needs and far below what a machine cannot bear: input that keeps them is read
within seconds and a few hundred MB, and input that does not is refused before anything of its size is made.
"""

from __future__ import annotations

# The text of specs, scenarios, records and configurations.
LONGEST_TEXT = 2**20
"""Characters of a YAML or JSON document."""
DEEPEST = 20
"""Mappings and lists within one another, and the steps of a dotted path."""
MOST_NODES = 100_000
"""Keys and values of a document."""
MOST_ALIASED = 100
"""Values that the aliases of a document repeat in all."""
LONGEST_SCALAR = 2**16
"""Characters of one value."""
LONGEST_NAME = 200
"""Characters of a key, of a label, and of one condition."""
LONGEST_QUANTITY = 100
"""Characters of a number with its unit."""
MOST_DIGITS = 300
"""Characters of a whole number."""
MOST_PROBLEMS = 100
"""Problems that are told at once; the search for more ends there."""

# The grid that a spec describes.
MOST_AXES = 32
"""Axes, since an array has at most 64 dims and needs some of its own."""
MOST_LABELS = 10**6
"""Labels of one axis."""
MOST_LABELS_IN_ALL = 4 * 10**6
"""Labels of all axes and members of zip groups together."""
MOST_RECORDS = 10_000
"""Labels that name records, which carry some hundred fields each."""
MOST_POINTS = 8 * 10**12
"""Points of the grid: a million blocks of the usual size."""
MOST_CONDITIONS = 100
"""Entries of `where`."""
MOST_FOLDERS = 20
"""Folders of records that a spec adds."""
MOST_SAMPLES = 10**6
"""Values of a distribution given by samples."""

# Tables of comma-separated cells, and files of measured runs.
LONGEST_TABLE = 2**26
"""Bytes of a CSV file."""
LONGEST_CELL = 2_000
"""Characters of one cell of a table of measurements."""
MOST_CASES = 100_000
"""Rows of a table of cases."""

# Stores written by others.
LONGEST_METADATA = 2**26
"""Bytes of one metadata document of a store."""
MOST_ARRAYS = 10_000
"""Arrays and groups of a store."""
MOST_FILES = 10**7
"""Files of one array."""
LARGEST_CHUNK = 2**26
"""Bytes of one chunk; ours have 0.4 MB."""
MOST_CHUNKS = 10**6
"""Chunks of one shard."""
LARGEST_LABELS = 2**28
"""Bytes of one coordinate in memory."""
