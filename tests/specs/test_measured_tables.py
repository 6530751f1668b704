"""Tables of measurements: what is read and refused of CSV files, serving rows, GPU-hours, and statistics of errors."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import rooflax.specs
from rooflax.specs.catalog import open_catalogs
from rooflax.specs.measured import MeasuredRow, read_measured
from rooflax.specs.measured.errors import Record, families, overall, relative_error
from rooflax.specs.measured.reading import unread_columns
from rooflax.specs.measured.rows import Target
from rooflax.specs.measured.tables import COLUMNS, KINDS, TableError

SPECS = Path(rooflax.specs.__file__).parent
CATALOGS = open_catalogs()
RUN = {
    "model": "llama3-8b",
    "gpu": "H100-SXM-80GB",
    "n_gpus": "64",
    "seq_len": "8192",
    "global_batch_seqs": "512",
    "tp": "2",
    "iter_time_s": "12.5",
}


def write(folder: Path, *rows: dict[str, str], name: str = "mine.csv") -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"tp": "two"}, "mine.csv: run-1: `tp` is 'two'; a number was expected"),
        ({"iter_time_s": "-3"}, "mine.csv: run-1: `iter_time_s` is '-3'; a number that is not negative was expected"),
        ({"iter_time_s": "0"}, "mine.csv: run-1: `iter_time_s` is '0'; a number above 0 was expected"),
        ({"n_gpus": "nan"}, "mine.csv: run-1: `n_gpus` is 'nan'; a finite number was expected"),
        ({"confidence": "sure"}, "mine.csv: run-1: `confidence` is 'sure'; one of high, medium, low was expected"),
    ],
)
def test_a_wrong_cell_is_told_with_file_row_and_column(tmp_path, cells, problem):
    with pytest.raises(TableError) as error:
        read_measured(write(tmp_path, {"id": "run-1", **RUN, **cells}), CATALOGS)
    assert str(error.value).splitlines()[1:] == [f"  {problem}"]


def test_all_problems_are_told_at_once(tmp_path):
    write(tmp_path, {"id": "a", **RUN}, {"id": "a", **RUN, "tp": "x"}, name="one.csv")
    (tmp_path / "two.csv").write_text("id,iter_time_s\nb,1,2\nc\n", encoding="utf-8")
    with pytest.raises(TableError) as error:
        read_measured(tmp_path, CATALOGS)
    assert str(error.value).splitlines() == [
        f"4 problems in {tmp_path}",
        "  two.csv: row 1 has 3 cells, the header has 2",
        "  two.csv: row 2 has 1 cells, the header has 2",
        "  one.csv: row 2: id a is that of row 1 too",
        "  one.csv: a: `tp` is 'x'; a number was expected",
    ]


def test_places_without_tables_are_told(tmp_path):
    with pytest.raises(TableError, match="there is no such file or folder"):
        read_measured(tmp_path / "nowhere", CATALOGS)
    with pytest.raises(TableError, match="no CSV files"):
        read_measured(tmp_path, CATALOGS)
    (tmp_path / "other.csv").write_text("name,colour\nx,red\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"none of its CSV files \(1\) has a column of measurements; one of mem_gib, "):
        read_measured(tmp_path, CATALOGS)
    (tmp_path / "bytes.csv").write_bytes(b"iter_time_s\n\xff\n")
    with pytest.raises(TableError, match=r"bytes\.csv: cannot be read as a CSV"):
        read_measured(tmp_path, CATALOGS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id,iter_time_s\n", "{}: there are no rows below the header; one row for each run was expected"),
        ("id;iter_time_s\na;1,5\n", "  t.csv: its cells are separated by semicolons; commas were expected"),
        ("id,iter_time_s,\na,1,\n", "  t.csv: column 3 has no name"),
    ],
    ids=["header alone", "semicolons", "comma at the end"],
)
def test_a_table_of_another_form_is_told(tmp_path, text, problem):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError) as error:
        read_measured(path, CATALOGS)
    assert str(error.value).splitlines()[-1] == problem.format(path)


def test_a_table_without_rows_may_stand_beside_others(tmp_path):
    (tmp_path / "empty.csv").write_text("id,iter_time_s\n", encoding="utf-8")
    write(tmp_path, RUN)
    assert [row.file for row in read_measured(tmp_path, CATALOGS)] == ["mine.csv"]


def test_columns_that_are_not_read_are_told_with_what_they_may_mean(tmp_path):
    write(tmp_path, {**RUN, "seq_length": "1", "colour": "red", "network": "", "wall_days": "2"})
    write(tmp_path, RUN, name="other.csv")
    assert unread_columns(tmp_path) == (
        "mine.csv: column `seq_length` is not read; did you mean `seq_len`?",
        "mine.csv: column `colour` is not read",
    )
    assert unread_columns(SPECS / "validation") == ()


def described() -> dict[str, tuple[str, str]]:
    """The unit and the tables of every column that the description of the shipped tables lists."""
    text = (SPECS / "validation" / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Columns\n")[1].split("\n## ")[0].split("\n| columns |")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()[2:] if line]
    names = [(name, unit, tables) for cells, unit, tables, _ in rows for name in re.findall(r"`(\w+)`", cells)]
    assert len({name for name, _, _ in names}) == len(names)
    return {name: (unit, tables) for name, unit, tables in names}


def test_the_description_lists_every_column_with_its_unit():
    assert set(described()) == COLUMNS
    assert [name for name, (unit, _) in described().items() if not unit] == []


def test_the_description_tells_which_columns_are_read():
    readers = [path for path in (SPECS / "measured").glob("*.py") if path.name != "tables.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in readers)
    marks = {name for names in KINDS.values() for name in names}
    read = marks | {name for name in COLUMNS if f'"{name}"' in source}
    assert {name for name, (_, tables) in described().items() if tables != "none"} == read


def test_files_without_measurements_are_left_out_and_families_named_by_file(tmp_path):
    write(tmp_path, RUN, {**RUN, "source_family": "ours"}, name="runs.csv")
    write(tmp_path, RUN, name="training_single_node_vtrain.csv")
    (tmp_path / "hardware.csv").write_text("gpu,hbm_gb\nx,80\n", encoding="utf-8")
    rows = read_measured(tmp_path, CATALOGS)
    assert [(row.file, row.family) for row in rows] == [
        ("runs.csv", "runs"),
        ("runs.csv", "ours"),
        ("training_single_node_vtrain.csv", "vtrain-a100-single"),
    ]
    assert {row.kind for row in rows} == {"training"}


SERVED = {
    "model": "llama2-7b",
    "gpu": "A100-SXM-80GB",
    "n_gpus": "1",
    "precision": "fp16",
    "tp": "1",
    "batch_size": "1",
    "input_len": "128",
    "output_len": "8",
    "e2e_latency_ms": "200",
    "tpot_ms": "20",
    "output_tok_s_total": "",
}


def served(folder: Path, **cells: str) -> MeasuredRow:
    (row,) = read_measured(write(folder, {**SERVED, **cells}), CATALOGS)
    return row


def test_one_request_is_a_latency_and_a_batch_a_rate(tmp_path):
    one = served(tmp_path)
    assert one.primary == Target("request_latency", pytest.approx(0.2), "s")  # pyright: ignore[reportArgumentType]
    assert one.inputs["precision"] == "w16a16e16"
    batch = served(tmp_path, batch_size="4")
    assert (batch.primary.quantity, batch.primary.value) == ("output_tokens_per_second", pytest.approx(4 * 8 / 0.2))
    assert (batch.inputs["concurrency"], batch.inputs["prefill_batch"]) == (4, 4)
    only = served(tmp_path, e2e_latency_ms="", tpot_ms="", output_tok_s_total="300", n_gpus="2")
    assert (only.primary.quantity, only.primary.value) == ("output_tokens_per_second", 150.0)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"batch_size": ""}, "the batch is not stated: neither `batch_size` nor `max_concurrency`"),
        ({"input_len": ""}, "`input_len` is not stated"),
        ({"batch_size": "", "scenario": "Server, in-flight", "model": "MLPerf"}, "model 'MLPerf' is in no catalog"),
        (
            {"batch_size": "", "scenario": "MLPerf Server v4.1, offline"},
            "`scenario` is of requests that arrive at random, whose rate is not stated",
        ),
        (
            {"batch_size": "", "scenario": "MLPerf Offline v4.1", "model": "gptj-6b"},
            "`scenario` searches with beams, which are not described",
        ),
        ({"batch_size": "1.5"}, "`batch_size` is 1.5; a whole number of at least 1 was expected"),
        ({"e2e_latency_ms": "", "tpot_ms": ""}, "nothing was measured"),
        ({"gpu": "Orin"}, "`gpu`: unknown hardware record 'Orin'"),
    ],
)
def test_serving_that_the_model_does_not_describe_is_refused(tmp_path, cells, told):
    row = served(tmp_path, **cells)
    assert told in row.refused
    assert [target.primary for target in row.targets].count(True) == 1


def test_requests_that_join_and_leave_are_as_many_as_stated_or_as_fit(tmp_path):
    cells = {"batch_size": "", "e2e_latency_ms": "", "tpot_ms": "", "output_tok_s_total": "600", "n_gpus": "4"}
    told = {"scenario": "offline, in-flight batching", "notes": "free_gpu_mem_fraction 0.95", "tp": "2"}
    full = served(tmp_path, **cells, **told)
    assert (full.primary.quantity, full.primary.value) == ("saturated_output_tokens_per_second", 300.0)
    assert (full.inputs["kv_memory_share"], "concurrency" in full.inputs, full.kind) == (0.95, False, "saturated")
    some = served(tmp_path, **cells, max_concurrency="32")
    assert (some.inputs["concurrency"], "kv_memory_share" in some.inputs) == (32, False)
    assert served(tmp_path).kind == "inference"


def test_a_benchmark_tells_its_output_length_by_its_two_rates(tmp_path):
    cells = {"batch_size": "", "e2e_latency_ms": "", "tpot_ms": "", "input_len": "", "output_len": "", "tp": ""}
    rates = {"output_tok_s_total": "29000", "samples_per_s": "100", "n_gpus": "8", "params_b": "70"}
    row = served(tmp_path, **cells, **rates, model="llama2-70b", scenario="MLPerf Offline v4.1", precision="fp16")
    assert (row.inputs["prompt_len"], row.inputs["output_len"]) == (300, 290)
    assert row.inputs["tp"] == 4  # 140 GB and half again on GPUs of 85.9 GB
    assert row.primary.value == 14500.0


def test_experts_are_spread_within_the_tensor_parallel_ranks(tmp_path):
    row = served(tmp_path, model="mixtral-8x7b", tp="8", ep="4", n_gpus="8")
    assert (row.inputs["ep"], row.inputs["expert_tp"]) == (4, 2)


def test_ranks_of_experts_beyond_tensor_parallelism_are_one_replica(tmp_path):
    cells = {"e2e_latency_ms": "", "tpot_ms": "", "output_tok_s_total": "600", "n_gpus": "8", "tp": "1"}
    assert served(tmp_path, **cells, model="mixtral-8x7b", ep="8").primary.value == 600.0
    assert served(tmp_path, **cells).primary.value == 75.0


def test_a_machine_and_weights_are_read_off_remarks(tmp_path):
    row = served(tmp_path, gpu="A100-SXM-80GB(330W cap)", weight_dtype="int4w(G=32)", framework="gpt-fast")
    assert (row.inputs["tdp"], row.inputs["weight_width"], row.inputs["software_stack"]) == (330.0, 0.625, "gpt-fast")


@pytest.mark.parametrize(
    ("framework", "stack"),
    [
        ("TensorRT-LLM v0.6.1", "tensorrt-llm-0.5"),
        ("TensorRT-LLM v0.17", "tensorrt-llm"),
        ("TensorRT 10.2.0, CUDA 12.4", "tensorrt-llm"),
        ("vLLM 0.4.3+rocm614, PyTorch 2.3.0", "vllm-rocm-2024"),
        ("vLLM 0.6", "vllm"),
        ("DeepSpeed-Inference", "pooled-serving"),
        ("FasterTransformer", "fastertransformer"),
    ],
)
def test_a_serving_stack_is_known_by_its_name_and_version(tmp_path, framework, stack):
    row = served(tmp_path, framework=framework)
    assert row.inputs["software_stack"] == stack
    assert any("pooled" in told for told in row.assumed) == (stack == "pooled-serving")


def test_gpus_that_nothing_shares_out_need_a_number_of_parameters(tmp_path):
    row = served(tmp_path, n_gpus="8", tp="", params_b="")
    assert row.refused == "`tp` is not stated, nor `params_b` to tell how many GPUs a replica needs"


def test_gpu_hours_need_a_layout_and_tokens(tmp_path):
    cells = {key: value for key, value in RUN.items() if key != "iter_time_s"}
    (row,) = read_measured(write(tmp_path, {**cells, "gpu_hours": "1000", "tokens_t": "1.5"}), CATALOGS)
    assert (row.primary, row.inputs["tokens"]) == (Target("gpu_hours", 1000.0, "h"), 1.5e12)
    (row,) = read_measured(write(tmp_path, {**cells, "gpu_hours": "1000", "tokens_t": ""}), CATALOGS)
    assert row.refused == "`tokens_t` is not stated"


def record(family: str, measured: float, predicted: float | None, **more: object) -> Record:
    target = Target("step_time", measured, "s", rate=bool(more.get("rate")), primary=bool(more.get("primary", True)))
    confidence = str(more.get("confidence", "high"))
    row = MeasuredRow("f.csv", "x", family, confidence, (target,), kind="training")
    return Record(row, target, predicted, "" if predicted else "too little is known")


def test_the_error_of_a_rate_is_that_of_the_time_it_stands_for():
    assert relative_error(Target("step_time", 2.0, "s"), 3.0) == pytest.approx(0.5)
    assert relative_error(Target("tokens_per_second_per_gpu", 300.0, "1/s", rate=True), 200.0) == pytest.approx(0.5)


def test_families_weigh_the_same_however_many_rows_they_have():
    many = [record("many", 1.0, 1.1) for _ in range(9)]
    few = [record("few", 1.0, 0.7), record("few", 1.0, None), record("few", 1.0, 5.0, confidence="low")]
    other = [record("many", 1.0, 9.0, primary=False)]
    found = {family.name: family for family in families([*many, *few, *other])}
    assert (found["many"].rows, found["many"].errors.count) == (9, 9)
    assert found["many"].errors.median == pytest.approx(0.1)
    assert (found["few"].rows, found["few"].errors.count, found["few"].untrusted) == (2, 1, 1)
    assert found["few"].refused == {"too little is known": 1}
    assert found["few"].errors.bias == pytest.approx(-0.3)
    (over,) = overall(tuple(found.values()))
    assert (over.families, over.rows, over.predicted) == (2, 11, 10)
    assert (over.errors.median, over.errors.mean) == (pytest.approx(0.2), pytest.approx(0.2))
    assert over.errors.bias == pytest.approx(-0.1)
