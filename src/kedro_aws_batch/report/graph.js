"use strict";
// The graph's lines. The page's styles place the boxes, and <details> folds them.
(() => {
  const canvas = document.getElementById("canvas");
  if (!canvas) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const folds = [...canvas.querySelectorAll("details")];
  const jobs = new Map([...canvas.querySelectorAll("[data-job]")].map((one) => [Number(one.dataset.job), one]));
  const follows = new Set(data.path.slice(1).map((index, n) => `${data.path[n]} ${index}`));

  // The box in sight for a job: its own, or that of the outermost fold around it that is closed.
  const inSight = (job) => {
    let found = job;
    for (let at = job.parentElement.closest("details"); at; at = at.parentElement.closest("details")) {
      if (!at.open) found = at.firstElementChild;
    }
    return found;
  };

  // From each box to those that follow it, and whether on the critical path.
  const edges = () => {
    const seen = new Map([...jobs].map(([index, job]) => [index, inSight(job)]));
    const found = new Map();
    for (const [index, parents] of Object.entries(data.parents)) {
      const below = seen.get(Number(index));
      for (const parent of parents) {
        const above = seen.get(parent);
        if (!above || above === below) continue;
        if (!found.has(above)) found.set(above, new Map());
        const ends = found.get(above);
        ends.set(below, ends.get(below) || follows.has(`${parent} ${index}`));
      }
    }
    return found;
  };

  let drawn = [];
  const draw = () => {
    const frame = canvas.getBoundingClientRect();
    const places = new Map();
    const place = (box) => {
      if (!places.has(box)) {
        const at = box.getBoundingClientRect();
        places.set(box, { x: at.left + at.width / 2 - frame.left, top: at.top - frame.top, bottom: at.bottom - frame.top });
      }
      return places.get(box);
    };
    drawn = [];
    for (const [above, ends] of edges()) {
      for (const [below, critical] of ends) {
        const from = place(above), to = place(below);
        const bend = Math.max(16, Math.abs(to.top - from.bottom) / 2);
        const round = (one) => Math.round(one * 10) / 10;
        const points = [from.x, from.bottom, from.x, from.bottom + bend, to.x, to.top - bend, to.x, to.top].map(round);
        drawn.push({ above, below, critical, d: `M${points.slice(0, 2)}C${points.slice(2)}` });
      }
    }
    $("lines").setAttribute("d", drawn.filter((one) => !one.critical).map((one) => one.d).join(""));
    $("path").setAttribute("d", drawn.filter((one) => one.critical).map((one) => one.d).join(""));
    $("near").setAttribute("d", "");
    canvas.dataset.lines = String(drawn.length);
  };

  const near = (event) => {
    const box = event.target.closest?.(".box");
    const mine = box ? drawn.filter((one) => one.above === box || one.below === box) : [];
    $("near").setAttribute("d", mine.map((one) => one.d).join(""));
  };
  for (const type of ["pointerover", "focusin"]) canvas.addEventListener(type, near);
  canvas.addEventListener("pointerleave", near);

  // ---- What is unfolded stays so when the page is loaded again, as `ui` does when the run has moved.
  const unfolded = new Set(history.state?.graph ?? []);
  for (const one of folds) one.open = unfolded.has(one.dataset.fold);
  const all = $("unfold-graph");
  const keep = () => {
    const open = folds.filter((one) => one.open).map((one) => one.dataset.fold);
    history.replaceState({ ...history.state, graph: open }, "");
    if (all) {
      all.setAttribute("aria-pressed", String(open.length > 0));
      all.textContent = open.length ? "Fold all" : "Unfold all";
    }
  };
  let waiting = 0;
  const soon = () => { waiting = waiting || requestAnimationFrame(() => { waiting = 0; keep(); draw(); }); };
  canvas.addEventListener("toggle", soon, true);
  all?.addEventListener("click", () => {
    const open = !folds.some((one) => one.open);
    for (const one of folds) one.open = open;
  });
  keep();
  draw();
  $("drawing").scrollTop = history.state?.graphTop ?? 0;
  $("drawing").addEventListener("scrollend", () =>
    history.replaceState({ ...history.state, graphTop: $("drawing").scrollTop }, ""));
  new ResizeObserver(soon).observe(canvas);
})();
