"""Collect the wheels of koalign, or of other packages, for a machine without internet.

    python scripts/wheelhouse.py wheelhouse --cuda cu130

Writes a folder with the wheels, `requirements.txt` with the version of each, `SHA256SUMS` and
`install_offline.sh`: all that the machine needs but Python. Run it with the Python version of that machine:
pip evaluates conditions such as `python_version < "3.12"` by the Python that it runs under.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTALL = "install_offline.sh"
TORCH = "https://download.pytorch.org/whl/"
"""Folders of builds: cu126, cu130, cpu; the build on PyPI is for one CUDA version, by torch's choice."""
OLDEST_GLIBC = 5
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", nargs="*", help="instead of koalign with all that it needs")
    parser.add_argument("--platform", default="manylinux_2_28_x86_64", help="newest that it runs")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--python", default=here, help="version of Python there")
    parser.add_argument(
        "--cuda", default="", help="build of torch, such as cu126 or cpu; empty: PyPI's"
    )
    parser.add_argument("--extras", default="", help="of koalign, such as vllm,endpoint")
    asked = parser.parse_args()
    if any(asked.folder.glob("*")):
        sys.exit(f"{asked.folder}: holds files already; take another folder, or remove it")
    if asked.python != here:
        print(
            f"this is Python {here}: conditions of packages on the version are read for it, and not for "
            f"{asked.python}; better run this with python{asked.python}",
            file=sys.stderr,
        )
    asked.folder.mkdir(parents=True, exist_ok=True)
    packages = asked.packages or [own_wheel(asked.folder, asked.extras)]
    pip(
        "download",
        "-d",
        str(asked.folder),
        *choices(asked.platform, asked.python, asked.cuda),
        *packages,
    )
    describe(asked.folder)


def own_wheel(folder: Path, extras: str) -> str:
    """Build koalign's wheel into the folder; returns it as a requirement."""
    pip("wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("koalign-*.whl")
    return f"koalign{f'[{extras}]' * bool(extras)} @ {wheel.resolve().as_uri()}"


def choices(platform: str, python: str, cuda: str) -> list[str]:
    """Arguments of `pip download` for wheels that a machine can run, in the versions of constraints.txt."""
    digits = python.replace(".", "")
    options = [
        "--only-binary=:all:",
        "-c",
        str(ROOT / "constraints.txt"),
        "--python-version",
        python,
    ]
    options += ["--implementation", "cp"]
    for abi in (f"cp{digits}", "abi3", "none"):
        options += ["--abi", abi]
    for tag in platforms(platform):
        options += ["--platform", tag]
    return [*options, *(["--extra-index-url", TORCH + cuda] if cuda else [])]


def platforms(newest: str) -> list[str]:
    """A platform and the older ones whose wheels it runs too: manylinux_2_28 runs those of 2.5 to 2.28."""
    match = re.fullmatch(r"manylinux_2_(\d+)_(\w+)", newest)
    if not match:
        return [newest]
    tags = []
    for minor in range(int(match[1]), OLDEST_GLIBC - 1, -1):
        names = [f"manylinux_2_{minor}", *filter(None, [LEGACY.get(minor)])]
        tags += [f"{name}_{match[2]}" for name in names]
    return [*tags, f"linux_{match[2]}"]


def describe(folder: Path) -> None:
    """Write requirements.txt, the installer and SHA256SUMS beside the wheels."""
    wheels = sorted(folder.glob("*.whl"))
    versions = [f"{name}=={version}" for name, version in (w.name.split("-")[:2] for w in wheels)]
    (folder / "requirements.txt").write_text("\n".join(versions) + "\n", encoding="utf-8")
    shutil.copy(ROOT / "scripts" / INSTALL, folder / INSTALL)
    listed = [*wheels, folder / "requirements.txt", folder / INSTALL]
    sums = [f"{sha256(path)}  {path.name}" for path in listed]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    size = sum(wheel.stat().st_size for wheel in wheels) / 2**20
    print(f"{folder}: {len(wheels)} wheels, {size:,.0f} MiB; there: sh {folder.name}/{INSTALL}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pip(*arguments: str) -> None:
    if subprocess.run([sys.executable, "-m", "pip", *arguments], check=False).returncode:
        sys.exit(
            "pip failed; a package without a wheel for that platform and Python is named above"
        )


if __name__ == "__main__":
    main()
