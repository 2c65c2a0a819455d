"""The split that files and folders name, in English and Korean: what is held out is never trained on by accident."""

import pytest
from support.exam_files import FILES

from koalign.data.formats.sources import read_source
from koalign.data.formats.split_names import split_in_name
from koalign.records import KoalignError

NAMES = {
    "train": [
        "train.csv", "1.Training/a.json", "01.Training/라벨링데이터/TL.zip", "exam/TL_국어.zip", "TS1.zip/a.json", "학습/a.csv",
        "학습용.csv", "훈련데이터/a.json", "[라벨]TL_01.zip", "trainset.jsonl", "exam-v1.1-train/a.csv", "train_2.jsonl",
        "data/training_data.json", "2024_학습용데이터.xlsx.csv", "train-00000-of-00001.parquet", "trn.csv", "국어-트레이닝.csv",
    ],
    "dev": [
        "Law-dev.csv", "2.Validation/a.json", "Validation/a.json", "VL_국어.zip/a.json", "VS_01.json", "검증/a.csv", "검증용/a.csv",
        "kmmlu-1.1-dev/a.csv", "valid.jsonl", "devset.json", "검증데이터셋.json", "v2.0_val/a.csv", "02.검증/1.json",
        "korean_culture_qa_V1.0_dev+.json", "개발셋.csv", "개발용 데이터.csv", "국어-밸리데이션.csv", "vld.csv", "ExamDevSet.csv",
    ],
    "test": [
        "testset.csv", "exam_v1.0_test/a.csv", "eval.jsonl", "평가/a.csv", "평가용.csv", "test.json", "math-test.csv", "TEST1.csv",
        "테스트/a.csv", "3.Test/a.json", "3.Test/라벨링데이터/TS_국어.json", "시험데이터.csv", "시험 데이터/a.csv", "시험용.csv", "시험셋.csv", "KoreanTest.csv", "KMMLUTest.csv", "CLIcKTestSet.json",
         "evaluation/a.csv", "평가데이터.csv", "train/test.jsonl", "2.평가/문제.csv", "test_set.csv",
    ],
    "": [
        "문제.csv", "시험.csv", "exam.csv", "모의평가_2024.csv", "평가원_6월.json", "contest.csv", "latest.csv", "학습지.csv",
        "retrieval.json", "medieval.csv", "AppDev.csv", "RetVal.csv", "시험 데이터 분석.csv", "시험/a.csv", "시험문제.csv", "개발/a.csv", "개발 데이터베이스.csv", "DevOps.csv", "latestQuestions.csv",
         "TLS.csv", "VSLAM.json", "evaluate/a.csv", "constraint.csv", "수행평가.csv",
    ],
}  # fmt: skip


@pytest.mark.parametrize("split", NAMES)
def test_a_name_says_its_split(split):
    for name in NAMES[split]:
        assert split_in_name(name) == split, name


def test_a_name_unpacked_on_a_mac_is_the_same_name():
    assert split_in_name("\u1111\u1167\u11bc\u1100\u1161/a.csv") == "test"  # 평가 in NFD


@pytest.mark.parametrize(
    "held_out",
    [
        "2.Validation/a", "Validation/a", "exam_v1.0_test/a", "kmmlu-1.1-dev/a", "검증/a", "평가/a", "VL_a/a", "testset", "eval",
        "평가용",
    ],
)  # fmt: skip
def test_what_is_held_out_beside_training_is_not_read_for_it(held_out, tmp_path):
    folder, file = tmp_path / "exams", FILES["native"]
    for name in ("1.Training/a", held_out):
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data(file.rows()[:2] if "Training" in name else file.rows()[2:]))
    reading = read_source(str(folder), "train")
    assert [file.split("exams/")[1] for file in reading.files] == ["1.Training/a.jsonl"]
    left_out = f"{folder}/{held_out}.jsonl"
    assert reading.not_read[left_out].startswith("its name says")
    assert reading.splits[left_out] in ("dev", "test")


@pytest.mark.parametrize(
    "name", ["testset.jsonl", "eval.jsonl", "평가.jsonl", "exam_test_v1.0.jsonl"]
)
def test_one_file_that_is_called_test_is_not_trained_on(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES["native"].data(FILES["native"].rows()))
    with pytest.raises(KoalignError, match="calls itself the test split"):
        read_source(str(path), "train")
    assert read_source(str(path), "train", split="test").problems
