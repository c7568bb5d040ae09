"""Reading the outputs of a run, on any filesystem."""

from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.examples.outputs import list_versions, read_outputs

OLD, NEW = "2026-11-22T13.11.00.123Z", "2026-11-22T13.11.00.124Z"


def test_the_newest_version_stands_for_all_and_other_folders_keep_their_names() -> None:
    fs = MemoryFileSystem()
    files = {
        f"06_models/model.pickle/{NEW}/model.pickle": b"new",
        f"06_models/model.pickle/{OLD}/model.pickle": b"old",
        f"06_models/{OLD}/model.pickle": b"a folder that only looks like a version",
        "companies.csv": b"plain",
    }
    for path, content in files.items():
        fs.pipe_file(f"/bucket/{path}", content)

    assert read_outputs("/bucket", fs) == {
        "06_models/model.pickle": b"new",
        f"06_models/{OLD}/model.pickle": b"a folder that only looks like a version",
        "companies.csv": b"plain",
    }
    assert list_versions("memory://bucket") == {"06_models/model.pickle": [OLD, NEW]}
