"""scripts/real_model.py: a folder of the model's name is whole, whatever happened before."""

import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from support.command import ROOT

pytestmark = pytest.mark.slow  # the script loads torch


def run(out: Path, convert) -> None:
    """The script, with little files for the model."""
    names = runpy.run_path(str(ROOT / "scripts" / "real_model.py"))
    stand_ins = {
        "download": lambda folder: [(folder / name).touch() for name in names["LEGAL"]],
        "convert": convert,
        "continuation": lambda folder: "서울",
    }
    main = names["main"]
    with (
        mock.patch.dict(main.__globals__, stand_ins),
        mock.patch.object(sys, "argv", ["", str(out)]),
    ):
        main()


def whole(source: Path, out: Path) -> None:
    (out / "model.safetensors").touch()


@pytest.fixture
def refused(capsys):
    """The script ends with exit code 2 and a line."""

    @contextmanager
    def ending(reason: str):
        with pytest.raises(SystemExit) as end:
            yield
        assert end.value.code == 2 and reason in capsys.readouterr().err.splitlines()[-1]

    return ending


def test_a_folder_that_was_half_made_is_never_taken_for_a_whole_one(tmp_path, capsys, refused):
    out = tmp_path / "model"

    def killed(source, out):
        (out / "half.safetensors").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(out, killed)
    assert not out.exists()
    run(out, whole)
    assert "half made by a run that was stopped" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == [
        "GEMMA_TERMS.html", "NOTICE.md", "model.safetensors"
    ]  # fmt: skip
    with refused("the model is there already"):
        run(out, whole)
    (out / "model.safetensors").unlink()
    with refused("no whole model; remove the folder and run this again"):
        run(out, whole)


def test_what_lies_in_the_way_is_one_line_before_the_download(tmp_path, refused):
    out = tmp_path / "model"
    (tmp_path / "model.part").touch()
    with refused("Not a directory; remove it, or take"):
        run(out, whole)
    (tmp_path / "model.part").unlink()
    out.symlink_to(tmp_path / "nowhere")
    with refused("no whole model; remove the folder"):
        run(out, whole)
