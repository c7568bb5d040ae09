"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Plotly tells times in UTC: they are shifted by the offset of the zone to show.
  for (const one of data.rows) {
    for (const spans of Object.values(one.spans)) for (const span of spans) span.forEach((at, n) => { span[n] = at + data.ahead; });
    one.failures = one.failures.map((at) => (at ?? data.end) + data.ahead);
    one.carried = one.carried.map((at) => at + data.ahead);
  }
  if (data.start !== null) [data.start, data.end] = [data.start + data.ahead, data.end + data.ahead];
  const $ = (id) => document.getElementById(id);
  const body = document.querySelector("#table tbody");
  if (!body) { // a run without jobs
    document.documentElement.dataset.ready = "yes";
    return;
  }
  const rows = [...body.rows];
  const row = new Map(rows.map((one) => [Number(one.dataset.i), one]));
  const text = new Map(rows.map((one) => [one, `${one.textContent} ${one.dataset.stream}`.toLowerCase()]));
  const HEIGHT = 24, TOP = 58, BOTTOM = 8;
  // A fold is a band: one bar for all of its jobs, until it is unfolded. While jobs are picked, those are shown that match.
  const bands = new Map(data.rows.filter((one) => one.inside).map((one) => [one.i, one]));
  const unfolded = new Set(data.rows.filter((one) => history.state?.times?.includes(one.key)).map((one) => one.i));
  const picked = new Set();
  let words = [];
  const picking = () => picked.size > 0 || words.length > 0;
  const open = (one) => {
    const band = bands.get(one.band);
    return !band || ((unfolded.has(band.i) || (band.overview && picking())) && open(band));
  };
  const inSight = () => data.rows.filter((one) => open(one) && (one.inside
    ? !(one.overview && picking()) && one.inside.some((index) => !row.get(index).hidden)
    : !row.get(one.i).hidden));
  let shown = inSight();

  // ---- The timeline. Only the rows in sight are drawn: the frame scrolls, and the chart stays where it is in it.
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const KINDS = {
    waiting: "waiting", starting: "starting", again: "again",
    RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", CANCELLED: "cancelled",
  };
  // Plotly reads its texts as HTML.
  const literal = (label) => label.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const cut = (name, length) => (name.length <= length ? name : `…${name.slice(1 - length).replace(/^[._-]+/, "")}`);

  const bars = (name, fill, found) => {
    return {
      type: "bar", orientation: "h", name, showlegend: false, width: 0.66,
      y: found.map(([y]) => y),
      base: found.map(([, span]) => span[0]),
      x: found.map(([, span]) => span[1] - span[0]),
      customdata: found.map(([, , one]) => one.i),
      hovertext: found.map(([, , one]) => one.hover), hoverinfo: "text",
      marker: {
        color: fill,
        line: { // An outline in its own colour keeps the shortest job visible.
          color: found.map(([, , one]) => (one.critical || name === "path" ? colour("critical") : fill)),
          width: found.map(([, , one]) => (one.critical || name === "path" ? 2 : 1)),
        },
      },
    };
  };

  const traces = (first, last) => {
    const seen = shown.slice(first, last).map((one, n) => [first + n, one]);
    const part = (kind) => seen.flatMap(([y, one]) => (one.spans[kind] ?? []).map((span) => [y, span, one]));
    const marks = (name, found, marker) => ({
      type: "scatter", mode: "markers", name, showlegend: false, cliponaxis: false,
      x: found.map(([, at]) => at), y: found.map(([y]) => y),
      customdata: found.map(([, , one]) => one.i),
      hovertext: found.map(([, , one]) => one.hover), hoverinfo: "text", marker,
    });
    const at = (moments) => seen.flatMap(([y, one]) => one[moments].map((moment) => [y, moment, one]));
    return [
      ...Object.entries(KINDS).map(([kind, name]) => bars(name, colour(name), part(kind))),
      bars("path", "rgba(0,0,0,0)", part("path")),
      // A failure shows even if no container ever ran.
      marks("failure", at("failures"), { symbol: "x", size: 10, color: colour("failed"), line: { width: 1, color: colour("ground") } }),
      // Lower than a bar, so that the shortest can still be seen.
      marks("carried", at("carried"), { symbol: "triangle-right", size: 10, color: colour("text"), line: { width: 1, color: colour("ground") } }),
    ];
  };

  const layout = (place, width, height) => {
    const margin = Math.round(Math.min(340, Math.max(110, width * 0.3)));
    const seen = shown.slice(Math.floor(place.first), Math.ceil(place.last) + 1);
    const spare = Math.max(1000, (data.end - data.start) * 0.02);
    return {
      width, height, barmode: "overlay", bargap: 0, dragmode: "zoom", uirevision: "one", hovermode: "closest",
      margin: { l: margin, r: 24, t: TOP, b: BOTTOM }, paper_bgcolor: colour("ground"), plot_bgcolor: colour("ground"),
      font: { color: colour("text"), family: getComputedStyle(document.body).fontFamily, size: 12 },
      hoverlabel: { align: "left", bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("text") } },
      modebar: { bgcolor: "transparent", color: colour("faint"), activecolor: colour("text") },
      xaxis: {
        type: "date", side: "top", range: [data.start - spare / 2, data.end + spare], gridcolor: colour("line"),
        nticks: Math.max(2, Math.floor((width - margin) / 130)), zeroline: false,
        tickformatstops: [
          { dtickrange: [null, 1000], value: "%H:%M:%S.%L" }, { dtickrange: [1000, 60000], value: "%H:%M:%S" },
          { dtickrange: [60000, 86400000], value: "%H:%M\n%-d %b" }, { dtickrange: [86400000, null], value: "%-d %b %Y" },
        ],
      },
      yaxis: {
        fixedrange: true, range: [place.last - 0.5, place.first - 0.5], showgrid: false, zeroline: false,
        tickmode: "array", tickvals: seen.map((_, n) => Math.floor(place.first) + n),
        ticktext: seen.map((one) => {
          const room = Math.floor((margin - 12) / 7.4);
          const sign = bands.has(one.i) ? (unfolded.has(one.i) ? "▾ " : "▸ ") : one.critical ? "◆ " : "";
          return literal(`${sign}${cut(one.name, room - sign.length)}`);
        }),
      },
    };
  };

  const config = {
    displaylogo: false, doubleClick: "reset",
    modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]], // no button that sends anything anywhere
  };
  const scroller = $("scroller");
  const chart = $("chart");
  let waiting = 0;

  // Plotly draws marks without a name, in the order of the data; those of what was carried come last.
  const named = (carried) => {
    if (!carried.x.length) return;
    for (const point of [...chart.querySelectorAll(".scatterlayer .trace")].at(-1).querySelectorAll(".point")) {
      point.setAttribute("role", "img");
      point.setAttribute("aria-label", "A container carried on with it");
    }
  };

  const draw = () => {
    waiting = 0;
    const tall = Math.min(shown.length * HEIGHT + TOP + BOTTOM, Math.max(240, window.innerHeight * 0.7));
    scroller.style.height = `${Math.max(90, tall) + 2}px`;
    const height = scroller.clientHeight, width = scroller.clientWidth;
    $("room").style.height = `${Math.max(height, shown.length * HEIGHT + TOP + BOTTOM)}px`;
    const first = scroller.scrollTop / HEIGHT;
    const place = { first, last: first + (height - TOP - BOTTOM) / HEIGHT };
    const drawn = traces(Math.max(0, Math.floor(first) - 1), Math.ceil(place.last) + 1);
    chart.dataset.rows = String(shown.length);
    return Plotly.react(chart, drawn, layout(place, width, height), config).then(() => named(drawn.at(-1)));
  };
  const soon = () => { waiting = waiting || requestAnimationFrame(draw); };

  const ready = data.start === null ? Promise.resolve(scroller.remove()) : draw().then(() => {
    chart.on("plotly_click", (event) => {
      const index = event.points[0].customdata;
      if (bands.has(index)) fold(index); else find(index);
    });
    scroller.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(soon).observe(document.body);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  });

  // ---- What is unfolded and picked stays so when the page is loaded again, as `ui` does when the run has moved.
  const keep = () => {
    const times = [...unfolded].map((band) => bands.get(band).key);
    history.replaceState({ ...history.state, times, picked: [...picked], search: $("search").value }, "");
    const all = $("unfold-times");
    if (!all) return;
    all.setAttribute("aria-pressed", String(times.length > 0));
    all.textContent = times.length ? "Fold the timeline" : "Unfold the timeline";
  };
  const change = () => {
    shown = inSight();
    keep();
    if (scroller.isConnected) soon();
  };
  const fold = (band) => {
    if (!unfolded.delete(band)) unfolded.add(band);
    change();
  };
  $("unfold-times")?.addEventListener("click", () => {
    if (unfolded.size) unfolded.clear(); else for (const band of bands.keys()) unfolded.add(band);
    change();
  });

  const find = (index) => {
    for (const one of document.querySelectorAll("tr.found")) one.classList.remove("found");
    const one = row.get(index);
    if (one.hidden) show("", []);
    one.classList.add("found");
    one.focus({ preventScroll: true }); // the next tab stop is its log
    one.scrollIntoView({ block: "center", inline: "start" });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#g']");
    if (!link) return;
    event.preventDefault();
    find(Number(link.getAttribute("href").slice(2)));
  });

  // ---- Search and filters, for the graph, the timeline and the table alike.
  const matches = (one) => {
    const statuses = [...picked].filter((name) => name !== "critical");
    return (!picked.has("critical") || "critical" in one.dataset) &&
      (!statuses.length || statuses.includes(one.dataset.status)) &&
      words.every((word) => text.get(one).includes(word));
  };
  const filter = () => {
    words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of rows) one.hidden = !matches(one);
    for (const box of document.querySelectorAll("[data-job]")) box.classList.toggle("dim", row.get(Number(box.dataset.job)).hidden);
    for (const one of document.querySelectorAll("details")) {
      one.firstElementChild.classList.toggle("dim", !one.querySelector(".job:not(.dim)"));
    }
    for (const button of $("statuses").children) button.setAttribute("aria-pressed", String(picked.has(button.dataset.status)));
    const left = rows.filter((one) => !one.hidden).length;
    $("shown").textContent = left === rows.length ? "" : `${left} of ${rows.length}`;
    scroller.scrollTop = 0;
    change();
  };
  const show = (search, statuses) => {
    $("search").value = search;
    picked.clear();
    for (const name of statuses) picked.add(name);
    filter();
  };
  $("search").addEventListener("input", filter);
  $("statuses").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const name = button.dataset.status;
    if (!picked.delete(name)) picked.add(name);
    filter();
  });

  // ---- Sorting. What has no value stays last, up or down.
  const value = (cell) => {
    if (cell.dataset.by === undefined) return cell.textContent;
    return cell.dataset.by === "" ? null : Number(cell.dataset.by);
  };
  const compare = (one, other) =>
    typeof one === "number" ? one - other : one.localeCompare(other, undefined, { numeric: true });
  const sort = (head, down) => {
    const column = head.cellIndex;
    for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((one) => [value(one.cells[column]), one]);
    keyed.sort(([one], [other]) => {
      const empty = [one, other].map((each) => each === null || each === "");
      if (empty[0] || empty[1]) return empty[0] - empty[1];
      return (down ? -1 : 1) * compare(one, other);
    });
    body.append(...keyed.map(([, one]) => one));
  };
  document.querySelector("thead").addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const down = head.getAttribute("aria-sort") === "ascending";
    sort(head, down);
    history.replaceState({ ...history.state, sorted: [head.cellIndex, down] }, "");
  });

  const { search = "", picked: before = [], sorted } = history.state ?? {};
  if (search || before.length) show(search, before); else keep();
  if (sorted) sort(document.querySelector("thead tr").cells[sorted[0]], sorted[1]);
  ready.then(() => { document.documentElement.dataset.ready = "yes"; });
})();
