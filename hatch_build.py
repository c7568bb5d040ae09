"""What hatchling can't know by itself: the service that the wheel carries, and where the project is at home."""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

SERVICE = ("adapters", "dag", "handlers", "resources", "runs", "requirements.txt", "serverless.yml")


class CarryService(BuildHookInterface):  # type: ignore[type-arg]
    """Add the service tree to the wheel; an editable install reads the checkout instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each top-level part of the service to its place under kedro_aws_batch/_service/."""
        if version == "standard":
            for part in SERVICE:
                build_data["force_include"][str(Path(self.root, part))] = f"kedro_aws_batch/_service/{part}"


class TellHome(MetadataHookInterface):
    """Name the repository that builds a release, as GitHub tells it, in the URLs and in the README's links.

    Built elsewhere, the metadata name none, and the README's links stay relative.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the README and the URLs."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = os.environ.get("GITHUB_REPOSITORY")
        if repository:
            home = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
            tag = f"v{metadata['version']}"
            text = _whole_links(text, f"{home}/blob/{tag}/", f"{home}/raw/{tag}/")
            metadata["urls"] = {
                "Source": home,
                "Documentation": f"{home}/tree/{tag}/docs",
                "Changelog": f"{home}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{home}/issues",
                "Security": f"{home}/security/policy",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def _whole_links(text: str, pages: str, pictures: str) -> str:
    """Return Markdown whose links to files of the repository lead there from anywhere."""
    relative = r"(?!\w+:|#|/)"
    text = re.sub(rf"(!\[[^]]*\]\(){relative}", rf"\g<1>{pictures}", text)
    text = re.sub(rf'(<img [^>]*\bsrc="|<source [^>]*\bsrcset="){relative}', rf"\g<1>{pictures}", text)
    return re.sub(rf"(?<!!)(\[[^]]*\]\(){relative}", rf"\g<1>{pages}", text)
