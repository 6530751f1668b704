from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rooflax import measured
from rooflax.specs.examples import FOLDER
from rooflax.specs.problems import RooflaxError

DATA = FOLDER / "documents" / "data"
RUNS = [DATA / "measured" / f"synthetic-{name}" for name in ("single-device", "two-devices")]
SPEC = "documents/003-data-parallel-speedup"


def test_samples_reproduce_the_documents_expected_output() -> None:
    text, files = measured.report_of(RUNS)
    assert files == []
    for line in (
        "Single Device (world_size=1, batch_size=64):\n  Training Time: 45.23 ± 2.15 seconds",
        "  Tokens/Second: 2845.67 ± 123.45",
        "Multi-Device (world_size=2, batch_size=128):\n  Training Time: 24.56 ± 1.89 seconds",
        "  Tokens/Second: 5234.89 ± 234.56",
        "Speedup:\n  Training Time Speedup: 1.84x\n  Throughput Speedup: 1.84x",
        "SYNTHETIC",
    ):
        assert line in text


def test_order_of_the_folders_does_not_matter() -> None:
    assert measured.report_of(RUNS)[0] == measured.report_of(RUNS[::-1])[0]


@pytest.mark.parametrize("asked", [{"single_world_size": 1}, {"multi_world_size": 1}])
def test_one_run_of_the_world_size_that_was_asked(asked: dict[str, Any]) -> None:
    assert "Speedup" not in measured.report_of(RUNS[:1], **asked)[0]
    with pytest.raises(RooflaxError, match="holds a run with world_size 2, not 1"):
        measured.report_of(RUNS[1:], **asked)


def test_two_runs_of_one_folder_are_refused() -> None:
    both: dict[str, Any] = {"single_world_size": 1, "multi_world_size": 2}
    for folders, asked in (([RUNS[0], RUNS[0]], {}), (RUNS[:1], both)):
        with pytest.raises(RooflaxError, match="cannot tell the runs apart") as refused:
            measured.report_of(folders, **asked)
        assert "overwrote" in str(refused.value)


def test_predicted_speedup_is_that_of_the_models_for_the_same_gpus() -> None:
    found = measured.measured_speedup(RUNS, predicted=SPEC)
    assert 1.5 < float(found["predicted_speedup"][1]) < 2.0
    inputs = {"model": "gpt-2", "hardware": "a100-sxm-80gb", "micro_batch_size": 64, "seq_len": 128, "zero_stage": "0"}
    given = measured.measured_speedup(RUNS, predicted=inputs)
    np.testing.assert_allclose(given["predicted_speedup"], found["predicted_speedup"], rtol=1e-12)
    assert "Predicted Speedup: " in measured.report_of(RUNS, predicted=SPEC)[0]


def test_prediction_that_lacks_a_number_of_gpus_is_refused(tmp_path: Path) -> None:
    spec = (FOLDER / f"{SPEC}.yaml").read_text(encoding="utf-8")
    path = tmp_path / "four.yaml"
    path.write_text(spec.replace("[1, 2, 4, 8]", "[1, 4, 8, 16]"), encoding="utf-8")
    with pytest.raises(RooflaxError, match="four: no world_size 2, which was measured; it has 1, 4, 8, 16"):
        measured.report_of(RUNS, predicted=path)
    with pytest.raises(RooflaxError, match="`tokens_per_second` must vary along `world_size` alone"):
        measured.report_of(RUNS, predicted="llama-70b-parallelism")
    with pytest.raises(RooflaxError, match="give two runs or more"):
        measured.report_of(RUNS[:1], predicted=SPEC)


def test_figures_text_and_table_are_written(tmp_path: Path) -> None:
    pytest.importorskip("holoviews")
    text, files = measured.report_of(RUNS, output=tmp_path / "new" / "figures")
    assert sorted(path.name for path in files if path.suffix != ".pdf") == [
        "averages.csv",
        "report.txt",
        "speedup_comparison.png",
        "tokens_per_second_comparison.png",
        "training_time_comparison.png",
    ]
    assert all(path.stat().st_size > 0 for path in files)
    assert (tmp_path / "new" / "figures" / "report.txt").read_text(encoding="utf-8") == text


def test_agent_runs_have_the_edges_of_their_trees() -> None:
    runs = measured.agent_runs(DATA / "agent-runs-synthetic.csv")
    edges = runs["agents.total_communication"].sel(sequence_length=64).values.tolist()
    assert edges == [63, 126, 97, 84, 80, 77]
    assert runs["agents.tree_depth"].sel(sequence_length=64, branching_factor=2) == 6


def test_branching_factor_without_a_tree_leaves_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("branching_factor,x_seq64_llama8B\n4,1\n1.5,2\n4,3\n2,5\n", encoding="utf-8")
    edges = measured.agent_runs(path)["agents.total_communication"].values[0]
    np.testing.assert_array_equal(edges, [84, np.nan, 84, 126])
