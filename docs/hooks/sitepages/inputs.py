"""The inputs: every leaf of the vocabulary with its unit, domain, default and the reason for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rooflax.inventory import shown_value
from rooflax.specs.vocabulary import CATALOGS, Leaf

from .quantities import read_by
from .texts import Part, code, homes, input_page, link, plain, table, titled

if TYPE_CHECKING:
    from rooflax.kernels.registry import Registry
    from rooflax.workbench import Workbench

INDEX = "reference/inputs/index.md"


def pages(bench: Workbench) -> Part:
    """A page for every group of inputs, and one with all names."""
    registry = bench.registry
    groups: dict[str, list[Leaf]] = defaultdict(list)
    for leaf in registry.vocabulary.values():
        groups[leaf.group.value].append(leaf)
    readers, where = read_by(registry), homes(registry)
    nav = [INDEX, *({titled(group): input_page(group)} for group in groups)]
    texts = {input_page(group): _page(group, leaves, registry, readers, where) for group, leaves in groups.items()}
    return Part(nav, {INDEX: _index(groups, registry, where), **texts})


def _index(groups: Mapping[str, Sequence[Leaf]], registry: Registry, where: Mapping[str, str]) -> str:
    lines = [
        "# Inputs",
        "",
        "What may be given in `axes`, in `fixed`, with `--set` and as a keyword. A default stands where nothing is "
        "given, and each has a reason. An input of a catalog comes from the record, unless it is given beside it.",
    ]
    for group, leaves in groups.items():
        rows = [
            (link(leaf.name, where, INDEX), code(leaf.unit), plain(leaf.label), plain(default(leaf, registry)))
            for leaf in leaves
        ]
        lines += ["", f"## {titled(group)}", "", table(("name", "unit", "what", "default"), rows)]
    return "\n".join(lines)


def default(leaf: Leaf, registry: Registry) -> str:
    """The default in words."""
    if leaf.default is None:
        return "from its catalog record" if leaf.group in CATALOGS else "required"
    return leaf.default if isinstance(leaf.default, str) else shown_value(registry, leaf.name, leaf.default)


def _page(
    group: str,
    leaves: Sequence[Leaf],
    registry: Registry,
    readers: Mapping[str, Sequence[str]],
    where: Mapping[str, str],
) -> str:
    here = input_page(group)
    return "\n\n".join(
        [f"# Inputs: {group.replace('_', ' ')}", *(_entry(x, registry, readers, where, here) for x in leaves)]
    )


def _entry(
    leaf: Leaf, registry: Registry, readers: Mapping[str, Sequence[str]], where: Mapping[str, str], here: str
) -> str:
    reason = f": {plain(leaf.reason)}" if leaf.reason else ""
    facts = [
        f"**Unit**: {code(leaf.unit)}",
        f"**Values**: {plain(leaf.domain())}",
        f"**Default**: {plain(default(leaf, registry))}{reason}",
    ]
    facts += [f"**Note**: {plain(leaf.note)}"] if leaf.note else []
    facts += [f"**Also written**: {', '.join(map(code, leaf.aliases))}"] if leaf.aliases else []
    by = ", ".join(link(name, where, here) for name in sorted(readers.get(leaf.name, ())))
    facts += [f"**Read by**: {by}"] if by else []
    return f"## `{leaf.name}` {{#{leaf.name}}}\n\n{plain(leaf.label)}.\n\n" + "\n".join(f"- {fact}" for fact in facts)
