from __future__ import annotations

import errno
import json
import warnings

import numpy as np
import pytest
import xarray as xr

import rooflax as rx
from rooflax.specs.blocks import block_grid
from rooflax.sweeps import engine


def shards(store):
    return {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}


def test_a_second_run_does_nothing(rooflax, spec, tmp_path):
    assert rooflax("run", spec).code == 0
    before = shards(tmp_path / "runs/small.zarr")
    done = rooflax("run", spec)
    assert (done.code, done.told) == (
        0,
        "A small sweep\n24 points in 1 block, finished already, nothing to do: runs/small.zarr\n",
    )
    assert shards(tmp_path / "runs/small.zarr") == before


def test_a_finished_store_where_nothing_may_be_written_is_left_with_0(rooflax, spec, monkeypatch, tmp_path):
    from rooflax.stores import folder

    def refused(path, place):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    rooflax("run", spec)
    before = shards(tmp_path / "runs/small.zarr")
    monkeypatch.setattr(folder, "locked_file", refused)
    done = rooflax("run", spec)
    assert (done.code, done.told) == (
        0,
        "A small sweep\n24 points in 1 block, finished already, nothing to do: runs/small.zarr\n",
    )
    message = "cannot create {0}.zarr: read-only file system (runs/.{1}.zarr.lock)\n"
    for arguments, told in (
        (("--overwrite",), message.format("runs/small", "small")),
        (("-o", "runs/new.zarr"), message.format("runs/new", "new")),
    ):
        done = rooflax("run", spec, *arguments)
        assert (done.code, done.told) == (2, told)
    done = rooflax("run", spec, "--set", "seq_len=1024")
    assert (done.code, "holds the results of another sweep: the spec (" in done.told) == (2, True)
    assert shards(tmp_path / "runs/small.zarr") == before
    (tmp_path / "runs/small.zarr/step_time/c/0/0/0").unlink()
    done = rooflax("run", spec)
    assert (done.code, done.told) == (
        2,
        "runs/small.zarr was finished and has lost files since; nothing may be written there, so give a copy of it "
        "with -o\n",
    )


def test_one_point_is_one_point(rooflax, spec):
    options = [part for name in ("tp", "pp", "world_size") for part in ("--set", f"{name}={4 if name != 'tp' else 1}")]
    assert rooflax("run", spec, *options).told.endswith("\n1 point in 1 block: runs/small.zarr\n")


def test_a_changed_spec_is_refused_and_told_what_differs(rooflax, spec, tmp_path):
    rooflax("run", spec)
    before = shards(tmp_path / "runs/small.zarr")
    done = rooflax("run", spec, "--set", "seq_len=1024")
    assert done.code == 2
    assert done.told.startswith("runs/small.zarr holds the results of another sweep: the spec (")
    assert done.err.endswith("differs; give --overwrite to replace it, or another -o\n")
    assert shards(tmp_path / "runs/small.zarr") == before
    assert rooflax("run", spec, "--set", "seq_len=1024", "--overwrite").code == 0
    assert rx.open("runs/small.zarr").attrs["overrides"] == ["seq_len=1024"]
    assert rooflax("run", spec, "-o", "other.zarr").code == 0


def test_other_words_for_the_same_sweep_are_the_same(rooflax, spec):
    rooflax("run", spec)
    done = rooflax("run", spec, "--set", "title=Another title", "--set", "seq_len=2.048e3")
    assert (done.code, done.err.splitlines()[-1]) == (
        0,
        "24 points in 1 block, finished already, nothing to do: runs/small.zarr",
    )


def test_an_interrupted_run_is_resumed(rooflax, spec, monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, 2))
    spec.write_text(spec.read_text() + "pareto: {objectives: [step_time:min, memory_per_gpu:min], over: [tp, pp]}\n")
    rooflax("run", spec, "-o", "whole.zarr")
    from rooflax.stores.write import Store

    real, marked = Store.mark, []

    def killed(self, region):
        if len(marked) == 3:
            raise KeyboardInterrupt
        marked.append(region.index)
        real(self, region)

    monkeypatch.setattr(Store, "mark", killed)
    done = rooflax("run", spec)
    assert done.code == 130
    assert done.told == "stopped; the finished blocks of a run are kept, and the same command resumes it\n"
    monkeypatch.setattr(Store, "mark", real)
    unfinished = rooflax("slice", "runs/small.zarr", "--sel", "tp=1")
    assert unfinished.told == "note: runs/small.zarr is not finished; the same `rooflax run` resumes it\n"
    assert "not computed" in unfinished.out
    done = rooflax("run", spec)
    assert done.told == "A small sweep\n24 points in 12 blocks, 3 of them there already: runs/small.zarr\n"
    assert contents(tmp_path / "runs/small.zarr") == contents(tmp_path / "whole.zarr")
    assert any(name.startswith("pareto/") for name in contents(tmp_path / "whole.zarr"))


