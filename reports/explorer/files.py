"""Files of a view, by its link: the picture, the table of its slice, and the spec that reproduces it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.web import RequestHandler

from ...specs.problems import RooflaxError
from ...specs.text_files import shown_cell
from ..pictures.captions import caption
from ..pictures.files import write_picture
from .slice_table import frame
from .views import Offer, View, linked

if TYPE_CHECKING:
    import xarray as xr

TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "csv": "text/csv",
    "yaml": "application/yaml",
}
_log = logging.getLogger(__name__)


def file_of(offer: Offer, view: View, kind: str) -> bytes:
    """The content of a file of a view. Raises RooflaxError where it cannot be had."""
    report = offer.report(view)
    if kind == "yaml":
        return offer.source.spec(report, view.choice, view.place).encode()
    data = offer.source.cut(report, view.choice, view.place)
    if kind == "csv":
        return _csv(data).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"view.{kind}"
        write_picture(lambda: report.draw(data, **view.choice), path, caption(offer.data(view), view.at))
        return path.read_bytes()


def _csv(data: xr.Dataset) -> str:
    """The rows of a slice; texts, which may be those of strangers, are no formulas to a spreadsheet."""
    rows = frame(data).rename(columns=shown_cell)
    texts = rows.select_dtypes(exclude="number").columns
    rows[texts] = rows[texts].map(lambda cell: shown_cell(cell) if isinstance(cell, str) else cell)
    return rows.to_csv(index=False, lineterminator="\n")


class Files(RequestHandler):
    """Answers with a file of the view that the query describes, to readers of the page alone."""

    def initialize(self, offer: Offer, hosts: frozenset[str]) -> None:
        """`hosts` are the names under which the page may be asked for: a stranger's name may lead here as well."""
        self.offer, self.hosts = offer, hosts

    def get(self, kind: str) -> None:
        """The file, or a sentence that says why there is none."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if self.request.host.lower() not in self.hosts:
            self.set_status(403)
            self.write(f"this page is not served under the name {self.request.host}\n")
            return
        try:
            content = file_of(self.offer, linked(self.offer, self.request.query), kind)
        except RooflaxError as error:
            self.set_status(400)
            self.write(f"{error}\n")
        except Exception as error:  # noqa: BLE001 (told to the reader, and logged)
            _log.exception("the explorer failed to write a file")
            self.set_status(500)
            self.write(f"This is a fault of the explorer: {type(error).__name__}: {error}\n")
        else:
            self.set_header("Content-Type", TYPES[kind])
            self.set_header("Content-Disposition", f'attachment; filename="view.{kind}"')
            self.write(content)
