"""Texts of specs: one that fixes what a view fixes, so that its run gives the same picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .specs.documents import document_yaml, parse_document
from .specs.overrides import apply_overrides
from .specs.problems import SpecError

if TYPE_CHECKING:
    from .specs.known import Known
    from .specs.loaded import LoadedSpec

_DROPPED = ("best", "pareto", "gradients", "optimize")


def reproducing(
    loaded: LoadedSpec,
    overrides: Sequence[str],
    known: Known,
    inputs: Mapping[str, object],
    outputs: Sequence[str],
    about: str,
) -> str:
    """The text of a spec with some inputs set anew and other outputs, without searches and a store of its own.

    `overrides` are those that the spec was loaded with.
    """
    data: dict[str, Any] = parse_document(loaded.text, loaded.file).data
    given = [*overrides, *(f"{name}={json.dumps(value)}" for name, value in inputs.items())]
    edited = apply_overrides(data, given, known)
    if edited.problems:
        raise SpecError(edited.problems)
    kept = {key: value for key, value in edited.data.items() if key not in _DROPPED and value is not None}
    kept["description"] = about
    kept["outputs"] = list(outputs)
    kept["store"] = {"dtype": loaded.spec.store.dtype}
    if folders := loaded.spec.catalog:
        kept["catalog"] = [str((Path(loaded.file).parent / folder).resolve()) for folder in folders]
    return document_yaml(kept)
