"""The page's addresses, and who may ask for them."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, jsonify, redirect, render_template_string, request

from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.wording import lasting, moment, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.launch.commands import Commands
    from kedro_aws_batch.launch.runs import Runs

COOKIE = "kedro-aws-batch"
#: Seconds for which an answer of describe_run will do, however many windows are open.
FRESH = 1.0
SHOWN = 50


@dataclass
class Source:
    """Where the page has its runs from; asks for one at most once a second."""

    #: Returns what tells of runs now: a local run in progress comes and goes.
    runs: Callable[[], Runs]
    #: Returns a run's report.
    render: Callable[[RunState], str]
    commands: Commands
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, tuple[float, RunState]] = field(default_factory=dict)

    def state(self, run_id: str) -> RunState:
        """Return a run's state, at most a second old."""
        with self._lock:
            asked, state = self._known.get(run_id, (0.0, None))
            if state is None or time.monotonic() - asked > FRESH:
                state = self.runs().describe_run(run_id)
                self._known = {run_id: (time.monotonic(), state)}
            return state

    def forget(self) -> None:
        """Ask again, after something was changed."""
        with self._lock:
            self._known = {}


def create_app(source: Source, key: str) -> Flask:
    """Return the page, for whoever has the key."""
    app = Flask("kedro_aws_batch.ui", static_folder=None, template_folder=None)
    app.before_request(lambda: _admit(key))
    app.after_request(_close)
    app.register_error_handler(KedroAwsBatchError, lambda error: (_page("error.html", error=plain(str(error))), 502))

    @app.get("/")
    def listing() -> str:
        runs = source.runs().list_runs(limit=SHOWN)
        now = int(time.time() * 1000)
        return _page("runs.html", runs=runs, now=now, moment=moment, lasting=lasting, plain=plain)

    @app.get("/runs/<run_id>")
    def one(run_id: str) -> str:
        state = source.state(run_id)
        shown = {"state": state, "told": _told(state), "resumable": isinstance(source.runs(), Service)}
        return _page("run.html", **shown, form=_form(key), commands=source.commands)

    @app.get("/runs/<run_id>/state")
    def told(run_id: str) -> AnyResponse:
        return jsonify(_told(source.state(run_id)))

    @app.get("/runs/<run_id>/report")
    def report(run_id: str) -> str:
        return source.render(source.state(run_id))

    @app.post("/runs/<run_id>/cancel")
    def cancel(run_id: str) -> AnyResponse:
        _require_form(key)
        source.runs().cancel_run(run_id, "cancelled in the browser")
        source.forget()
        return redirect(f"/runs/{run_id}", 303)

    @app.post("/runs/<run_id>/resume")
    def resume(run_id: str) -> AnyResponse:
        _require_form(key)
        runs = source.runs()
        if not isinstance(runs, Service):
            abort(409)
        again = {"resume_from": run_id, "idempotency_key": request.form.get("once") or secrets.token_hex()}
        return redirect(f"/runs/{runs.start_run(again).run_id}", 303)

    return app


def _admit(key: str) -> AnyResponse | None:
    """Let in who has the key and asked for this machine by its own name: other names may be another site's."""
    name = request.host.rsplit(":", 1)[0]
    if name not in ("127.0.0.1", "localhost"):
        abort(421)
    if _same(request.args.get("key"), key):
        answer = redirect(request.path, 303)
        answer.set_cookie(COOKIE, key, httponly=True, samesite="Strict")
        return answer
    if not _same(request.cookies.get(COOKIE), key):
        abort(Response("Open the address that `kedro aws-batch ui` printed, with its key.", 403, mimetype="text/plain"))
    return None


def _require_form(key: str) -> None:
    """Refuse what no form of this page sent."""
    origin = request.headers.get("Origin")
    if not _same(request.form.get("form"), _form(key)) or origin not in (None, request.host_url.rstrip("/")):
        abort(403)


def _form(key: str) -> str:
    """Return what forms carry: made of the key, from which the key can't be told."""
    return hmac.new(key.encode(), b"form", "sha256").hexdigest()


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def _close(response: Response) -> Response:
    """Let browsers keep nothing, guess nothing, and show the page in no other site's frame."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _told(state: RunState) -> dict[str, Any]:
    """Return what the page asks for again and again. The mark changes when anything has."""
    moved = [(group.status, group.attempt, group.started_at, group.ended_at) for group in state.groups]
    counts = ", ".join(f"{count:,} {status.lower()}" for status, count in state.counts.items() if count)
    return {
        "status": state.status,
        "counts": counts,
        "mark": f"{state.status}{hash(tuple(moved)):x}",
        "over": state.over,
    }


def _page(template: str, **values: Any) -> str:
    """Return a page; jinja escapes whatever is put into it, and its one script has a number that is used once."""
    nonce = secrets.token_urlsafe()
    text = files(__package__).joinpath(template).read_text(encoding="utf-8")
    style = files(__package__).joinpath("ui.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'"
    )
    # Of a text, not of a file, Flask escapes too.
    return render_template_string(text, style=style, policy=policy, nonce=nonce, once=secrets.token_hex(), **values)
