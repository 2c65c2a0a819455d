"""The offline kit: wheels are collected with what they need, and installed from their folder alone."""

import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.command import ROOT

SCRIPT = ROOT / "scripts" / "wheelhouse.py"
KIT = runpy.run_path(str(SCRIPT))
UNREACHABLE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}


def wheel(folder: Path, name: str, needs: str = "") -> None:
    """A wheel of one module."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Path:
    """A wheelhouse of two packages from an index that is a folder."""
    index, house = tmp_path_factory.mktemp("index"), tmp_path_factory.mktemp("kit") / "wheelhouse"
    wheel(index, "needed_by_first")
    wheel(index, "first_of_two", needs="needed-by-first==1.0")
    wheel(index, "not_asked")
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}
    command = [sys.executable, SCRIPT, house, "first-of-two"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "2 wheels" in made.stdout
    return house


@pytest.fixture
def house(collected, tmp_path) -> Path:
    """A copy that a test may damage."""
    copy = tmp_path / "wheelhouse"
    copy.mkdir()
    for path in collected.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def install(house: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | UNREACHABLE | {"PYTHON": sys.executable}
    command = ["sh", house / "install_offline.sh", venv]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_wheelhouse_is_installed_with_an_unreachable_index(collected, tmp_path):
    assert {path.name for path in collected.iterdir()} == {
        "SHA256SUMS", "requirements.txt", "install_offline.sh",
        "first_of_two-1.0-py3-none-any.whl", "needed_by_first-1.0-py3-none-any.whl",
    }  # fmt: skip
    done = install(collected, tmp_path / "venv")
    assert done.returncode == 0, done.stderr
    assert "koalign doctor" in done.stdout
    program = "import first_of_two, needed_by_first; print(first_of_two.NAME)"
    said = subprocess.check_output([tmp_path / "venv/bin/python", "-c", program], text=True)
    assert said.strip() == "first_of_two"
    again = install(collected, tmp_path / "venv")
    assert again.returncode == 2 and "is there already" in again.stderr


def damaged(house: Path) -> None:
    path = house / "first_of_two-1.0-py3-none-any.whl"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def missing(house: Path) -> None:
    (house / "needed_by_first-1.0-py3-none-any.whl").unlink()


def unlisted(house: Path) -> None:
    wheel(house, "smuggled")


def changed_requirements(house: Path) -> None:
    (house / "requirements.txt").write_text("smuggled==1.0\n", encoding="utf-8")


def without_sums(house: Path) -> None:
    (house / "SHA256SUMS").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (damaged, "first_of_two-1.0-py3-none-any.whl"),
        (missing, "needed_by_first-1.0-py3-none-any.whl"),
        (unlisted, "smuggled-1.0-py3-none-any.whl is not in SHA256SUMS"),
        (changed_requirements, "requirements.txt"),
        (without_sums, "no SHA256SUMS"),
    ],
)
def test_another_folder_than_was_collected_installs_nothing(change, said, house, tmp_path):
    change(house)
    done = install(house, tmp_path / "venv")
    assert done.returncode == 2 and said in done.stderr
    assert done.stderr.splitlines()[-1].startswith("install_offline: ")
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
def test_a_package_without_a_wheel_and_a_folder_in_use_are_refused(collected, tmp_path):
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    for folder, said in (
        (tmp_path / "new", "a package without a wheel"),
        (collected, "holds files already"),
    ):
        command = [sys.executable, SCRIPT, folder, "no-such-package-here"]
        refused = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1 and said in refused.stderr


def test_a_platform_runs_wheels_of_older_glibc_and_a_cuda_build_has_an_index():
    tags = KIT["platforms"]("manylinux_2_28_x86_64")
    assert tags[0] == "manylinux_2_28_x86_64" and "manylinux_2_29_x86_64" not in tags
    assert {
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
        "manylinux1_x86_64",
        "linux_x86_64",
    } <= {*tags}
    assert KIT["platforms"]("win_amd64") == ["win_amd64"]
    options = KIT["choices"]("manylinux_2_28_aarch64", "3.12", "cu126")
    assert {"manylinux2014_aarch64", "cp312", "abi3", "https://download.pytorch.org/whl/cu126"} <= {
        *options
    }
    assert "--extra-index-url" not in KIT["choices"]("win_amd64", "3.12", "")
