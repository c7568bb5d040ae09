"""The report as one HTML file: styles, script and Plotly are in it, and it may load nothing else.

Two things keep other people's text from running: the template escapes all values, and the page's security policy
allows only the three scripts whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.errors import missing_packages

from .content import STATUSES
from .graph import SIGNS, parts

if TYPE_CHECKING:
    from .content import Content


def render(content: Content, plotly: str | None = None) -> str:
    """Return the report, the same for the same content. It draws with this script, by default the installed Plotly."""
    environment, installed = _libraries()
    scripts = [_as_parsed(script) for script in (plotly or installed, _own("graph.js"), _own("page.js"))]
    return str(
        environment.from_string(_own("page.html")).render(
            content=content,
            statuses=STATUSES,
            policy=_policy(scripts),
            style=_own("page.css") + _own("graph.css"),
            signs=SIGNS,
            parts=parts,
            data=_json(content.drawing()),
            scripts=scripts,
        )
    )


def _libraries() -> tuple[Any, str]:
    """Return the template environment and Plotly's script, from the extra `report`."""
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise missing_packages("Reports", error, "report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment, get_plotlyjs()


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _as_parsed(script: str) -> str:
    """Return a script as browsers parse it, since they hash that."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(scripts: list[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> str:
    """Return JSON that can't end its HTML element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
