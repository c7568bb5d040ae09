"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Plotly tells times in UTC: they are shifted by the offset of the zone to show.
  const ahead = (span) => span && span.map((at) => at + data.ahead);
  for (const one of data.rows) {
    for (const part of ["waiting", "starting", "running"]) one[part] = ahead(one[part]);
    one.tries = one.tries.map(ahead);
  }
  if (data.start !== null) [data.start, data.end] = ahead([data.start, data.end]);
  const $ = (id) => document.getElementById(id);
  const body = document.querySelector("tbody");
  const rows = [...body.rows];
  const row = new Map(rows.map((one) => [Number(one.dataset.i), one]));
  const text = new Map(rows.map((one) => [one, one.textContent.toLowerCase()]));
  const HEIGHT = 24, TOP = 58, BOTTOM = 8;
  // A split node is a band: one bar for all of its slices, until it is unfolded.
  const bands = new Set(data.rows.filter((one) => one.slices).map((one) => one.i));
  const unfolded = new Set();
  const inSight = () => data.rows.filter((one) => (one.slices
    ? one.slices.some((slice) => !row.get(slice).hidden)
    : !row.get(one.i).hidden && (one.band === undefined || unfolded.has(one.band))));
  let shown = inSight();

  // ---- The timeline. Only the rows in sight are drawn: the frame scrolls, and the chart stays where it is in it.
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const KINDS = { RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", CANCELLED: "cancelled" };
  // Plotly reads its texts as HTML.
  const literal = (label) => label.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const cut = (name, length) => (name.length <= length ? name : `…${name.slice(1 - length).replace(/^[._-]+/, "")}`);

  const bars = (name, fill, picked) => {
    const found = picked.filter(([, span]) => span);
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
          color: found.map(([, , one]) => (one.critical ? colour("critical") : fill)),
          width: found.map(([, , one]) => (one.critical ? 2 : 1)),
        },
      },
    };
  };

  const traces = (first, last) => {
    const seen = shown.slice(first, last).map((one, n) => [first + n, one]);
    const part = (key) => seen.map(([y, one]) => [y, one[key], one]);
    const failed = seen.filter(([, one]) => one.status === "FAILED");
    const end = (one) => (one.running || one.starting || one.waiting || [data.end, data.end])[1];
    return [
      bars("waiting", colour("waiting"), part("waiting")),
      bars("starting", colour("starting"), part("starting")),
      bars("repeated", colour("again"), seen.flatMap(([y, one]) => one.tries.map((span) => [y, span, one]))),
      ...Object.entries(KINDS).map(([status, name]) =>
        bars(name, colour(name), part("running").filter(([, , one]) => one.status === status))),
      { // A failure shows even if no container ever ran.
        type: "scatter", mode: "markers", name: "failure", showlegend: false, cliponaxis: false,
        x: failed.map(([, one]) => end(one)), y: failed.map(([y]) => y),
        customdata: failed.map(([, one]) => one.i),
        hovertext: failed.map(([, one]) => one.hover), hoverinfo: "text",
        marker: { symbol: "x", size: 10, color: colour("failed"), line: { width: 1, color: colour("ground") } },
      },
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
    return Plotly.react(chart, drawn, layout(place, width, height), config);
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

  const fold = (band) => {
    if (!unfolded.delete(band)) unfolded.add(band);
    shown = inSight();
    soon();
  };

  const find = (index) => {
    for (const one of document.querySelectorAll("tr.found")) one.classList.remove("found");
    const one = row.get(index);
    one.classList.add("found");
    one.scrollIntoView({ block: "center" });
  };

  // ---- Search and filters, for the timeline and the table alike.
  const picked = new Set();
  const matches = (one, words) => {
    const statuses = [...picked].filter((name) => name !== "critical");
    return (!picked.has("critical") || "critical" in one.dataset) &&
      (!statuses.length || statuses.includes(one.dataset.status)) &&
      words.every((word) => text.get(one).includes(word));
  };
  const filter = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of rows) one.hidden = !matches(one, words);
    shown = inSight();
    const left = rows.filter((one) => !one.hidden).length;
    $("shown").textContent = left === rows.length ? "" : `${left} of ${rows.length}`;
    scroller.scrollTop = 0;
    if (scroller.isConnected) soon();
  };
  $("search").addEventListener("input", filter);
  $("statuses").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const name = button.dataset.status;
    const on = !picked.has(name);
    if (on) picked.add(name); else picked.delete(name);
    button.setAttribute("aria-pressed", String(on));
    filter();
  });

  // ---- Sorting. What has no value stays last, up or down.
  const value = (cell) => {
    if (cell.dataset.by === undefined) return cell.textContent;
    return cell.dataset.by === "" ? null : Number(cell.dataset.by);
  };
  const compare = (one, other) =>
    typeof one === "number" ? one - other : one.localeCompare(other, undefined, { numeric: true });
  const sort = (head) => {
    const column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
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
    if (head) sort(head);
  });

  ready.then(() => { document.documentElement.dataset.ready = "yes"; });
})();
