"""Every picture is offered for, and drawn from, the dataset that its declaration makes up; on both backends."""

from __future__ import annotations

import pytest

from rooflax.reports import registry
from rooflax.reports.pictures import pictures
from rooflax.reports.pictures.files import KINDS, write_picture
from rooflax.specs.problems import RooflaxError


def _has_optional(declared):
    return any(role.optional for role in declared.roles.values())


@pytest.fixture(params=pictures(), ids=lambda declared: declared.name)
def declared(request):
    return request.param


@pytest.mark.parametrize(
    ("declared", "optional"),
    [*((one, False) for one in pictures()), *((one, True) for one in pictures() if _has_optional(one))],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_picture_is_drawn_from_what_it_declares(declared, optional, tmp_path):
    import holoviews as hv
    from bokeh.document import Document

    data = registry.made_up(declared)
    choice = declared.choice(data, {role: role for role in declared.roles} if optional else {})
    assert choice is not None
    data = declared.cut(data, choice)
    figure = hv.renderer("bokeh").get_plot(declared.draw(data, **choice)).state
    document = Document()
    document.add_root(figure)
    document.validate()
    assert any(glyph.data_source.data for glyph in figure.renderers if hasattr(glyph, "data_source"))
    write_picture(lambda: declared.draw(data, **choice), tmp_path / "it.svg")
    assert (tmp_path / "it.svg").stat().st_size > 5000


def test_a_picture_is_not_offered_where_a_role_stays_empty(declared):
    data = registry.made_up(declared)
    for role, name in (declared.choice(data) or {}).items():
        if not declared.roles[role].optional and name in data.data_vars:
            assert declared.choice(data.drop_vars(name)) is None, role


def test_a_title_names_what_was_chosen(declared):
    data = registry.made_up(declared)
    title = declared.titled(data, declared.choice(data) or {})
    assert "{" not in title
    assert title[0].isupper() or title.startswith(tuple(declared.roles))


def test_files_have_one_of_few_endings(tmp_path):
    with pytest.raises(RooflaxError, match=r"it\.gif: a name ending in \.png, \.svg, \.pdf was expected"):
        write_picture(lambda: None, tmp_path / "it.gif")
    assert KINDS == (".png", ".svg", ".pdf")
