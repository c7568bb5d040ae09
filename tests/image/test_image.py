"""The jobs' image, built from the Dockerfile of `init` and run by the embedded AWS."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch import __version__
from kedro_aws_batch.client import Service
from kedro_aws_batch.local import EmbeddedAws, service_root
from tests.plugin.commands import call
from tests.plugin.project import Sources, pickled, write_project

from .buildah import Buildah, require_buildah

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

TAG = f"docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim"
IMAGE = "localhost/flights:1"
REQUIREMENTS = "kedro\nkedro-datasets[pickle-pickledataset]\n"
#: Nodes that say where they run.
REGISTRY = """
    import importlib.metadata
    import os
    import sys
    from pathlib import Path

    def look(raw):
        return {
            "raw": raw,
            "uid": os.getuid(),
            "python": sys.prefix,
            "folder": os.getcwd(),
            "version": importlib.metadata.version("kedro-aws-batch"),
            "extras": [name for name in ("s3fs", "moto", "plotly") if importlib.util.find_spec(name)],
            "conf": sorted(path.name for path in Path("conf").iterdir()),
            "here": sorted(path.name for path in Path().iterdir()),
            "compiled": Path(sys.modules[__name__].__cached__).is_file(),
        }

    def register_pipelines():
        nodes = [node(look, "raw", "middle", name="look"), node(same, "middle", "final", name="pass")]
        return {"__default__": pipeline(nodes)}
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """A storage of images with the base that FROM names. It takes gigabytes, so it is removed."""
    require_buildah()
    buildah = Buildah(tmp_path_factory.mktemp("images"))
    buildah.tag_base(TAG)
    yield buildah
    shutil.rmtree(buildah.folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that `init` prepared, with things in it that don't belong in an image."""
    base = {name: pickled(f"data/{name}.pkl") for name in ("raw", "middle", "final")}
    project = write_project(tmp_path_factory.mktemp("project"), Sources(registry=REGISTRY, base_catalog=base))
    (project / "requirements.txt").write_text(REQUIREMENTS)
    (project / "data").mkdir()
    (project / "conf/local/credentials.yml").write_text("{}\n")
    here = Path.cwd()
    os.chdir(project)
    try:
        done = call("init", "--force", "--bucket=flights")
        assert done.exit_code == 0, done.output
        done = call("compile", "--output=graph.json")
        assert done.exit_code == 0, done.output
    finally:
        os.chdir(here)
    return project


@pytest.fixture(scope="module")
def container(storage: Buildah, project: Path) -> str:
    """A container of the project's image."""
    storage.build(project, IMAGE)
    return storage.start(IMAGE)


def ran(aws: EmbeddedAws) -> RunState:
    """Run the pipeline and return how it ended."""
    service = Service(aws.service_prefix, aws.client("lambda"))
    run_id = service.start_run({}).run_id
    deadline = time.monotonic() + 240
    while not (state := service.describe_run(run_id)).ended:
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    return state


def stored(aws: EmbeddedAws, key: str) -> Any:
    return pickle.loads(aws.client("s3").get_object(Bucket="flights", Key=key)["Body"].read())  # noqa: S301


def test_the_image_runs_nodes_as_a_user_of_its_own(
    storage: Buildah, container: str, project: Path, tmp_path: Path
) -> None:
    graph = json.loads((project / "graph.json").read_text())
    enter = [sys.executable, str(Path(__file__).with_name("enter.py")), *storage.command, "--", container]
    with EmbeddedAws(
        service=service_root(),
        graph_document=project / "graph.json",
        jobs_cwd=tmp_path,
        job_queue=graph["run"]["job_queue"],
        job_definition=graph["run"]["job_definition"],
        job_entrypoint=enter,
    ) as aws:
        aws.client("s3").create_bucket(Bucket="flights")
        aws.client("s3").put_object(Bucket="flights", Key="raw.pkl", Body=pickle.dumps(21))
        state = ran(aws)
        assert state.status == "SUCCEEDED", state
        found = stored(aws, "final.pkl")

    assert found == {
        "raw": 21,
        "uid": 1000,
        "python": "/opt/venv",
        "folder": "/project",
        "version": __version__,
        "extras": ["s3fs"],
        "conf": ["aws_batch", "base"],
        "here": ["Dockerfile", "conf", "graph.json", "pyproject.toml", "requirements.txt", "src"],
        "compiled": True,
    }


def test_the_image_holds_what_is_in_the_wheel_that_packages(storage: Buildah, container: str, project: Path) -> None:
    program = "import importlib.metadata as m; print(m.distribution('kedro-aws-batch').read_text('RECORD'))"
    installed = storage.inside(container, "python", "-c", program).splitlines()
    (wheel,) = project.glob("build/aws_batch/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        built = archive.read(f"kedro_aws_batch-{__version__}.dist-info/RECORD").decode().splitlines()

    assert ours(installed) == ours(built)
    assert len(ours(built)) > 100


def ours(record: list[str]) -> set[str]:
    """Return the lines of a RECORD, with digests and sizes, about the package's own files."""
    return {line for line in record if line.startswith("kedro_aws_batch/") and ".pyc," not in line}
