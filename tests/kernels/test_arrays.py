from __future__ import annotations

import jax
import numpy as np
import pytest

from rooflax.kernels.arrays import jnp

ARRAY = np.array([1.0, -2.0])


def test_numpy_computes_what_numpy_holds():
    found = jnp.where(ARRAY > 0, ARRAY, 0.0)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, [1.0, 0.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda array: jnp.maximum(0.0, array),
        lambda array: jnp.where(ARRAY > 0, ARRAY, array),
        lambda array: jnp.stack([ARRAY, array]),
        lambda array: jnp.clip(ARRAY, max=array),
    ],
    ids=["second", "third", "in a list", "by name"],
)
def test_jax_computes_where_one_argument_is_its_own(call):
    array = jax.numpy.asarray(ARRAY)
    assert isinstance(call(array), jax.Array)
    assert type(call(ARRAY)) is np.ndarray
    np.testing.assert_array_equal(jax.jit(call)(array), call(ARRAY))


def test_constants_and_types_are_those_of_numpy():
    assert np.isnan(jnp.nan)
    assert jnp.int8 is np.int8


def test_an_unknown_function_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_function"):
        _ = jnp.no_such_function  # pyright: ignore[reportAttributeAccessIssue]
