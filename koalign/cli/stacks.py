"""stacks: koalign adapters stack, verify and export: other adapter folders, and checks of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from koalign.cli.options import DEFAULT_RUN, AsJson, RunDir, refuse_in_stage
from koalign.records import KoalignError
from koalign.text.visible import say, say_json

Out = Annotated[Path, typer.Option("-o", help="Folder to write.")]
Adapter = Annotated[str, typer.Argument(help="An adapter of the run, a folder, or a hub id.")]


def stack(
    adapters: Annotated[
        list[str], typer.Argument(help="Adapters of the run, folders, or hub ids, two or more.")
    ],
    out: Out,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", help="Cut the sum to this rank; not exact, and the error is printed."
        ),
    ] = None,
    run_dir: RunDir = DEFAULT_RUN,
    force: Annotated[bool, typer.Option("--force", help="Replace the adapter in -o.")] = False,
) -> None:
    """Sum adapters exactly into one that plain PEFT and vLLM serve."""
    from koalign.adapters.cards import ranks
    from koalign.adapters.lineage import refuse_overlap
    from koalign.adapters.names import find_adapter
    from koalign.adapters.stack import ERROR, WORST
    from koalign.adapters.stack import stack as write

    refuse_in_stage(out)
    folders = [find_adapter(name, run_dir) for name in adapters]
    card = write(folders, out, rank=rank, force=force)
    try:
        refuse_overlap(list(zip(adapters, folders, strict=True)), run_dir)
    except KoalignError as error:  # the user may want such a sum
        say(f"note: {error}", err=True)
    listed = ", ".join(
        f"{folder} (rank {its})" for folder, its in zip(folders, ranks(folders), strict=True)
    )
    say(f"{out}: {listed} as one adapter of rank {card.rank}")
    for name, value in card.metrics.items():
        where = (
            f"worst in {name.removeprefix(WORST)}" if name != ERROR else "of all layers together"
        )
        say(f"relative error {where}: {value:.3e}")
    if not card.metrics:
        say("exact: `koalign adapters verify` checks it against its parts")


def verify(
    adapter: Adapter,
    run_dir: RunDir = DEFAULT_RUN,
    as_json: AsJson = False,
) -> None:
    """Check an adapter against its card, its parents and its base; exit code 2 if a check fails."""
    from koalign.adapters.cards import adapter_id
    from koalign.adapters.names import find_adapter
    from koalign.adapters.verify import verify as checks_of

    folder = find_adapter(adapter, run_dir)
    checks = checks_of(folder, run_dir if run_dir.is_dir() else None)
    failed = [check for check in checks if check.result == "failed"]
    if as_json:
        try:
            name: str | None = adapter_id(folder)
        except KoalignError:  # broken, as the checks say
            name = None
        listed = [check.model_dump(mode="json") for check in checks]
        report = {"path": str(folder), "id": name, "ok": not failed, "checks": listed}
        say_json(report)
    else:
        for check in checks:
            say(f"{check.result:8}{check.name}: {check.detail}")
        unknown = sum(check.result == "unknown" for check in checks)
        ok = len(checks) - len(failed) - unknown
        say(f"{folder}: {ok} ok, {len(failed)} failed, {unknown} unknown")
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise KoalignError(f"{folder}: {failed[0].name}: {failed[0].detail}{more}")


def export(
    adapter: Adapter,
    out: Out,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge it into its base: a plain transformers folder.")
    ] = False,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option("--dtype", help="Of the merged weights. Without: the base's own."),
    ] = None,
    dequantize: Annotated[
        bool,
        typer.Option("--dequantize", help="Make plain weights of a base in 4 or 8 bits first."),
    ] = False,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """A plain PEFT folder with tokenizer for anyone, or with --merge a whole model."""
    from koalign.adapters.names import find_adapter

    refuse_in_stage(out)
    folder = find_adapter(adapter, run_dir)
    if not merge:
        if dtype or dequantize:
            raise KoalignError(
                "--dtype and --dequantize: only a merge changes weights; add --merge"
            )
        from koalign.adapters.export import export as write

        card = write(folder, out)
        say(f"{out}: {folder} of rank {card.rank} for {card.base.path}, with tokenizer")
        return
    from koalign.adapters.merge import merge as write_merged

    parity = write_merged(folder, out, dtype=dtype, dequantize=dequantize)
    say(f"{out}: base and {folder} as one model in {parity.dtype}")
    say(
        f"logits against base with adapter, {parity.positions} positions: max difference "
        f"{parity.max_difference:.1e}, mean KL {parity.mean_kl:.1e}, same likeliest token at "
        f"{parity.top1_agreement:.1%}"
    )
    if parity.bound is None:
        say(
            f"warning: the cast to {parity.dtype} took away {parity.delta_lost:.1%} of the adapter; "
            "small changes, as DPO makes them, suffer most; unmerged it loses nothing",
            err=True,
        )
