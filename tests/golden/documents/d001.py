"""Golden rows of document 001: the hop-typed communication model."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rooflax.reports.documents.mode_labels import group_size, group_size_as_published, mode_label

NOT_COMPARED = {
    "in_mode_escaped": "the label of d001_group_size.csv once more, in ASCII",
}

DOCUMENT_LINKS = {
    "network": "dgx-h100",
    "scale_up_latency": 0.2e-6,
    "scale_out_latency": 2e-6,
    "link_efficiency": 1.0,
    "scale_up_reduces": 0,
    "scale_up_half_message": 0,
    "collective_overhead": 0,
}
BANDWIDTHS = {"nv900": 900e9, "nv450": 450e9}


def q(name: str) -> str:
    return f"hop_typed.{name}"


COLUMNS = {
    "PerGPU_MB": q("per_gpu_volume"),
    "PerGPU_MiB": q("per_gpu_volume_binary"),
    "Latency_ms": q("latency"),
    "Energy_mJ": q("energy"),
}
"""The columns of the document's table, and the quantity of each."""


def inputs(harness: Any, rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> dict[str, list[Any]]:
    """Columns of a file by the input they stand for."""
    return {name: harness.column(rows, column) for name, column in columns.items()}


def compare(
    path: Path,
    harness: Any,
    given: Mapping[str, str],
    outputs: Mapping[str, str | tuple[str, float]],
    fixed: Mapping[str, Any] | None = None,
) -> int:
    """The columns of a file against quantities at its inputs; a quantity may come with a factor to its column."""
    rows = harness.rows(path)
    scaled = {column: one if isinstance(one, tuple) else (one, 1.0) for column, one in outputs.items()}
    names = list(dict.fromkeys(name for name, _ in scaled.values()))
    found = harness.arrays(names, inputs(harness, rows, given), fixed)
    columns = {column: found[name] * factor for column, (name, factor) in scaled.items()}
    compared = harness.check(path, rows, columns, sentences=found["sentence"])
    first = {name: harness.number(rows[0][column]) for name, column in given.items()} | dict(fixed or {})
    alone = harness.scalar(names, first)
    for column, (name, factor) in scaled.items():
        expected = harness.number(rows[0][column])
        assert harness.close(alone[name] * factor, expected), f"{path.name}: scalar {column}: {alone[name]}, {expected}"
    return compared


def both_bandwidths(column: Callable[[str], str], name: str, path: Path, harness: Any, given: Mapping[str, str]) -> int:
    """The columns at 900 and at 450 GB/s against a quantity that reads the NVLink bandwidth."""
    return min(
        compare(path, harness, given, {column(key): name}, {q("nvlink_bandwidth"): bandwidth})
        for key, bandwidth in BANDWIDTHS.items()
    )


def cost_bytes(path: Path, harness: Any) -> int:
    given = {q("message"): "in_bytes", q("nv_hops"): "in_nv_hops", q("ib_hops"): "in_ib_hops"}
    both_bandwidths(lambda key: f"phys_latency_s_{key}", q("message_latency_serial"), path, harness, given)
    outputs = {"out_latency_s": q("message_latency"), "out_energy_J": q("message_energy")}
    compare(path, harness, given, outputs)
    rows = harness.rows(path)
    picojoules = harness.arrays(q("message_energy"), inputs(harness, rows, given))[q("message_energy")] * 1e12
    # The formula of the text has whole factors, so its whole numbers are what the product of floats rounds to.
    whole = [isinstance(value, int) for value in harness.column(rows, "out_energy_pJ_text")]
    text = [float(round(v)) if is_whole else v for v, is_whole in zip(picojoules, whole, strict=True)]
    return harness.check(path, rows, {"out_energy_pJ_text": text})


def hops(path: Path, harness: Any) -> int:
    given = {q("sender"): "in_i", q("receiver"): "in_j", q("gpus_per_node"): "in_gpus_per_node"}
    return compare(path, harness, given, {"out_nv_hops": q("nv_hops"), "out_ib_hops": q("ib_hops")})


def layer_sizes(path: Path, harness: Any) -> int:
    given = {
        q("d_model"): "in_d_model",
        q("d_ff"): "in_d_ff",
        q("kv_dim"): "in_kv_dim",
        q("seq_len"): "in_seq_len",
        q("bytes_per_element"): "in_bytes",
    }
    published = {
        "out_attn_elems": q("attn_elems"),
        "out_attn_bytes": q("attn_bytes"),
        "out_mlp_elems_no_gate": q("mlp_elems"),
        "out_mlp_bytes_no_gate": q("mlp_bytes"),
        "out_act_bytes": q("act_bytes"),
    }
    main = {"hidden_size": "in_d_model", "intermediate_size": "in_d_ff", q("bytes_per_element"): "in_bytes"}
    gated = {"phys_mlp_elems_gated": "dense_mlp_weights", "phys_mlp_bytes_gated": q("layer_bytes_corrected")}
    fixed = {"gated_mlp": 1, q("layer"): "MLP", "attention_weights": 0}
    return min(compare(path, harness, given, published), compare(path, harness, main, gated, fixed))


def per_hop(path: Path, harness: Any) -> int:
    given = {q("message"): "in_bytes", q("link"): "in_link"}
    both_bandwidths(lambda key: f"phys_latency_us_{key}", q("link_latency_corrected"), path, harness, given)
    outputs = {"out_latency_us": q("link_latency"), "out_energy_nJ": q("link_energy")}
    return compare(path, harness, given, outputs)


def ring(path: Path, harness: Any) -> int:
    group = {q("num_gpus"): "in_n_gpus"}
    serial = {q("layer_bytes"): "in_layer_bytes", **group, q("gpus_per_node"): "in_gpus_per_node"}
    both_bandwidths(lambda key: f"phys_Latency_ms_{key}", q("dp_latency_serial"), path, harness, serial)
    published = {f"out_{column}": name for column, name in COLUMNS.items()}
    corrected = {
        "phys_PerGPU_MB_allreduce": q("per_gpu_volume_corrected"),
        "phys_Total_MB": q("total_volume_corrected"),
    }
    compare(path, harness, {q("layer_bytes_corrected"): "in_layer_bytes", **group}, corrected, {q("strategy"): "DP"})
    return compare(path, harness, serial, published, {q("strategy"): "DP"})


def tp_cost(path: Path, harness: Any) -> int:
    given = {q("act_bytes"): "in_bytes_per_msg"}
    for size in (2, 4, 8):
        fixed = {q("num_gpus"): size, **DOCUMENT_LINKS}
        column = f"phys_ring_allreduce_ms_n{size}_nv450"
        compare(path, harness, given, {column: q("tp_latency_corrected")}, fixed)
        main = {column: ("tp_all_reduce_time", 1e3)}
        compare(path, harness, {"hidden_states_message": "in_bytes_per_msg"}, main, {"tp": size, **DOCUMENT_LINKS})
    group = {q("num_gpus"): 8, **DOCUMENT_LINKS}
    compare(path, harness, given, {"phys_group_energy_mJ_n8": q("tp_energy_corrected")}, group)
    published = {
        "out_PerGPU_MB": q("per_gpu_volume"),
        "out_Latency_ms": q("latency"),
        "out_Energy_mJ": q("energy"),
    }
    return compare(path, harness, given, published, {q("strategy"): "TP"})


def pp_cost(path: Path, harness: Any) -> int:
    given = {
        q("seq_len"): "in_seq_len",
        q("d_model"): "in_d_model",
        q("bytes_per_element"): "in_bytes_per_elem",
        q("nv_hops"): "in_nv_hops",
        q("ib_hops"): "in_ib_hops",
    }
    outputs = {
        "out_act_bytes": q("act_bytes"),
        "out_PerGPU_MB": q("per_gpu_volume"),
        "out_Latency_ms": q("latency"),
        "out_Energy_mJ": q("energy"),
        "phys_Latency_ms_nv450": q("latency_serial"),
    }
    return compare(path, harness, given, outputs, {q("strategy"): "PP"})


def _mode(row: Mapping[str, str]) -> dict[str, Any]:
    """What a row of the document's table says of its layer, strategy and group."""
    strategy, size = row["mode"][:2], group_size(row["mode"])
    return {
        q("layer"): "MLP" if row["layer"] == "MLP" else "ATTN",
        q("strategy"): strategy,
        q("num_gpus"): size,
        q("receiver"): 8 if row["mode"].endswith("Cross") else 1,
    }


def published_table(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    modes = [_mode(row) for row in rows]
    given = {name: [mode[name] for mode in modes] for name in modes[0]}
    found = harness.arrays(list(COLUMNS.values()), given)
    columns = {f"out_{column}": found[name] for column, name in COLUMNS.items()}
    columns |= {f"published_{column}": [round(float(v), 3) for v in found[name]] for column, name in COLUMNS.items()}
    columns["out_group_as_published"] = [group_size_as_published(row["mode"]) for row in rows]
    columns["phys_group"] = [group_size(row["mode"]) for row in rows]
    for kind, column in (("out", "out_Total_MB_as_published"), ("phys", "phys_Total_MB")):
        groups = columns["out_group_as_published" if kind == "out" else "phys_group"]
        total = harness.arrays(q("total_volume"), {**given, q("group_size"): groups})
        columns[column] = total[q("total_volume")]
    sizes = harness.arrays(q("group_size_corrected"), given)[q("group_size_corrected")]
    assert list(sizes) == columns["phys_group"], f"{path.name}: group sizes by the model: {list(sizes)}"
    labels = [mode_label(m[q("strategy")], m[q("num_gpus")], crosses_nodes=m[q("receiver")] == 8) for m in modes]
    assert labels == [row["mode"] for row in rows], f"{path.name}: labels {labels}"
    return harness.check(path, rows, columns, sentences=found["sentence"])


def group_sizes(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    columns = {
        "out_group_size": [group_size_as_published(row["in_mode"]) for row in rows],
        "phys_group_size": [group_size(row["in_mode"]) for row in rows],
    }
    return harness.check(path, rows, columns)


def printed_table(path: Path, harness: Any) -> int:
    """The table as the document prints it; below stand the group sizes that its rule gives, and its layer sizes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header, *body = lines[: lines.index("")]
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in body]
    modes = [_mode({"layer": row["Layer"], "mode": row["Mode"]}) for row in rows]
    given = {name: [mode[name] for mode in modes] for name in modes[0]}
    found = harness.arrays(list(COLUMNS.values()), given)
    for i, row in enumerate(rows):
        texts = {column: str(round(float(found[name][i]), 3)) for column, name in COLUMNS.items()}
        assert texts.items() <= row.items(), f"{path.name}: {row['Layer']} {row['Mode']}: expected {row}, found {texts}"
    for line in lines[lines.index("") :]:
        _check_logged(path, harness, line)
    return len(rows)


def _check_logged(path: Path, harness: Any, line: str) -> None:
    """A line of the log: (label, group size, code points of the label) of every row, or sizes by name."""
    logged = ast.literal_eval(line) if line.startswith(("[(", "{")) else ()
    if isinstance(logged, dict):
        for name, size in logged.items():
            assert harness.scalar(q(name), {})[q(name)] == size, f"{path.name}: {name}: expected {size}"
    else:
        for label, size, *_ in logged:
            assert group_size_as_published(label) == size, f"{path.name}: {label}: expected a group of {size}"


FILES: dict[str, Callable[[Path, Any], int]] = {
    "d001_cost_bytes.csv": cost_bytes,
    "d001_group_size.csv": group_sizes,
    "d001_hops.csv": hops,
    "d001_layer_sizes.csv": layer_sizes,
    "d001_per_hop.csv": per_hop,
    "d001_pp_cost.csv": pp_cost,
    "d001_published_table.csv": published_table,
    "d001_ring_dp.csv": ring,
    "d001_stdout.txt": printed_table,
    "d001_tp_cost.csv": tp_cost,
}
