"""The page's addresses, and who may request them."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, abort, jsonify, redirect, render_template_string, request

from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.show.header import NOTHING
from kedro_aws_batch.wording import counted, lasting, moment, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from kedro_aws_batch.client import Runs, RunState
    from kedro_aws_batch.launch.commands import Commands

#: Seconds for which an answer of describe_run is reused, however many windows are open.
FRESH = 1.0
SHOWN = 50


@dataclass(frozen=True)
class _KnownRun:
    """A run's state, and when it was read, by `time.monotonic`."""

    asked: float
    state: RunState


@dataclass
class PageRuns:
    """The page's source of runs; asks about one at most once a second."""

    #: Returns the current source of runs: a local run in progress comes and goes.
    runs: Callable[[], Runs]
    #: Returns a run's report.
    render: Callable[[RunState], str]
    commands: Commands
    #: Returns a job's output, as far as it is kept here; None if it isn't.
    log: Callable[[RunState, int], str | None] = lambda _state, _index: None
    #: Resumes a run and returns the new one; None if that can't be done here.
    resume_run: Callable[[str], str] | None = None
    _resuming: threading.Lock = field(default_factory=threading.Lock)
    _resumed: dict[str, str] = field(default_factory=dict)  #: a form that was sent → the run that it started
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, _KnownRun] = field(default_factory=dict)

    def state(self, run_id: str) -> RunState:
        """Return a run's state, at most a second old."""
        with self._lock:
            known = self._known.get(run_id)
            if known is None or time.monotonic() - known.asked > FRESH:
                state = self.runs().describe_run(run_id)
                known = _KnownRun(time.monotonic(), state)
                self._known = {run_id: known}
            return known.state

    def resumed(self, run_id: str, once: str) -> str:
        """Resume a run and return the new one, the same however often a form is sent."""
        with self._resuming:
            if once not in self._resumed:
                if self.resume_run is None:
                    abort(409)
                self._resumed[once] = self.resume_run(run_id)
            return self._resumed[once]

    def forget(self) -> None:
        """Ask again, after something has changed."""
        with self._lock:
            self._known = {}


@dataclass(frozen=True)
class Entrance:
    """The secrets that let somebody see a page: new for each page, and each for one purpose.

    Cookies know no ports: other servers on this machine get those of their own paths. So the page lies below a
    path that nobody else has, and its cookie opens nothing else.
    """

    #: In the printed address.
    key: str = field(default_factory=secrets.token_urlsafe, repr=False)
    #: Keys that open the page once, for addresses that others may see.
    once: set[str] = field(default_factory=set, repr=False)
    root: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(16)}")
    cookie: str = field(default_factory=lambda: f"kedro-aws-batch-{secrets.token_hex(4)}")
    #: The cookie's value.
    ticket: str = field(default_factory=secrets.token_urlsafe, repr=False)
    #: The key in the page's forms.
    form: str = field(default_factory=secrets.token_urlsafe, repr=False)

    def opens(self, key: str | None) -> bool:
        """Return whether a key opens the page; a key for one time is then used up."""
        if key is None:
            return False
        if _same(key, self.key):
            return True
        try:
            self.once.remove(key)
        except KeyError:
            return False
        return True

    def address_for_once(self, origin: str) -> str:
        """Return an address that opens the page once."""
        key = secrets.token_urlsafe()
        self.once.add(key)
        return f"{origin}{self.root}/?key={key}"

    def address(self, origin: str) -> str:
        """Return the address that opens the page as long as it exists."""
        return f"{origin}{self.root}/?key={self.key}"


def create_app(source: PageRuns, entrance: Entrance) -> Flask:
    """Return the page, which only the key opens."""
    app = Flask("kedro_aws_batch.ui", static_folder=None, template_folder=None)
    root = entrance.root
    app.before_request(lambda: _admit(entrance))
    app.after_request(_close)
    app.register_error_handler(
        KedroAwsBatchError, lambda error: (_page("error.html", root, error=plain(str(error))), 502)
    )
    app.register_blueprint(_pages(source, entrance), url_prefix=root)
    return app


