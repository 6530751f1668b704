"""Maps of categories: colours by code, legends of what occurs, and what the mouse shows of a cell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.pictures.boxes import look_of
from rooflax.reports.pictures.most_valuable_input import winners
from rooflax.reports.pictures.scales import values_scale


def colours(figure):
    by_glyph = {glyph.id: glyph.glyph for glyph in figure.renderers}
    return {item.label.value: by_glyph[item.renderers[0].id].fill_color for one in figure.legend for item in one.items}


def test_the_first_condition_that_fails_colours_a_cell(training, page, sources):
    figure = page("feasibility-map", training, x="world_size", y="tp")
    assert colours(figure) == {
        "feasible": look_of(0).color,
        "not: fits memory": look_of(1).color,
        "not: divides batch": look_of(2).color,
    }
    (cells,) = sources(figure, "margin")
    for gpus, tp, code in zip(cells["text_across"], cells["text_up"], cells["code"], strict=True):
        assert code == training["status"].sel(world_size=float(gpus), tp=float(tp))
    assert set(cells["margin"]) == {"-20 GB", "-3", "5 GB"}
    assert cells["margin"][list(cells["category"]).index("not: divides batch")] == "-3"


def test_areas_cover_exactly_the_cells_of_their_code(training, page, sources):
    figure = page("feasibility-map", training, x="world_size", y="tp")
    areas = {code: glyph.data_source.data for code, glyph in zip((0, 1, 2), figure.renderers[1:], strict=True)}
    width = {code: np.log2(np.divide(data["right"], data["left"])).sum() for code, data in areas.items()}
    counted = {code: int((training["status"] == code).sum()) for code in areas}
    assert width == pytest.approx(counted)


def test_options_have_their_colours_wherever_they_occur(training, page):
    every = page("binding-map", training, codes="binding", x="world_size", y="tp")
    some = page("binding-map", training.isel(tp=[1, 2], world_size=[2, 3]), codes="binding", x="world_size", y="tp")
    assert list(colours(every)) == ["compute", "dp", "hatched: infeasible"]
    assert list(colours(some)) == ["dp", "hatched: infeasible"]
    assert colours(some)["dp"] == colours(every)["dp"] == look_of(3).color


def test_cells_that_no_block_has_written_say_so(training, page):
    half = training.copy(deep=True)
    for name in ("binding", "status"):
        half[name][0] = 127
    drawn = colours(page("binding-map", half, codes="binding", x="world_size", y="tp"))
    assert list(drawn) == ["compute", "dp", "not computed", "hatched: infeasible"]


def test_nothing_is_said_of_infeasible_cells_where_there_are_none(training, page, legend):
    assert legend(
        page("binding-map", training.isel(tp=[1, 2], world_size=[1, 2]), codes="binding", x="world_size", y="tp")
    ) == [
        "compute",
        "dp",
    ]


def test_many_categories_are_told_apart_without_colours():
    looks = [look_of(place, 20) for place in range(20)]
    assert len({(look.color, look.pattern) for look in looks}) == 20
    assert len({look.pattern for look in looks[:5]}) == 5


def test_the_largest_elasticity_wins_whatever_its_sign(slopes, page, sources):
    places, found = winners(np.moveaxis(slopes["slope"].values, 0, -1))
    assert places.tolist() == [[0, 1], [1, 127]]
    assert found[0].tolist() == [-0.5, 0.3]
    figure = page("most-valuable-input", slopes, slope="slope", x="x", y="y")
    assert list(colours(figure)) == ["hbm bandwidth", "price", "none has an effect"]
    (cells,) = sources(figure, "elasticity")
    assert cells["elasticity"].tolist()[:2] == ["-0.5", "+0.3"]


def test_a_sensitivity_map_is_centred_at_no_effect(slopes, page):
    figure = page("sensitivity-map", slopes.isel(wrt=1), slope="slope", x="x", y="y")
    mapper = figure.renderers[0].glyph.fill_color.transform
    assert (mapper.low, mapper.high) == (-0.3, 0.3)
    assert any(
        bar.title.replace("\n", " ") == "Elasticity of it by price" for bar in figure.right if hasattr(bar, "title")
    )


def test_a_scale_that_spans_very_much_has_one_prefix_at_its_ticks_and_none_in_its_title():
    spent = xr.DataArray(np.append(np.linspace(6e7, 9e8, 40), 5e15), attrs={"long_name": "Cost", "units": "$"})
    shown = values_scale(spent)
    assert shown.title == "Cost [$]"
    assert [text for _, text in shown.ticks][-1].endswith((" P", " T"))
    assert values_scale(spent[:40]).title == "Cost [M$]"