def contents(store):
    files = {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    root = json.loads(files["zarr.json"])
    root["attributes"].pop("rooflax_run")
    return {**files, "zarr.json": json.dumps(root)}


def test_the_store_opens_with_xarray_alone(rooflax, spec):
    rooflax("run", spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = xr.open_zarr("runs/small.zarr")
        best = xr.open_zarr("runs/small.zarr", group="best")
    assert set(results.data_vars) == {"step_time", "memory_per_gpu", "binding", "status", "margin"}
    assert results["step_time"].dtype == np.float32
    assert results["step_time"].attrs["units"] == "s"
    assert dict(results.sizes) == {"pp": 3, "world_size": 2, "tp": 4}
    assert {"tp", "pp", "step_time", "memory_per_gpu", "status"} <= set(best.data_vars)
    cell = results["step_time"].where(results["status"] == 0).min(["tp", "pp"])
    np.testing.assert_array_equal(best["step_time"], cell)


def test_the_results_are_those_of_the_points(rooflax, spec):
    rooflax("run", spec, "--set", "store.dtype=float64")
    results = rx.open("runs/small.zarr")
    for tp, pp, gpus in ((1, 1, 16), (8, 4, 64), (2, 4, 16)):
        point = rx.evaluate(
            ["step_time", "memory_per_gpu"], model="llama-2-13b", hardware="a100-sxm-80gb", seq_len=2048,
            global_batch_size=256, tp=tp, pp=pp, world_size=gpus,
        )  # fmt: skip
        stored = results.sel(tp=tp, pp=pp, world_size=gpus)
        for name in ("step_time", "memory_per_gpu"):
            np.testing.assert_allclose(stored[name], point[name], rtol=1e-12)


def test_the_store_tells_where_it_comes_from(rooflax, spec):
    rooflax("run", spec, "--set", "zero_stage=2")
    attrs = rx.open("runs/small.zarr").attrs
    assert attrs["spec"] == spec.read_text()
    assert attrs["overrides"] == ["zero_stage=2"]
    assert attrs["registry_digest"] == rx.Workbench().registry.digest
    assert len(attrs["spec_digest"]) == 64
    assert {"jax", "numpy", "xarray", "zarr"} == set(attrs["versions"])
    assert attrs["device"].split(": ")[0] in ("cpu", "gpu", "tpu")
    assert attrs["inputs"]["tp"] == "axis"
    assert attrs["inputs"]["zero_stage"] == "given"
    assert attrs["inputs"]["cp"] == "default"
    assert attrs["inputs"]["num_layers"] == "model llama-2-13b"
    assert any(source.startswith("narayanan-et-al-2021") for source in attrs["sources"])
    assert {record["name"] for record in attrs["records"]} == {
        "llama-2-13b", "a100-sxm-80gb", "dgx-a100", "bf16-mixed", "pooled-torch",
    }  # fmt: skip
    assert attrs["title"] == "A small sweep"


def test_low_confidence_is_told_wherever_a_result_is(rooflax, spec):
    low = ("--set", "hardware=t4", "--set", "model=gpt-2", "--set", "precision=fp16-mixed")
    note = "note: hardware t4: confidence: low; `rooflax show t4` tells its sources"
    assert note in rooflax("run", spec, *low).err.splitlines()
    assert note.removeprefix("note: ") in rx.open("runs/small.zarr").attrs["notices"]
    for command in (
        ("plan", spec, *low),
        ("best", spec, *low),
        ("best", "runs/small.zarr"),
        ("best", "runs/small.zarr", "--minimize", "step_time", "--over", "tp"),
        ("slice", "runs/small.zarr"),
        ("eval", "step_time", "--from", spec, *low, *("--set", "tp=1", "--set", "pp=1", "--set", "world_size=16")),
        ("explain", "step_time", "--from", spec, *low, *("--set", "tp=1", "--set", "pp=1", "--set", "world_size=16")),
    ):
        done = rooflax(*command)
        assert (done.code, note in done.err.splitlines()) == (0, True), command
        assert rooflax(*command, "--quiet").err == ""
    assert "confidence" not in rooflax("plan", spec).err


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        (["tp=4"], {"pp": 3, "world_size": 2}),
        (["tp=[2, 4]"], {"tp": 2, "pp": 3, "world_size": 2}),
        (["cp={pow2: [1, 4]}"], {"pp": 3, "world_size": 2, "tp": 4, "cp": 3}),
        (["tp=1", "pp=1", "best={minimize: step_time, over: [world_size]}"], {"world_size": 2}),
        (["hardware=[a100-sxm-80gb, h100-sxm-80gb]"], {"tp": 4, "pp": 3, "world_size": 2, "hardware": 2}),
        (["scale_out_bandwidth={min: 10 GB/s, max: 1 TB/s, num: 3, scale: log}"], None),
        (["global_batch_size=512", "store.dtype=float64", "outputs=[dp]"], None),
    ],
)
def test_settings_make_other_sweeps(settings, sizes, rooflax, spec):
    done = rooflax("plan", spec, "--json", *[part for one in settings for part in ("--set", one)])
    assert done.code == 0, done.err
    if sizes:
        assert {axis["name"]: axis["size"] for axis in done.json["axes"]} == sizes


def test_a_pinned_axis_may_be_an_output(rooflax, spec):
    settings = ("num_micro_batches=[4, 8]", "outputs=[step_time, num_micro_batches]")
    done = rooflax("run", spec, *[part for one in settings for part in ("--set", one)])
    assert done.code == 0, done.err
    assert list(rx.open("runs/small.zarr")["num_micro_batches"].values) == [4, 8]
