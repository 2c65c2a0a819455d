"""adapters: koalign adapters list, show and prune: the adapters of a folder, and what can be removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from koalign.cli import stacks
from koalign.cli.options import DEFAULT_RUN, AsJson, RunDir
from koalign.records import KoalignError
from koalign.text.visible import say, say_json, visible

if TYPE_CHECKING:
    from rich.tree import Tree

    from koalign.adapters.lineage import Node, Removal

app = typer.Typer(
    help="List, inspect, sum, verify, export and prune LoRA adapters.",
    no_args_is_help=True,
)

for _function in (stacks.stack, stacks.verify, stacks.export):
    app.command()(_function)


@app.command("list")
def list_adapters(
    folder: Annotated[Path, typer.Argument(help="A run, or any folder of adapters.")] = DEFAULT_RUN,
    as_json: AsJson = False,
) -> None:
    """The adapters below a folder, each under its parent."""
    from rich.tree import Tree

    from koalign.adapters.lineage import adapters_below, forest
    from koalign.reports.views import console

    adapters = adapters_below(folder)
    if as_json:
        rows = [
            {
                **(adapter.card.model_dump(mode="json") if adapter.card else {}),
                "id": adapter.id or None,
                "path": str(adapter.path),
                "bytes": adapter.bytes,
                "broken": adapter.error or None,
            }
            for adapter in adapters
        ]
        say_json(rows)
    elif not adapters:
        say(f"{folder}: no adapters; `koalign sft` makes the first one of a run")
    else:
        tree = Tree(_text(str(folder)))
        for node in forest(adapters):
            _add_branch(tree, node, folder)
        console().print(tree)


@app.command("show")
def show_adapter(
    adapter: Annotated[
        str, typer.Argument(help="An adapter of the run, a folder, a hub id, or a sum: dpo+FOLDER.")
    ],
    run_dir: RunDir = DEFAULT_RUN,
    as_json: AsJson = False,
) -> None:
    """What one adapter is made of."""
    from koalign.adapters.lineage import facts_of
    from koalign.adapters.names import find_adapter

    facts = facts_of(find_adapter(adapter, run_dir), run_dir)
    if as_json:
        say_json(facts)
    else:
        _print_facts(facts)


@app.command("prune")
def prune_adapters(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")] = DEFAULT_RUN,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            help="Adapters whose weights stay. Without: those of the roles and the last policy.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; without, it is only listed.")
    ] = False,
) -> None:
    """Free the disk of weights that a run can make again; cards and lineage stay."""
    from koalign.adapters.lineage import removable, remove
    from koalign.locking import locked

    if not (run / "prepare" / "manifest.json").exists():
        raise KoalignError(f"{run}: no run here; name the folder of a run")
    kept = _kept(keep, run)
    with locked(run):
        removals = removable(run, kept)
        if yes:
            remove(removals)
    names = ", ".join(str(folder) for folder in kept) or "nothing"
    say(f"kept: {names}")
    say("nothing kept needs what goes: an adapter holds all it stands on")
    if not removals:
        say(f"{run}: nothing to remove")
        return
    for removal in removals:
        size, maker = _megabytes(removal.bytes), _maker(removal, run)
        say(f"{'removed' if yes else 'would go'}: {removal.path}, {size}; again with {maker}")
    total = _megabytes(sum(removal.bytes for removal in removals))
    say(
        f"{total} freed; `koalign run` would train what is gone again"
        if yes
        else f"{total} in all; say --yes to remove it"
    )


def _kept(keep: str | None, run_dir: Path) -> list[Path]:
    """The folders that --keep names; raises KoalignError for what is no adapter of the run."""
    from koalign.adapters.lineage import adapters_below
    from koalign.adapters.names import find_adapters, last_policy, made_in, steps_of

    if keep is None:
        policy = last_policy(run_dir)
        made = made_in(run_dir)
        names = [
            name
            for name in ("abstraction", "answer", "reader", "query", "query_dpo")
            if name in made
        ]
        return [run_dir / name / "adapter" for name in ([policy] if policy else []) + names]
    for step in steps_of(keep):
        if "+" in step and not Path(step).is_dir():
            raise KoalignError(
                f"--keep {step}: sums are made again from their parts; keep the parts"
            )
    folders = [folder for folder in find_adapters(keep, run_dir) if folder is not None]
    known = {adapter.path.resolve() for adapter in adapters_below(run_dir)}
    for folder in folders:
        if folder.resolve() not in known:
            there = ", ".join(made_in(run_dir))
            raise KoalignError(f"--keep: {folder} is no adapter of {run_dir}; there are {there}")
    return folders


def _maker(removal: Removal, run_dir: Path) -> str:
    """The command that makes it again."""
    from koalign.manifests import PRODUCERS, ROUND

    if not removal.stage:
        return "the next --adapters that names the sum"
    first = Path(removal.stage).parts[0]
    command = PRODUCERS.get(first.partition(ROUND)[0], first)
    return f"`koalign {command} --run-dir {run_dir}`"


def _add_branch(tree: Tree, node: Node, folder: Path) -> None:
    from koalign.adapters.cards import CARD

    adapter = node.adapter
    if adapter.card is None:
        tree.add(_text(f"broken: {adapter.error}", "red"))
        return
    card = adapter.card
    rank = f"{card.frozen_rank} + {card.rank - card.frozen_rank}" if card.frozen_rank else card.rank
    size = _megabytes(adapter.bytes) if adapter.bytes else "no weights"
    sum_of = f" = {' + '.join(p.name for p in card.parents)}" if len(card.parents) > 1 else ""
    label = _text(card.name, "bold")
    facts = f"{sum_of}  {card.role}, {card.origin}, rank {rank}, {size}"
    label.append_text(_text(facts, "not bold"))
    label.append_text(_text(f"\n{adapter.id}  {adapter.path}", "not bold dim"))
    branch = tree.add(label)
    if not (adapter.path / CARD).exists():
        branch.add(_text("has no card yet; the first `--adapters` that names it writes one"))
    for part in node.missing:
        branch.add(_text(f"stands on {part.name} ({part.id}), which is not in {folder}", "yellow"))
    for child in node.children:
        _add_branch(branch, child, folder)


def _print_facts(facts: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.tree import Tree

    from koalign.reports.views import console

    base, frozen = facts["base"], facts["frozen_rank"]
    known = facts["origin"] != "external"
    rank = (
        f"{facts['rank']}: {frozen} of its parent, unchanged, and {facts['rank'] - frozen} trained"
    )
    rows = {
        "name": facts["name"],
        "role": facts["role"],
        "origin": facts["origin"],
        "id": facts["id"],
        "path": facts["path"],
        "base": base["path"] or None,
        "weights of the base": base["weight_hash"],
        "tokenizer of the base": base["tokenizer_hash"],
        "prompt template": facts["template_hash"],
        "rank": rank if frozen else facts["rank"],
        "trained on": _listed(facts["data"]) or ("nothing of its own" if known else None),
        "metrics": _listed({k: f"{v:.4g}" for k, v in facts["metrics"].items()}) or None,
        "made by koalign": facts["koalign"],
        "parameters": None if facts["parameters"] is None else f"{facts['parameters']:,}",
    }
    table = Table("what", "is")
    for what, value in rows.items():
        table.add_row(what, _text("unknown", "yellow") if value is None else _text(str(value)))
    out = console()
    out.print(table)
    if facts["parents"]:
        tree = Tree("contains")
        _add_parents(tree, facts["parents"])
        out.print(tree)
    elif known:
        out.print("contains no other adapter")
    else:
        out.print("whether it contains another adapter is unknown")
    if facts["modules"] is None:
        out.print("modules are unknown: there are no weights in the folder")
        return
    modules = Table("module", "how many", "rank")
    for kind, ranks in _by_kind(facts["modules"]).items():
        listed = ", ".join(str(rank) for rank in sorted(set(ranks)))
        modules.add_row(_text(kind), str(len(ranks)), listed)
    out.print(modules)


def _add_parents(tree: Tree, parents: Sequence[Mapping[str, Any]]) -> None:
    for parent in parents:
        where, style = parent["path"], ""
        if parent["parents"] is None:
            where, style = f"not found (was at {where}); what it contains is unknown", "yellow"
        branch = tree.add(_text(f"{parent['name']}  {parent['id']}  {where}", style))
        _add_parents(branch, parent["parents"] or ())


def _by_kind(modules: Mapping[str, int]) -> dict[str, list[int]]:
    """Last part of the name -> the rank of each module that is called so."""
    kinds = defaultdict(list)
    for name, rank in modules.items():
        kinds[name.rpartition(".")[2]].append(rank)
    return dict(sorted(kinds.items()))


def _listed(values: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _text(text: str, style: str = "") -> Any:
    """Text as it is: what stands in brackets in a name is no markup."""
    from rich.text import Text

    return Text(visible(text), style=style, overflow="fold")
