from __future__ import annotations

import csv
import io

import pytest

import rooflax as rx

HEADER = "name,model,hardware,world_size,global_batch_size,seq_len,tp"


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_row_a_case_in_the_same_order(rooflax, tmp_path):
    cases = write(
        tmp_path / "cases.csv",
        "model,hardware,world_size,global_batch_size,seq_len,tp",
        "llama-3.2-1b,a100-sxm-80gb,64,256,4096,2",
        "llama-3.2-1b,a100-sxm-80gb,64,256,4096,",
        "llama-3.2-1b,a100-sxm-80gb,64,256,4096,3",
        '"gpt-3-13b","h100-sxm-80gb",64,256,2048,4',
        "llama-3.2-1b,a100-sxm-80gb,64,256,4096,-2",
        "nonsense,a100-sxm-80gb,64,256,4096,2",
    )
    done = rooflax("table", cases, "step_time", "binding")
    assert done.code == 1
    assert done.told == ("2 rows could not be evaluated; see the column `error`\n")
    rows = rows_of(done.out)
    assert [(row["tp"], row["model"]) for row in rows] == [
        ("2", "llama-3.2-1b"), ("", "llama-3.2-1b"), ("3", "llama-3.2-1b"),
        ("4", "gpt-3-13b"), ("-2", "llama-3.2-1b"), ("2", "nonsense"),
    ]  # fmt: skip
    assert list(rows[0])[-4:] == ["step_time", "binding", "status", "error"]
    assert [row["status"] for row in rows][:2] == ["0", "0"]
    given = {"hardware": "a100-sxm-80gb", "world_size": 64, "global_batch_size": 256, "seq_len": 4096}
    for row, tp in ((rows[0], 2), (rows[1], 1)):  # an empty cell is the default
        expected = rx.evaluate(["step_time", "binding"], model="llama-3.2-1b", **given, tp=tp)
        assert float(row["step_time"]) == pytest.approx(float(expected["step_time"]), rel=1e-12)
        assert row["binding"] == expected["binding"].attrs["flag_meanings"].split()[int(expected["binding"])]
    assert int(rows[2]["status"]) > 0
    assert rows[2]["error"].startswith("fills_world: ")
    assert (rows[4]["status"], rows[4]["step_time"]) == ("", "")
    assert rows[4]["error"].startswith("tp: -2")
    assert "nonsense" in rows[5]["error"]


def test_the_result_goes_to_a_file(rooflax, tmp_path):
    cases = write(tmp_path / "cases.csv", "world_size,tp", "64,2", "64,4")
    done = rooflax("table", cases, "dp", "-o", "out.csv")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "out.csv").read_text() == "world_size,tp,dp,status,error\n64,2,32.0,0,\n64,4,16.0,0,\n"


def test_text_is_quoted_where_it_must_be(rooflax, tmp_path):
    model = tmp_path / "a, b.json"
    cases = write(tmp_path / "cases.csv", "model,tp", f'"{model}",1', "gpt-2,1")
    done = rooflax("table", cases, "num_parameters")
    rows = rows_of(done.out)
    assert rows[0]["model"] == str(model)
    assert rows[0]["error"]
    assert float(rows[1]["num_parameters"]) == pytest.approx(124e6, rel=0.01)


def test_unknown_columns_and_quantities_are_told_at_once(rooflax, tmp_path):
    cases = write(tmp_path / "cases.csv", "world_sise,tp,tp,dp", "64,2,2,1")
    done = rooflax("table", cases, "dp", "step_tme")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("4 problems in ")
    assert f"{cases}  " in done.err
    assert "world_sise: column 1: unknown name; did you mean `world_size`?" in done.err
    assert "tp: column 3: there is another of this name" in done.err
    assert "dp: column 4: is asked for and given" in done.err
    assert "unknown quantity `step_tme`; did you mean `step_time`?" in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a header of input names and a row per case were expected"),
        (b"\xff\xfe\x00", "cannot be read as a CSV"),
    ],
)
def test_a_file_that_is_no_table_is_told(content, message, rooflax, tmp_path):
    (tmp_path / "cases.csv").write_bytes(content)
    done = rooflax("table", tmp_path / "cases.csv", "dp")
    assert done.code == 2
    assert message in done.err


def test_a_ragged_row_gets_an_error_and_the_others_still_run(rooflax, tmp_path):
    cases = write(tmp_path / "c.csv", "tp,world_size", "1", "1,8", "1,8,9")
    done = rooflax("table", cases, "dp")
    assert done.code == 1
    rows = rows_of(done.out)
    assert [row["dp"] for row in rows] == ["", "8.0", ""]
    assert "1 cells, the header has 2" in rows[0]["error"]
    assert "3 cells, the header has 2" in rows[2]["error"]


def test_low_confidence_is_told(rooflax, tmp_path):
    cases = write(tmp_path / "c.csv", "model,hardware,world_size,global_batch_size,seq_len", "gpt-2,t4,8,8,1024")
    done = rooflax("table", cases, "step_time")
    assert done.code == 0
    assert done.told == ("note: hardware t4: confidence: low; `rooflax show t4` tells its sources\n")


def test_no_rows_make_an_empty_table(rooflax, tmp_path):
    done = rooflax("table", write(tmp_path / "c.csv", "tp,world_size"), "dp")
    assert (done.code, done.out) == (0, "tp,world_size,dp,status,error\n")
