from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rooflax.stores.measured import aggregate, read_runs, refuse_one_folder, with_speedup
from rooflax.stores.rank_files import MeasuredError

GOOD = {"training_time": 10.0, "tokens_per_sec": 100.0, "validation_loss": 2.0, "bleu": 5.0}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run of `ranks` ranks and the given epochs; `changed` replaces the text of single files."""

    def written(
        name: str = "run",
        *,
        ranks: int = 2,
        epochs: range = range(3),
        changed: Mapping[tuple[int, int], str | bytes | None] | None = None,
        **values: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for epoch in epochs:
            for rank in range(ranks):
                metrics = GOOD | {"training_time": 10.0 + epoch + rank, "tokens_per_sec": 100.0 * epoch + rank + 1}
                content = (changed or {}).get((rank, epoch), json.dumps(metrics | values))
                if content is not None:
                    data = content if isinstance(content, bytes) else content.encode()
                    (folder / f"rank{rank}_results_epoch{epoch}.json").write_bytes(data)
        return folder

    return written


def test_metrics_are_labelled_by_run_epoch_and_rank(write: Write) -> None:
    runs = read_runs([write("one", ranks=1, epochs=range(1, 4)), write("two", ranks=2, epochs=range(3))])
    assert runs["training_time"].dims == ("run", "epoch", "rank")
    assert runs["epoch"].values.tolist() == [0, 1, 2, 3]
    assert runs["world_size"].values.tolist() == [1, 2]
    assert runs["training_time"].sel(run="two", epoch=2, rank=1) == 13.0
    assert np.isnan(runs["training_time"].sel(run="one", epoch=0)).all()
    assert np.isnan(runs["bleu"].sel(run="one", epoch=1, rank=1))
    assert runs["validation_loss"].sel(run="one", epoch=1, rank=0) == 2.0
    assert runs["training_time"].attrs == {"long_name": "Training time of one epoch on one rank", "units": "s"}


def test_first_epoch_is_the_smallest_number_and_does_not_count(write: Write) -> None:
    runs = read_runs([write("one", epochs=range(1, 12)), write("two", epochs=range(3))])
    assert runs["used"].sel(run="one").values.tolist() == [False, False, *[True] * 10]
    assert runs["used"].sel(run="two").values.tolist() == [False, True, True, *[False] * 9]
    assert runs.attrs["warm_up"] == ["epoch 1", "epoch 0"]


def test_unrelated_files_are_ignored(write: Write) -> None:
    folder = write()
    for name in ("eval_results_epoch0.json", "rank0_results_epoch1.json.bak", "rankA_results_epoch1.json"):
        (folder / name).write_text("{", encoding="utf-8")
    assert read_runs([folder])["epoch"].size == 3


def test_averages_and_both_deviations(write: Write) -> None:
    folder = write(epochs=range(5))
    times = [10.5 + epoch for epoch in range(1, 5)]
    rates = [200.0 * epoch + 3 for epoch in range(1, 5)]
    for ddof, deviation in ((0, statistics.pstdev), (1, statistics.stdev)):
        found = aggregate(read_runs([folder]), ddof=ddof).isel(run=0)
        assert float(found["training_time"]) == pytest.approx(statistics.mean(times), rel=1e-14)
        assert float(found["tokens_per_second"]) == pytest.approx(statistics.mean(rates), rel=1e-14)
        assert float(found["training_time_std"]) == pytest.approx(deviation(times), rel=1e-13)
        assert float(found["tokens_per_second_std"]) == pytest.approx(deviation(rates), rel=1e-13)
        assert found.attrs["std"] == ("population", "sample")[ddof]
        assert found.attrs["std"] in found["training_time_std"].attrs["long_name"]


def test_quality_is_that_of_the_last_epoch_that_counts(write: Write) -> None:
    last = json.dumps(GOOD | {"bleu": 9.0, "validation_loss": 1.0})
    found = aggregate(read_runs([write(changed={(0, 2): last, (1, 2): last})])).isel(run=0)
    assert (float(found["bleu"]), float(found["validation_loss"])) == (9.0, 1.0)


def test_one_epoch_has_a_population_deviation_and_no_sample_deviation(write: Write) -> None:
    runs = read_runs([write(epochs=range(2))])
    assert float(aggregate(runs)["training_time_std"][0]) == 0.0
    assert np.isnan(aggregate(runs, ddof=1)["training_time_std"][0])


def test_unknown_deviation_is_refused(write: Write) -> None:
    with pytest.raises(MeasuredError, match=r"ddof 2 is neither 0 \(population\) nor 1 \(sample\)"):
        aggregate(read_runs([write()]), ddof=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "rank1_results_epoch1.json is missing"),
        (b"", "rank1_results_epoch1.json is empty"),
        ('{"training_time": 1', "rank1_results_epoch1.json is no complete JSON (line 1, column 20"),
        (b"\xff\xfe", "rank1_results_epoch1.json: cannot be read as text"),
        ("[1]", "rank1_results_epoch1.json holds a list; an object with the metrics was expected"),
        ({"training_time": float("nan")}, "training_time is NaN, not a finite number, in rank1_results_epoch1.json"),
        ({"tokens_per_sec": float("inf")}, "tokens_per_sec is Infinity, not a finite number, in rank1_results"),
        ({"training_time": "24.5"}, 'training_time is text ("24.5"), not a number, in rank1_results_epoch1.json'),
        ({"training_time": True}, "training_time is true or false, not a number, in rank1_results_epoch1.json"),
        ({"bleu": None}, "bleu is null, not a number, in rank1_results_epoch1.json"),
        ({"tokens_per_sec": 0}, "tokens_per_sec is 0, not above 0, in rank1_results_epoch1.json"),
        ({"training_time": -1.5}, "training_time is -1.5, not above 0, in rank1_results_epoch1.json"),
        ({"world_size": "2"}, 'world_size is "2" in rank1_results_epoch1.json'),
    ],
)
def test_bad_file_is_named_in_one_sentence(write: Write, content: Any, message: str) -> None:
    content = json.dumps(GOOD | content) if isinstance(content, dict) else content
    folder = write(changed={(1, 1): content})
    with pytest.raises(MeasuredError) as refused:
        read_runs([folder])
    assert str(refused.value).startswith(f"{folder}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_metric_is_named(write: Write) -> None:
    without = json.dumps({name: value for name, value in GOOD.items() if name != "tokens_per_sec"})
    with pytest.raises(MeasuredError, match=r"no tokens_per_sec in rank0_results_epoch2\.json"):
        read_runs([write(changed={(0, 2): without})])


def test_every_bad_file_is_named(write: Write) -> None:
    folder = write(changed={(0, 0): "", (1, 1): None, (0, 2): "{"})
    with pytest.raises(MeasuredError) as refused:
        read_runs([folder])
    for name in ("rank0_results_epoch0.json", "rank1_results_epoch1.json", "rank0_results_epoch2.json"):
        assert name in str(refused.value)
    assert str(refused.value).startswith(f"{folder}: 3 faults: ")


def test_epoch_that_no_rank_has_is_missing(write: Write) -> None:
    folder = write(epochs=range(4), changed={(0, 2): None, (1, 2): None})
    with pytest.raises(MeasuredError, match=r"rank0_results_epoch2.json is missing; rank1_results_epoch2.json is miss"):
        read_runs([folder])


def test_lenient_leaves_incomplete_epochs_out_and_says_so(write: Write) -> None:
    folder = write(epochs=range(5), changed={(1, 2): None, (0, 3): ""})
    runs = read_runs([folder], lenient=True)
    assert runs["used"].isel(run=0).values.tolist() == [False, True, False, False, True]
    assert runs.attrs["notices"] == [
        "run: epoch 2 is left out: rank1_results_epoch2.json is missing",
        "run: epoch 3 is left out: rank0_results_epoch3.json is empty",
    ]
    assert float(aggregate(runs)["training_time"][0]) == 13.0


def test_lenient_keeps_an_epoch_whose_times_are_sound(write: Write) -> None:
    runs = read_runs([write(changed={(0, 1): json.dumps(GOOD | {"bleu": None})})], lenient=True)
    assert runs["used"].isel(run=0).values.tolist() == [False, True, True]
    assert np.isnan(runs["bleu"].sel(run="run", epoch=1, rank=0))
    (notice,) = runs.attrs["notices"]
    assert "epoch 1 is kept, without what is missing: bleu is null" in notice


def test_incomplete_warm_up_stays_the_warm_up(write: Write) -> None:
    runs = read_runs([write(changed={(1, 0): None})], lenient=True)
    assert runs["used"].isel(run=0).values.tolist() == [False, True, True]


@pytest.mark.parametrize("lenient", [False, True])
def test_run_without_a_second_epoch_is_refused(write: Write, lenient: bool) -> None:
    with pytest.raises(MeasuredError, match="no epoch remains after the first, epoch 0, which is the warm-up"):
        read_runs([write(epochs=range(1))], lenient=lenient)


def test_lenient_run_of_which_nothing_remains_names_the_files(write: Write) -> None:
    folder = write(epochs=range(2), changed={(0, 1): ""})
    with pytest.raises(MeasuredError, match=r"no epoch remains .* left out: rank0_results_epoch1.json is empty"):
        read_runs([folder], lenient=True)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MeasuredError, match=r"no metrics found; files named rank0_results_epoch0\.json"):
        read_runs([tmp_path])
    with pytest.raises(MeasuredError, match="none: no such folder of measured runs"):
        read_runs([tmp_path / "none"])
    with pytest.raises(MeasuredError, match="no folder of measured runs is given"):
        read_runs([])


def test_absurd_epoch_number_does_not_list_a_billion_files(write: Write) -> None:
    folder = write(epochs=range(2))
    (folder / "rank0_results_epoch1000000000.json").write_text(json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(MeasuredError, match="5 files where 2000000002 were expected, judging by rank0_results_epoch10"):
        read_runs([folder])


def test_two_files_of_one_rank_and_epoch_are_refused(write: Write) -> None:
    folder = write()
    (folder / "rank00_results_epoch1.json").write_text(json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(MeasuredError, match="are of the same rank and epoch"):
        read_runs([folder])


def test_same_folder_twice_is_refused_however_it_is_spelled(write: Write, tmp_path: Path) -> None:
    folder = write()
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    for again in (folder, folder / "..", link):
        path = again / "run" if again.name == ".." else again
        with pytest.raises(MeasuredError, match=r"cannot tell the runs apart: .* is given twice"):
            read_runs([folder, path])
    with pytest.raises(MeasuredError, match="is one folder, and a single- and a multi-device run were asked of it"):
        refuse_one_folder(folder)


def test_files_that_carry_different_world_sizes_are_refused(write: Write) -> None:
    folder = write(changed={(0, 1): json.dumps(GOOD | {"world_size": 1})}, world_size=2)
    with pytest.raises(MeasuredError) as refused:
        read_runs([folder])
    said = str(refused.value)
    assert "rank0_results_epoch1.json says 1, rank0_results_epoch0.json says 2" in said
    assert said.endswith("give every run a folder of its own")


def test_carried_world_size_tells_of_ranks_without_files(write: Write) -> None:
    with pytest.raises(MeasuredError, match=r"rank2_results_epoch0\.json is missing"):
        read_runs([write(world_size=3)])
    with pytest.raises(MeasuredError, match=r"rank1_results_epoch0\.json is of no rank of a run with world_size 1"):
        read_runs([write("other", world_size=1)])


def test_batch_size_and_synthetic_mark_are_carried(write: Write) -> None:
    marked = read_runs([write("a", batch_size=128, synthetic=True), write("b")])
    np.testing.assert_array_equal(marked["batch_size"].values, [128.0, np.nan])
    assert marked.attrs["synthetic"] == 1


def test_speedup_efficiency_and_propagated_deviation(write: Write) -> None:
    averages = aggregate(read_runs([write("two", ranks=2), write("one", ranks=1)]))
    found = with_speedup(averages).sel(run="two")
    one, two = averages.sel(run="one"), averages.sel(run="two")
    ratio = float(one["training_time"]) / float(two["training_time"])
    assert float(found["training_time_speedup"]) == ratio
    assert float(found["training_time_efficiency"]) == ratio / 2
    relative = [float(run["training_time_std"]) / float(run["training_time"]) for run in (one, two)]
    spread = ratio * (relative[0] ** 2 + relative[1] ** 2) ** 0.5
    assert float(found["training_time_speedup_std"]) == pytest.approx(spread, rel=1e-14)
    assert float(found["training_time_efficiency_std"]) == pytest.approx(spread / 2, rel=1e-14)
    rates = float(two["tokens_per_second"]) / float(one["tokens_per_second"])
    assert float(found["throughput_speedup"]) == rates
    assert found.attrs["baseline"] == "one"
    assert float(with_speedup(averages)["training_time_speedup_std"].sel(run="one")) == 0.0


def test_baseline_is_the_run_that_was_asked(write: Write) -> None:
    averages = aggregate(read_runs([write("one", ranks=1), write("two", ranks=2), write("three", ranks=3)]))
    assert with_speedup(averages, single_world_size=2).attrs["baseline"] == "two"
    with pytest.raises(MeasuredError, match="no run has world_size 4, which was given for the single-device run: one "):
        with_speedup(averages, single_world_size=4)
    with pytest.raises(
        MeasuredError, match="world_size 3 was given for the multi-device run, but one has 1, two has 2"
    ):
        with_speedup(averages, multi_world_size=3)
    with pytest.raises(MeasuredError, match="a speedup needs two runs"):
        with_speedup(averages.isel(run=[0]))


def test_epochs_of_different_work_are_told(write: Write) -> None:
    """As where the second of two runs in one folder has overwritten the first: half the tokens in the same time."""
    two = write("two", ranks=2)
    one = write("one", ranks=1)
    notices = with_speedup(aggregate(read_runs([one, two]))).attrs["notices"]
    (notice,) = notices
    assert notice.startswith("two: its epochs hold 2.0")
    assert "times the tokens of those of one" in notice
