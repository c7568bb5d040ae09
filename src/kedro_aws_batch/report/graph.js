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

  // A line from a box to another: past what lies between, or, between folds that wait for each other, up with an arrow.
  const curve = (from, to, width) => {
    const far = Math.abs(to.top - from.bottom);
    const back = to.top < from.bottom;
    const room = back ? Math.min(from.left, to.left) : width / 2;
    const aside = Math.min(140 + far * 0.15, room * 1.2); // such a curve goes three quarters as far
    const past = !back && far > 60 && Math.abs(to.x - from.x) < 30 ? aside : 0;
    const bend = Math.max(16, far / 2);
    const points = back
      ? [from.left, from.middle, from.left - aside, from.middle, to.left - aside, to.middle, to.left, to.middle]
      : [from.x, from.bottom, from.x + past, from.bottom + bend, to.x + past, to.top - bend, to.x, to.top];
    const round = points.map((one) => Math.round(one * 10) / 10);
    const arrow = back ? `M${round[6] - 7},${round[7] - 4}L${round[6]},${round[7]}L${round[6] - 7},${round[7] + 4}` : "";
    return { d: `M${round.slice(0, 2)}C${round.slice(2)}${arrow}` };
  };

  let drawn = [];
  const draw = () => {
    const frame = canvas.getBoundingClientRect();
    const places = new Map();
    const place = (box) => {
      if (!places.has(box)) {
        const at = box.getBoundingClientRect();
        const [left, top] = [at.left - frame.left, at.top - frame.top];
        places.set(box, { left, x: left + at.width / 2, top, middle: top + at.height / 2, bottom: top + at.height });
      }
      return places.get(box);
    };
    drawn = [];
    for (const [above, ends] of edges()) {
      for (const [below, critical] of ends) {
        drawn.push({ above, below, critical, ...curve(place(above), place(below), frame.width) });
      }
    }
    const show = (id, lines) => $(id).setAttribute("d", lines.map((one) => one.d).join(""));
    show("lines", drawn.filter((one) => !one.critical));
    show("path", drawn.filter((one) => one.critical));
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
  new ResizeObserver(soon).observe(canvas);
})();
