"""`tidegate info`: what a report of a fault should say of the machine."""

from __future__ import annotations

import platform

import typer

import tidegate


def info() -> None:
    """Show the version, the engine and its SIMD level, threads, torch, and which optional packages are there."""
    import torch

    from tidegate.engine import simd
    from tidegate.extras import missing_packages

    others = ", ".join(level for level in simd.levels() if level != simd.level)
    engine = f"{simd.level}{f' (also runs: {others})' if others else ''}" if simd.level else simd.missing()
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA"
    lines = {
        "tidegate": tidegate.__version__,
        "python": f"{platform.python_version()}, {platform.platform()}",
        "engine": engine,
        "threads": str(torch.get_num_threads()),
        "torch": f"{torch.__version__}, {cuda}",
    }
    for extra, missing in missing_packages().items():
        remedy = f"lacks {', '.join(missing)}; run: pip install 'tidegate[{extra}]'"
        lines[f"[{extra}]"] = remedy if missing else "ready"
    for name, line in lines.items():
        typer.echo(f"{name:<14} {line}")