def _pages(source: PageRuns, entrance: Entrance) -> Blueprint:
    pages, root = Blueprint("pages", __name__), entrance.root

    @pages.get("/")
    def listing() -> str:
        runs = source.runs().list_runs(limit=SHOWN)
        now = int(time.time() * 1000)
        return _page("runs.html", root, runs=runs, now=now, moment=moment, lasting=lasting, plain=plain)

    @pages.get("/runs/<run_id>")
    def one(run_id: str) -> str:
        state = source.state(run_id)
        shown = {"state": state, "told": _told(state), "resumes": source.resume_run is not None}
        return _page("run.html", root, **shown, form=entrance.form, commands=source.commands)

    @pages.get("/runs/<run_id>/state")
    def told(run_id: str) -> AnyResponse:
        return jsonify(_told(source.state(run_id)))

    @pages.get("/runs/<run_id>/report")
    def report(run_id: str) -> str:
        return source.render(source.state(run_id))

    @pages.get("/runs/<run_id>/logs/<int:index>")
    def log(run_id: str, index: int) -> Response:
        text = source.log(source.state(run_id), index)
        return Response("No log of it is kept here.\n" if text is None else plain(text), mimetype="text/plain")

    @pages.post("/runs/<run_id>/cancel")
    def cancel(run_id: str) -> AnyResponse:
        _require_form(entrance)
        source.runs().cancel_run(run_id, "cancelled in the browser")
        source.forget()
        return redirect(f"{root}/runs/{run_id}", 303)

    @pages.post("/runs/<run_id>/resume")
    def resume(run_id: str) -> AnyResponse:
        _require_form(entrance)
        again = source.resumed(run_id, request.form.get("once") or secrets.token_hex())
        return redirect(f"{root}/runs/{again}", 303)

    return pages


def _admit(entrance: Entrance) -> AnyResponse | None:
    """Admit requests with the key and with this machine's own name: other names may be another site's."""
    name = request.host.rsplit(":", 1)[0]
    if name not in ("127.0.0.1", "localhost"):
        abort(421)
    if request.path == f"{entrance.root}/" and entrance.opens(request.args.get("key")):
        # Not a redirect: a strict cookie counts only if this page itself sends a visitor from a file on.
        answer = Response(_page("enter.html", entrance.root))
        answer.set_cookie(entrance.cookie, entrance.ticket, path=f"{entrance.root}/", httponly=True, samesite="Strict")
        return answer
    if not _same(request.cookies.get(entrance.cookie), entrance.ticket):
        abort(Response("Open the address that `kedro aws-batch ui` printed, with its key.", 403, mimetype="text/plain"))
    return None


def _require_form(entrance: Entrance) -> None:
    """Refuse requests that don't come from a form of this page."""
    origin = request.headers.get("Origin")
    if not _same(request.form.get("form"), entrance.form) or origin not in (None, request.host_url.rstrip("/")):
        abort(403)


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def _close(response: Response) -> Response:
    """Keep browsers from caching, from guessing types, and from showing the page in another site's frame."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _told(state: RunState) -> dict[str, Any]:
    """Return the state for the page's polling. The mark changes when anything has."""
    moved = [(group.status, group.attempt, group.started_at, group.ended_at) for group in state.groups]
    counts = [f"{count:,} {status.lower()}" for status, count in state.counts.items() if count]
    reused = [f"{counted(state.reused, 'node')} reused"] if state.reused else []
    return {
        "status": state.status,
        "counts": ", ".join([*([] if state.groups_total else [NOTHING]), *counts, *reused]),
        "mark": f"{state.status}{hash(tuple(moved)):x}",
        "over": state.over,
        "resumable": state.resumable,
    }


def _page(template: str, root: str, **values: Any) -> str:
    """Return a page whose links begin with `root`.

    Jinja escapes all values, and its one script has a number that is used once.
    """
    nonce = secrets.token_urlsafe()
    text = files(__package__).joinpath(template).read_text(encoding="utf-8")
    style = files(__package__).joinpath("ui.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'"
    )
    # Flask also escapes in templates given as text.
    own = {"style": style, "policy": policy, "nonce": nonce, "once": secrets.token_hex(), "root": root}
    return render_template_string(text, **own, **values)
