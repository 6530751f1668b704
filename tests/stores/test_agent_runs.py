from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rooflax.specs.examples import FOLDER
from rooflax.stores import StoreError
from rooflax.stores.agent_runs import (
    column_by_integer,
    column_by_substring,
    is_kept,
    model_of,
    read_agent_runs,
    sequence_length_of,
)

SAMPLE = FOLDER / "documents" / "data" / "agent-runs-synthetic.csv"
DECOY = "x_seq640_llama8B - tokens"
RIGHT = "x_seq64_llama8B - tokens"


def write(folder: Path, text: str) -> Path:
    path = folder / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "length", "model", "kept"),
    [
        ("pareto_prefixsum_seq128_b1-6_llama70B - avg_completion_tokens", 128, "70B", True),
        ("seq_64_llama8B", None, "8B", True),
        ("xseq0007y_llama80B", 7, None, True),
        ("llama8B_llama70B_seq12seq99", 12, "8B", True),
        ("LLAMA8B seq16 - tokens__MIN", 16, None, False),
        ("seq16 - _step", 16, None, False),
        ("MAXseq16", 16, None, False),
        ("", None, None, True),
    ],
)
def test_what_a_column_name_says(column: str, length: int | None, model: str | None, kept: bool) -> None:
    assert (sequence_length_of(column), model_of(column), is_kept(column)) == (length, model, kept)


def test_column_is_picked_by_integer_or_as_the_document_does() -> None:
    columns = ["branching_factor", DECOY, RIGHT]
    assert column_by_substring(columns, 64, "8B") == DECOY
    assert column_by_integer(columns, 64, "8B") == RIGHT
    assert column_by_integer(columns, 6, "8B") is None
    assert column_by_substring(columns, 64, "70B") is None


def test_runs_are_labelled_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = f"branching_factor,{DECOY},{RIGHT},y_seq128_llama70B - _step\n3,30,3,9\n2,,2,9\n"
    runs = read_agent_runs(write(tmp_path, text))
    assert runs["completion_tokens"].dims == ("model", "sequence_length", "branching_factor")
    assert runs["model"].values.tolist() == ["8B"]
    assert runs["sequence_length"].values.tolist() == [64, 640]
    assert runs["branching_factor"].values.tolist() == [3, 2]
    assert runs["completion_tokens"].sel(model="8B", sequence_length=64).values.tolist() == [3, 2]
    published = runs["completion_tokens_as_published"].sel(model="8B", sequence_length=64)
    np.testing.assert_array_equal(published.values, [30, np.nan])
    assert runs["column_as_published"].values.tolist() == [[DECOY, DECOY]]
    assert runs.attrs["shape"] == [2, 4]
    assert runs.attrs["kept_columns"] == ["branching_factor", DECOY, RIGHT]
    assert runs["kept"].values.tolist() == [True, True, True, False]


def test_length_that_only_the_document_sees_has_no_tokens_of_its_own(tmp_path: Path) -> None:
    runs = read_agent_runs(write(tmp_path, f"branching_factor,{DECOY}\n2,30\n"))
    assert runs["sequence_length"].values.tolist() == [64, 640]
    at = runs.sel(model="8B", sequence_length=64, branching_factor=2)
    assert np.isnan(at["completion_tokens"])
    assert at["column"].item() == ""
    assert at["completion_tokens_as_published"] == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a header with `branching_factor` and a column per run was expected"),
        ("b,x_seq64_llama8B\n1,2\n", "no column `branching_factor`; its columns are b, x_seq64_llama8B"),
        ("branching_factor,x\n1,2\n", "no column is a run; names with seq<N> and llama8B or llama70B were expected"),
        ("branching_factor,x_seq64_llama8B\n", "has a header and no rows"),
        ("branching_factor,x_seq64_llama8B\n1\n", "row 2 has 1 cells, the header has 2"),
        ("branching_factor,x_seq64_llama8B\n1,2\n,3\n", "row 3 has no branching_factor"),
        ("branching_factor,x_seq64_llama8B\n1,many\n", "row 2, column `x_seq64_llama8B`: `many` is not a number"),
        ("branching_factor,x_seq64_llama8B\n1,inf\n", "row 2, column `x_seq64_llama8B`: `inf` is not a number"),
        ("branching_factor,x_seq64_llama8B,x_seq64_llama8B\n1,2,3\n", "two columns are named `x_seq64_llama8B`"),
    ],
)
def test_malformed_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(StoreError) as refused:
        read_agent_runs(path)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)


def test_missing_file_says_what_was_expected_and_that_a_sample_ships(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        read_agent_runs(tmp_path / "none.csv")
    assert "none.csv: no such file; a CSV with a column `branching_factor`" in str(refused.value)
    assert "`documents/data/agent-runs-synthetic.csv`" in str(refused.value)


def test_text_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(b"branching_factor,\xff\n")
    with pytest.raises(StoreError, match="cannot be read as a CSV"):
        read_agent_runs(path)


def test_sample_is_marked_as_synthetic_and_shows_the_pick() -> None:
    runs = read_agent_runs(SAMPLE)
    names = [name for name in runs["file_column"].values if name != "branching_factor"]
    assert all(name.startswith("synthetic_") for name in names)
    at = runs.sel(model="8B", sequence_length=64)
    assert "seq640" in at["column_as_published"].item()
    assert "seq64_" in at["column"].item()
