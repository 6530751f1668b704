"""Many small linear programs, against a library that solves one."""

import numpy as np
import pytest
from scipy.optimize import linprog

from rooflax.sweeps.compilation import precision
from rooflax.sweeps.optima.linear_programs import minimised


@pytest.mark.parametrize(("rows", "variables", "seed"), [(7, 2, 1), (40, 5, 2)])
def test_every_program_gets_its_own_minimum(rows, variables, seed):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(32, rows, variables))
    inside = random.normal(size=(32, variables))
    loose = random.exponential(size=(32, rows)) * (random.random((32, rows)) > 0.3)
    bound = np.einsum("prv,pv->pr", matrix, inside) - loose
    cost = np.einsum("prv,pr->pv", matrix, random.random((32, rows)))
    with precision("float64"):
        found = np.asarray(minimised(cost, matrix, bound, np.zeros((32, variables))))
    for i in range(32):
        best = linprog(cost[i], A_ub=-matrix[i], b_ub=-bound[i], bounds=(None, None))
        assert best.status == 0
        assert cost[i] @ found[i] == pytest.approx(best.fun, abs=1e-9)
        assert (matrix[i] @ found[i] - bound[i]).min() > -1e-9
