from dataclasses import dataclass
from pathlib import Path

import pytest

from rooflax.specs.calibration import Calibration
from rooflax.specs.catalog import CatalogError, Field, Record, Source, read_record
from rooflax.specs.loader import load_spec
from rooflax.specs.records import normalised
from rooflax.specs.vocabulary import Vocabulary, shipped

READS = {
    "compute_time": (
        "hidden_size",
        "num_layers",
        "global_batch_size",
        "seq_len",
        "peak_flops_bf16",
        "weight_width",
        "tp",
    ),
    "tp_comm_time": ("hidden_size", "scale_up_bandwidth", "tp", "recompute"),
    "step_time": ("compute_time", "tp_comm_time", "sequence_parallel", "zero_stage"),
    "step_energy": ("step_time", "idle_power"),
    "memory_per_gpu": ("hidden_size", "tp", "overhead_memory"),
    "fits_memory": ("memory_per_gpu", "hbm_capacity"),
    "binding": ("compute_time", "tp_comm_time"),
}


@dataclass(frozen=True)
class FakeKnown:
    """A handful of quantities over the shipped vocabulary."""

    vocabulary: Vocabulary
    units = {  # noqa: RUF012 (read only)
        "compute_time": "s",
        "tp_comm_time": "s",
        "step_time": "s",
        "step_energy": "J",
        "memory_per_gpu": "B",
        "fits_memory": "B",
    }
    options = {"binding": ("compute", "comm")}  # noqa: RUF012 (read only)
    constraints = ("fits_memory",)

    def needed(self, outputs, given):
        found = {}

        def visit(name, output):
            if name not in found:
                found[name] = output
                for part in () if name in given else READS.get(name, ()):
                    visit(part, output)

        for output in outputs:
            visit(output, output)
        return found

    def missing(self, outputs, given):
        needed = self.needed(outputs, given)
        leaves = self.vocabulary
        return {
            name: out for name, out in needed.items() if name in leaves and leaves[name].required and name not in given
        }

    def reads(self, outputs, given):
        return set(self.needed(outputs, given)) & set(given)


class FakeCatalogs:
    """Records by catalog and name, and by path; nothing is fitted."""

    calibration = Calibration()

    def __init__(self, records):
        self.records = {(record.catalog, normalised(record.name)): record for record in records}

    def names(self, catalog):
        return tuple(record.name for record in self.records.values() if record.catalog == catalog)

    def get(self, catalog, name):
        if name.endswith(".yaml"):
            return read_record(Path(name), catalog)
        if (catalog, normalised(name)) not in self.records:
            raise CatalogError(f"unknown {catalog} {name!r}.")
        return self.records[catalog, normalised(name)]


def record(catalog, name, network=None, **fields):
    stated = {leaf: Field(float(value), str(value), "data") for leaf, value in fields.items()}
    sources = {"data": Source("data", "Data")}
    return Record(catalog, name, name.title(), "high", stated, network=network, sources=sources)


@pytest.fixture(scope="session")
def known():
    return FakeKnown(shipped())


@pytest.fixture(scope="session")
def catalogs():
    return FakeCatalogs(
        [
            record("model", "small-1b", hidden_size=2048, num_layers=16, num_experts=8),
            record("model", "large-7b", hidden_size=4096, num_layers=32),
            record("model", "gpt-2", hidden_size=8, num_layers=1),
            record("hardware", "chip-a", "net-a", peak_flops_bf16=1e14, hbm_capacity=8e10, idle_power=400),
            record("hardware", "chip-b", "net-b", peak_flops_bf16=2e14, hbm_capacity=16e10),
            record("hardware", "chip-c", None, peak_flops_bf16=4e14, hbm_capacity=32e10, idle_power=900),
            record("hardware", "chip-d", "net-x", peak_flops_bf16=4e14, hbm_capacity=32e10, idle_power=900),
            record("network", "net-a", scale_up_bandwidth=3e11, scale_out_size=64),
            record("network", "net-b", scale_up_bandwidth=4e11),
            record("precision", "bf16-mixed", weight_width=2, matmul_format=2),
            record("precision", "fp8-mixed", weight_width=1, matmul_format=4),
        ]
    )


@pytest.fixture
def load(known, catalogs):
    """The loaded spec of a text, which messages call `sweep.yaml`, with overrides."""
    return lambda text, *overrides: load_spec(
        text, file="sweep.yaml", known=known, catalogs=catalogs, overrides=overrides
    )
