"""The page: controls beside the picture, and below it the point that was tapped, the table and the spec."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from ...specs.problems import RooflaxError
from ..pictures.scales import label_of
from ..roles import Kind
from .controls import Controls
from .drawing import Drawing
from .parts import ERROR, TEXT, counted, links, small, table
from .source import Place
from .term_page import STYLE, explanation_page
from .views import Offer, View, link, linked, texts

if TYPE_CHECKING:
    import xarray as xr

SIDEBAR = 300
_SOON, _IDLE = 25, 350
_log = logging.getLogger(__name__)
_workers = ThreadPoolExecutor(1, "rooflax-explorer")


class Page:
    """One reader's page. Whatever goes wrong in it is told in its place, and then there is no picture."""

    def __init__(
        self, offer: Offer, query: str = "", document: Any = None, ended: threading.Event | None = None
    ) -> None:
        """`query` is that of the address that was asked for; `document` the one that lives in the browser, if any.

        Nothing is begun any more once the server has `ended`.
        """
        import panel as pn

        self.offer, self.document = offer, document
        self.turn, self._due = 0, False
        self._ended = ended or threading.Event()
        self._without: set[tuple[str, str]] = set()
        self.cut: xr.Dataset | None = None
        self.drawing = Drawing(self.tapped)
        self.alert = pn.pane.HTML("", visible=False, sizing_mode="stretch_width", styles={"font-size": "14px"})
        self.title = pn.pane.HTML("", sizing_mode="stretch_width")
        self.picture = pn.pane.Bokeh(None, sizing_mode="stretch_width", min_height=80)
        self.saved = pn.pane.HTML("", sizing_mode="stretch_width")
        self.point = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE])
        self.table = pn.Column(sizing_mode="stretch_width")
        self.spec = pn.pane.HTML("", sizing_mode="stretch_width")
        self.tabs = pn.Tabs(
            ("Point", self.point), ("Table", self.table), ("Spec", self.spec), sizing_mode="stretch_width"
        )
        self.tabs.param.watch(lambda _: self._below(), "active")
        self.sidebar = pn.Column(
            width=SIDEBAR,
            styles={
                "background": "#F6F7F9",
                "border-right": "1px solid #DDE1E6",
                "min-height": "100vh",
                "align-self": "stretch",
                "height": "auto",
            },
        )
        self.view = offer.first()
        with self._told():
            self.view = linked(offer, query)
        self.controls = self._controls()
        if not self.alert.visible:
            self.redraw()

    def layout(self) -> Any:
        """Everything on the page."""
        import panel as pn

        source = self.offer.source
        head = f'<h1 style="font-size:20px;margin:8px 0 4px 0;{TEXT}">{escape(source.title)}</h1>'
        if source.notices:
            notes = "".join(f"<div>{escape(note)}</div>" for note in source.notices)
            head += f'<details style="color:#666"><summary>{counted(len(source.notices))}</summary>{notes}</details>'
        main = pn.Column(
            pn.pane.HTML(head, sizing_mode="stretch_width"),
            self.alert,
            self.title,
            self.picture,
            self.saved,
            self.tabs,
            sizing_mode="stretch_width",
            margin=(0, 16),
            styles={"min-width": "0"},
        )
        return pn.Row(self.sidebar, main, sizing_mode="stretch_width")

    def redraw(self) -> None:
        """The picture of the present view, with everything that hangs on it."""
        self._due = False
        self.turn += 1
        with self._told():
            offer, view = self.offer, self.view
            report = offer.report(view)
            self.cut = offer.source.cut(report, view.choice, view.place)
            with self._at_once():
                self.picture.object = self.drawing.show(report, self.cut, view.choice, view.point)
            query = link(view, offer.data(view))
            self.title.object = self._titled()
            self.saved.object = links(query)
            self.alert.visible = False
            self._addressed(query)
            self._below()
            self._later()

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Changes of the document that reach the browser together."""
        if self.document is None:
            yield
            return
        self.document.hold("combine")
        try:
            yield
        finally:
            self.document.unhold()

    def tapped(self, point: Mapping[str, int]) -> None:
        """Somebody asks for a point of the picture."""
        self.view = self.controls.view = replace(self.view, point=dict(point))
        with self._told():
            query = link(self.view, self.offer.data(self.view))
            self.saved.object = links(query)
            self._addressed(query)
            self.tabs.active = 0
            self._explain()
            self._later()

    def moved(self, view: View) -> None:
        """A slider moved: the picture follows, once for all moves that come in the meantime."""
        self.view = view
        if self.document is None or self.document.session_context is None:
            self.redraw()
        elif not self._due:
            self._due = True
            self.document.add_timeout_callback(self.redraw, _SOON)

    def changed(self, view: View) -> None:
        """Another picture, other names or other inputs to move."""
        with self._told():
            self.view = self.offer.settled(view)
            self.controls = self._controls()
            self.redraw()

    def closed(self) -> None:
        """Nobody looks any more: work that is still to be done is not."""
        self.turn, self.document = -1, None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The one place where what goes wrong ends: it is told, and what is no longer true is taken away."""
        try:
            yield
        except RooflaxError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 (a page that shows old numbers under new labels is worse)
            _log.exception("the explorer failed")
            self._fail(f"This is a fault of the explorer: {type(error).__name__}: {error}")

    def _fail(self, sentence: str) -> None:
        self.turn += 1
        self.cut = None
        self.picture.object = None
        self.drawing.clear()
        for part in (self.title, self.saved, self.point, self.spec):
            part.object = ""
        self.table.clear()
        self.alert.object, self.alert.visible = f'<div role="alert" style="{ERROR}">{escape(sentence)}</div>', True

    def _controls(self) -> Controls:
        controls = Controls(self.offer, self.view, self.moved, self.changed)
        self.sidebar[:] = controls.widgets()
        return controls

    def _titled(self) -> str:
        report, data = self.offer.report(self.view), self.offer.data(self.view)
        at = [f"{label_of(data[dim])}: {texts(data[dim])[place]}" for dim, place in self.view.at.items()]
        at += [f"{name} = {value}" for name, value in self._moved_inputs()]
        under = f'<div style="color:#555;{TEXT}">{escape(" · ".join(at))}</div>' if at else ""
        title = escape(report.titled(data, self.view.choice))
        return f'<h2 style="font-size:16px;margin:6px 0 2px 0;{TEXT}">{title}</h2>{under}'

    def _moved_inputs(self) -> Iterator[tuple[str, str]]:
        from ...specs.units import format_quantity

        for name, value in self.view.dials.items():
            dial = self.offer.dials[name]
            yield dial.label, format_quantity(value, dial.unit)

    def _addressed(self, query: str) -> None:
        import panel as pn

        if pn.state.location is not None:
            pn.state.location.search = f"?{query}"

    def _below(self) -> None:
        """What the open tab shows."""
        with self._told():
            if self.cut is None:
                return
            if self.tabs.active == 0:
                self._explain(soon=True)
            elif self.tabs.active == 1:
                self.table[:] = table(self.cut)
            else:
                report = self.offer.report(self.view)
                text = self.offer.source.spec(report, self.view.choice, self.view.place)
                self.spec.object = f'<pre style="white-space:pre-wrap">{escape(text)}</pre>'

    def _quantity(self) -> str | None:
        """The quantity that a point of the picture is explained by."""
        report = self.offer.report(self.view)
        if report.group:
            return None
        roles = [name for name, role in report.roles.items() if role.kind in (Kind.NUMBER, Kind.SUM)]
        return next((self.view.choice[name] for name in roles if name in self.view.choice), None)

    def _spot(self) -> Place:
        """The tapped point, or the middle of the picture, as a place that names every dim."""
        data, at, dials = self.offer.data(self.view), dict(self.view.at), dict(self.view.dials)
        for dim in map(str, data.sizes):
            if dim in self.view.at or (dim in self.offer.dials and dim not in self.view.choice.values()):
                continue
            place = self.view.point.get(dim, self.offer.middle(data[dim]))
            if dim in self.offer.dials:
                dials[dim] = float(data[dim].to_numpy()[place])
            else:
                at[dim] = place
        return Place(at, dials)

    def _explain(self, *, soon: bool = False) -> None:
        """The tapped point; `soon` leaves that to when nothing moves any more."""
        quantity = self._quantity()
        if quantity is None or not self.view.point:
            hint = "Click a point of the picture to see what it is made of." if quantity else ""
            self.point.object = f'<p style="color:#666">{hint}</p>'
        elif soon:
            self.point.object = "<p>…</p>"
        else:
            data = self.offer.data(self.view)
            where = ", ".join(f"{label_of(data[dim])}: {texts(data[dim])[at]}" for dim, at in self.view.point.items())
            try:
                found = self.offer.source.explain(quantity, self._spot())
            except RooflaxError as error:  # the picture stays right where its point cannot be explained
                self.point.object = f'<div role="alert" style="{ERROR}">{escape(str(error))}</div>'
            else:
                self.point.object = explanation_page(found, where)

    def _later(self) -> None:
        """What is computed when nothing moves any more: the explanation of the point, and elasticities."""
        quantity = self._quantity()
        for name, pane in self.controls.beside.items():
            waits = quantity and self.document is not None and (quantity, name) not in self._without
            pane.object = small("elasticity …") if waits else ""
        if self.document is not None and self.document.session_context is not None:
            self.document.add_timeout_callback(partial(self._rest, self.turn), _IDLE)
        else:
            self._explain()

    def _rest(self, turn: int) -> None:
        with self._told():
            if turn != self.turn or self.cut is None:
                return
            if self.tabs.active == 0:
                self._explain()
            quantity, spot = self._quantity(), self._spot()
            names = tuple(name for name in self.controls.beside if (quantity, name) not in self._without)
            if quantity and names:
                _workers.submit(self._elasticities, turn, quantity, names, spot)

    def _elasticities(self, turn: int, quantity: str, names: tuple[str, ...], spot: Place) -> None:
        """In a thread of its own: one after the other, until something moves."""
        for name in names:
            document = self.document
            if turn != self.turn or document is None or self._ended.is_set():
                return
            try:
                found, fault = self.offer.source.elasticity(quantity, name, spot), ""
            except Exception as error:  # noqa: BLE001 (told beside the slider)
                found, fault = None, str(error)
            if found is None and not fault:
                self._without.add((quantity, name))
            document.add_next_tick_callback(partial(self._beside, turn, name, found, fault))

    def _beside(self, turn: int, name: str, found: float | None, fault: str) -> None:
        if turn == self.turn and name in self.controls.beside:
            text = fault or ("" if found is None else f"elasticity {found:+.3g}")
            self.controls.beside[name].object = small(text)


def page_of(offer: Offer, ended: threading.Event) -> Callable[[], Any]:
    """What makes a page for every reader, until the server has `ended`."""

    def make() -> Any:
        from urllib.parse import urlencode

        import panel as pn

        asked = {name: values[0].decode("utf-8", "replace") for name, values in pn.state.session_args.items()}
        asked.pop("bokeh-session-id", None)
        page = Page(offer, urlencode(asked), pn.state.curdoc, ended)
        pn.state.on_session_destroyed(lambda _: page.closed())
        return page.layout()

    return make
