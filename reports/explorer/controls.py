"""Controls: the selects and sliders of a view, which ask for another one when they are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from ...specs.units import format_quantity
from ..pictures.scales import label_of
from .source import Dial
from .views import Offer, View, steps, texts

if TYPE_CHECKING:
    import xarray as xr

WIDTH = 264
MOST_TEXTS = 5_000
_NONE = "none"
_HEADINGS = {"h3": "font-size:13px;margin:14px 0 2px 0;color:#555;font-weight:600;letter-spacing:.02em"}
Ask = Callable[[View], None]


class Controls:
    """The widgets of a view. `moved` is asked for another place in the same picture, `changed` for another picture."""

    def __init__(self, offer: Offer, view: View, moved: Ask, changed: Ask) -> None:
        """The widgets are made once; a view with other names takes other controls."""
        self.offer, self.view, self._moved, self._changed = offer, view, moved, changed
        self.beside: dict[str, Any] = {}

    def widgets(self) -> list[Any]:
        """All of them, from the picture down to the inputs that may be moved."""
        report, data = self.offer.report(self.view), self.offer.data(self.view)
        found = [_heading("Picture"), self._picture(), *self._roles()]
        sliders = [self._slider(data, dim) for dim in self.offer.free(self.view)]
        if sliders:
            found += [_heading("At"), *(part for parts in sliders for part in parts)]
        if self.offer.movable(self.view) and not report.group:
            found += [_heading("Move an input"), self._chooser(), *self._dials()]
        return found

    def _picture(self) -> Any:
        import panel as pn

        names = {name.replace("-", " ").capitalize(): name for name in self.offer.pictures}
        select = pn.widgets.Select(label="Kind", options=names, value=self.view.picture, width=WIDTH)
        select.param.watch(lambda event: self._changed(replace(self.view, picture=event.new, point={})), "value")
        return select

    def _roles(self) -> Iterator[Any]:
        import panel as pn

        report, data = self.offer.report(self.view), self.offer.data(self.view)
        for name, role in report.roles.items():
            found = role.candidates(data)
            labels = _distinct([self._label(data, one) for one in found], found)
            options = dict(zip(labels, found, strict=True))
            options = {_NONE: "", **options} if role.optional else options
            select = pn.widgets.Select(
                label=name.capitalize() if len(name) > 1 else name,
                options=options,
                value=self.view.choice.get(name, ""),
                width=WIDTH,
            )
            select.param.watch(lambda event, own=name: self._changed(self._with(own, event.old, event.new)), "value")
            yield select

    def _label(self, data: xr.Dataset, name: str) -> str:
        return label_of(data[name])

    def _with(self, role: str, old: str, new: str) -> View:
        """The view in which a name takes a role; whoever had it gets the old one in exchange."""
        choice = {name: old if one == new else one for name, one in self.view.choice.items()}
        choice[role] = new
        return replace(self.view, choice={name: one for name, one in choice.items() if one}, point={})

    def _slider(self, data: xr.Dataset, dim: str) -> list[Any]:
        import panel as pn

        coordinate, place = data[dim], self.view.at[dim]
        title = label_of(coordinate)
        if coordinate.size < 2:
            return [_text(f"{escape(title)}: {escape(texts(coordinate)[0])}")]
        if coordinate.dtype.kind not in "fiu":
            options = {text: at for at, text in enumerate(texts(coordinate))}
            widget = pn.widgets.Select(label=title, options=options, value=place, width=WIDTH)
        else:
            shown = texts(coordinate) if coordinate.size <= MOST_TEXTS else []
            widget = pn.widgets.IntSlider(
                label=title, start=0, end=coordinate.size - 1, value=place, width=WIDTH, format=_formatter(shown)
            )
        widget.param.watch(
            lambda event: self._move(replace(self.view, at={**self.view.at, dim: int(event.new)})), "value"
        )
        return [widget, *([self._beside(dim)] if coordinate.dtype.kind == "f" else [])]

    def _chooser(self) -> Any:
        import panel as pn

        dials = self.offer.movable(self.view)
        labels = _distinct([dial.label for dial in dials], [dial.name for dial in dials])
        options = {label: dial.name for label, dial in zip(labels, dials, strict=True)}
        chooser = pn.widgets.MultiChoice(
            options=options, value=list(self.view.dials), width=WIDTH, placeholder="search inputs", option_limit=200
        )

        def choose(event: Any) -> None:
            kept = {name: self.view.dials.get(name, self.offer.dials[name].value) for name in event.new}
            self._changed(replace(self.view, dials=kept))

        chooser.param.watch(choose, "value")
        return chooser

    def _dials(self) -> Iterator[Any]:
        for name, value in self.view.dials.items():
            yield self._dial(self.offer.dials[name], value)
            yield self._beside(name)

    def _dial(self, dial: Dial, value: float) -> Any:
        import panel as pn

        stops = sorted({*steps(dial).tolist(), value})
        slider = pn.widgets.IntSlider(
            label=dial.label,
            start=0,
            end=len(stops) - 1,
            value=stops.index(value),
            width=WIDTH,
            format=_formatter([format_quantity(stop, dial.unit) for stop in stops]),
        )
        slider.param.watch(
            lambda event: self._move(replace(self.view, dials={**self.view.dials, dial.name: stops[int(event.new)]})),
            "value",
        )
        return slider

    def _move(self, view: View) -> None:
        self.view = view
        self._moved(view)

    def _beside(self, name: str) -> Any:
        """Room for what there is to say beside a slider."""
        self.beside[name] = _text("")
        return self.beside[name]


def _formatter(shown: Sequence[str]) -> Any:
    """What a slider of positions shows: the label there, in the browser, without asking the server."""
    from bokeh.models import CustomJSTickFormatter

    return CustomJSTickFormatter(args={"texts": list(shown)}, code="return texts[tick] ?? `position ${tick}`")


def _distinct(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """Labels, with the names behind those that are not their only owner's."""
    return [
        label if labels.count(label) == 1 else f"{label} ({name})" for label, name in zip(labels, names, strict=True)
    ]


def _heading(text: str) -> Any:
    return _text(f'<h3 style="{_HEADINGS["h3"]}">{escape(text)}</h3>')


def _text(html: str) -> Any:
    import panel as pn

    return pn.pane.HTML(html, width=WIDTH, margin=(0, 10))
