from __future__ import annotations

import numpy as np

from rooflax.specs.axes import Axis, Inputs, Value


def test_inputs_are_cut_at_some_labels():
    axes = (
        Axis("tp", np.array([1.0, 2.0, 4.0])),
        Axis("layout", np.arange(2.0), {"pp": np.array([8.0, 4.0]), "model": np.array(["a", "b"])}),
    )
    values = {
        "tp": Value("tp", ("tp",), np.array([1, 2, 4]), "axis"),
        "both": Value("both", ("layout", "tp"), np.arange(6).reshape(2, 3), "given"),
        "cp": Value("cp", (), np.array(1), "given"),
    }
    cut = Inputs(axes, values, notices=("told",)).at({"tp": np.array([0, 2]), "layout": np.array([1])})
    assert cut.sizes == {"tp": 2, "layout": 1}
    assert cut.axes[0].labels.tolist() == [1, 4]
    assert {name: labels.tolist() for name, labels in cut.axes[1].coords.items()} == {"pp": [4], "model": ["b"]}
    assert cut.values["tp"].data.tolist() == [1, 4]
    assert cut.values["both"].data.tolist() == [[3, 5]]
    assert cut.values["cp"].data == 1
    assert cut.notices == ("told",)
