"""Views: what the explorer shows at a moment, which names may be chosen for it, and the link that brings it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..defaults import preferred
from ..pictures import pictures
from ..registry import Report
from .source import Dial, Place, Source

if TYPE_CHECKING:
    import xarray as xr

FIRST = "heat-map"
PICTURE, AT, SET, POINT = "picture", "at.", "set.", "point."
DIAL_STEPS = 32
LONGEST_LINK = 8_000


@dataclass(frozen=True)
class View:
    """A picture with the names that have its roles, positions along the other dims, moved inputs, and a point.

    The point has positions along dims of the picture; it is empty where none was chosen.
    """

    picture: str
    choice: Mapping[str, str]
    at: Mapping[str, int] = field(default_factory=dict)
    dials: Mapping[str, float] = field(default_factory=dict)
    point: Mapping[str, int] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where the source is asked for the picture."""
        return Place(self.at, self.dials)


class Offer:
    """What a source has to offer: pictures, and for each the names that can take its roles."""

    def __init__(self, source: Source) -> None:
        """Raises RooflaxError where there is no picture of the source."""
        self.source = source
        self.dials = {dial.name: dial for dial in source.dials}
        datasets = {group: source.dataset(group) for group in {declared.group for declared in pictures()}}
        self._datasets = {group: data for group, data in datasets.items() if data is not None}
        self._start = source.start
        self.pictures = {
            declared.name: declared
            for declared in pictures()
            if (data := self._datasets.get(declared.group)) is not None and declared.is_offered(data)
        }
        if not self.pictures:
            raise RooflaxError(
                f"{source.title}: there is nothing to draw; a picture needs a quantity and an axis of several labels"
            )

    def report(self, view: View) -> Report:
        """The picture of a view."""
        return self.pictures[view.picture]

    def data(self, view: View) -> xr.Dataset:
        """The names, dims and labels that a view can choose from."""
        return self._datasets[self.report(view).group]

    def free(self, view: View) -> tuple[str, ...]:
        """The dims that a view cuts at one label."""
        report, data = self.report(view), self.data(view)
        kept = report.needed(data, view.choice)
        own = report.dims(kept, view.choice)
        return tuple(str(dim) for dim in kept.sizes if dim not in own)

    def movable(self, view: View) -> tuple[Dial, ...]:
        """The inputs that may be moved in a view: those that are none of its axes."""
        return tuple(dial for dial in self.dials.values() if dial.name not in view.choice.values())

    def middle(self, coordinate: xr.DataArray) -> int:
        """The position to begin with along a dim: where to look first, else the middle of numbers, the first name."""
        found = self._start.get(str(coordinate.name), coordinate.size // 2 if coordinate.dtype.kind in "fiu" else 0)
        return min(found, coordinate.size - 1)

    def first(self) -> View:
        """The view to begin with."""
        name = FIRST if FIRST in self.pictures else next(iter(self.pictures))
        return self.settled(View(name, {}))

    def settled(self, view: View) -> View:
        """The view as near to the one that is wanted as its source allows."""
        picture = view.picture if view.picture in self.pictures else self.first().picture
        report, data = self.pictures[picture], self._datasets[self.pictures[picture].group]
        own = data.drop_dims([dim for dim in self.dials if dim in data.sizes and dim not in view.choice.values()])
        able = {role: declared.candidates(data) for role, declared in report.roles.items()}
        asked = {role: name for role, name in view.choice.items() if name in able.get(role, ())}
        if asked:  # who has chosen, has also chosen what stays empty
            asked |= {role: "" for role, declared in report.roles.items() if declared.optional and role not in asked}
        choice = preferred(report, own, asked=asked) or report.choice(data, asked)
        if choice is None:
            raise RooflaxError(f"the picture {picture} has no name for each of its roles here")
        chosen = View(picture, choice)
        at = {dim: min(view.at.get(dim, self.middle(data[dim])), data.sizes[dim] - 1) for dim in self.free(chosen)}
        movable = {dial.name for dial in self.movable(chosen)}
        dials = {name: value for name, value in view.dials.items() if name in movable}
        own = set(report.dims(report.needed(data, choice), choice))
        point = view.point if set(view.point) <= own else {}
        return replace(chosen, at=at, dials=dials, point=point)


def texts(coordinate: xr.DataArray) -> list[str]:
    """The labels of a dim as they are read."""
    values = coordinate.to_numpy()
    if values.dtype.kind not in "fiu":
        return [str(value) for value in values]
    unit = str(coordinate.attrs.get("units", "1"))
    return [format_quantity(float(value), unit) for value in values]


def steps(dial: Dial) -> np.ndarray:
    """The values at which a dial stops; its own is one of them.

    >>> steps(Dial("x", "X", "s", 1.0, 0.25, 4.0, True))[[0, 16, 32]].tolist()
    [0.25, 1.0, 4.0]
    """
    space = np.geomspace if dial.log else np.linspace
    below = space(dial.low, dial.value, DIAL_STEPS // 2 + 1) if dial.value > dial.low else np.array([dial.value])
    above = space(dial.value, dial.high, DIAL_STEPS // 2 + 1) if dial.high > dial.value else np.array([dial.value])
    own = [dial.low, *below[1:-1], dial.value, *above[1:-1], dial.high]
    return np.unique(np.array(own))


def link(view: View, data: xr.Dataset) -> str:
    """The query of an address that brings a view back, with labels rather than positions."""
    pairs = [(PICTURE, view.picture), *view.choice.items()]
    pairs += [(f"{AT}{dim}", label(data[dim], place)) for dim, place in view.at.items()]
    pairs += [(f"{SET}{name}", repr(float(value))) for name, value in view.dials.items()]
    pairs += [(f"{POINT}{dim}", label(data[dim], place)) for dim, place in view.point.items()]
    return urlencode(pairs)


def label(coordinate: xr.DataArray, place: int) -> str:
    """A label as a link holds it."""
    value = coordinate.to_numpy()[place]
    return f"{float(value):.17g}" if coordinate.dtype.kind in "fiu" else str(value)


def linked(offer: Offer, query: str) -> View:
    """The view that a link asks for. Raises RooflaxError where it asks for what is not here."""
    if not query.strip("?"):
        return offer.first()
    if len(query) > LONGEST_LINK:
        raise RooflaxError(f"the link has {len(query):,} characters; {LONGEST_LINK:,} are read")
    asked = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    picture = asked.get(PICTURE, offer.first().picture)
    if picture not in offer.pictures:
        raise RooflaxError(f"the link asks for the picture `{picture}`; here are {', '.join(offer.pictures)}")
    report = offer.pictures[picture]
    data = offer.data(View(picture, {}))
    choice = {}
    for role, name in ((name, asked[name]) for name in report.roles if name in asked):
        if name not in report.roles[role].candidates(data):
            raise RooflaxError(f"the link asks for {role}={name}, which cannot be the {role} of {picture} here")
        choice[role] = name
    at, point = dict(_positions(asked, AT, data)), dict(_positions(asked, POINT, data))
    return offer.settled(View(picture, choice, at, dict(_values(asked, offer.dials)), point))


def _positions(asked: Mapping[str, str], prefix: str, data: xr.Dataset) -> Iterator[tuple[str, int]]:
    for key, text in asked.items():
        if not key.startswith(prefix):
            continue
        dim = key.removeprefix(prefix)
        if dim not in data.sizes or dim not in data.coords:
            raise RooflaxError(f"the link asks for {dim}={text}; there is no axis `{dim}` here")
        yield dim, _position(data[dim], text)


def _position(coordinate: xr.DataArray, text: str) -> int:
    labels: Sequence[str] | np.ndarray = coordinate.to_numpy()
    if coordinate.dtype.kind in "fiu":
        found = np.flatnonzero(np.isclose(coordinate.to_numpy().astype(float), _number(text), rtol=1e-9, atol=0.0))
    else:
        found = np.flatnonzero(np.array([str(one) for one in labels]) == text)
    if not found.size:
        raise RooflaxError(f"the link asks for {coordinate.name}={text}, and there is no such label here")
    return int(found[0])


def _values(asked: Mapping[str, str], dials: Mapping[str, Dial]) -> Iterator[tuple[str, float]]:
    for key, text in asked.items():
        if not key.startswith(SET):
            continue
        name = key.removeprefix(SET)
        if name not in dials:
            raise RooflaxError(f"the link sets `{name}`, which cannot be moved here")
        dial, value = dials[name], _number(text)
        if not dial.low <= value <= dial.high:
            low, high = (format_quantity(bound, dial.unit) for bound in (dial.low, dial.high))
            raise RooflaxError(f"the link sets {name}={text}; it can be moved from {low} to {high}")
        yield name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RooflaxError(f"the link has `{text[:60]}` where a number was expected") from None
