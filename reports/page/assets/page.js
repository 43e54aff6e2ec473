// The views of the page. Text from records reaches the document through text nodes and attributes only.
"use strict";
(() => {
const byId = (id) => document.getElementById(id);
const parsed = (name) => JSON.parse(byId(`${name}-data`).textContent);
const once = (make) => { let made; return () => (made ??= make()); };
const board = parsed("board");
const paper = once(() => parsed("paper"));
const runs = once(() => parsed("runs"));
const cells = new Map(board.cells.map((cell) => [cell.id, cell]));
const settingOf = (cell) => board.settings[cell.setting];
const collator = new Intl.Collator("en", { numeric: true });

// Words and numbers

const DASH = "–";
const MAIN = "";  // the choice of the metric each task is judged by
const fixed = (value, digits = 1) => (value === null || value === undefined ? DASH : value.toFixed(digits));
const share = (value) => `${Number((100 * value).toPrecision(4))} %`;
const meanAndSpread = ([mean, sd]) => fixed(mean) + (sd === null ? "" : ` ± ${fixed(sd)}`);
function short(value) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  return String(value);
}
const whole = (value) => (typeof value === "number" ? value.toLocaleString("en-US") : String(value));
function duration(seconds) {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  return seconds < 3600 ? `${fixed(seconds / 60)} min` : `${fixed(seconds / 3600)} h`;
}
const metricOf = (cell, chosen) => chosen || settingOf(cell).metric;
const scoreOf = (cell, chosen) => cell.scores[metricOf(cell, chosen)] ?? null;
const fullName = (cell) => (cell.label === cell.method ? cell.label : `${cell.label} [${cell.method}]`);

// Elements

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
function breakable(text) {  // a line may end after each comma
  return text.split(/(?<=,)/).flatMap((part) => [part, el("wbr")]);
}
function labelled(text, control) {
  return el("label", control.type === "checkbox" ? { class: "check" } : {}, el("span", {}, text), control);
}
function choice(name, options, change) {  // options: [value, text]
  const control = el("select", { name }, ...options.map(([value, text]) => el("option", { value }, text)));
  control.addEventListener("change", change);
  return control;
}
function facts(pairs) {
  return el("dl", {}, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
function plainTable(heads, rows, name, attributes = {}) {
  const head = el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.map(([first, ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...rest.map((one) => el("td", { class: "number" }, one))));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
    el("table", attributes, el("caption", { class: "hidden" }, name), el("thead", {}, head), el("tbody", {}, ...body)));
}

// Tables that sort and filter. A column: head, value(row) to sort by, show(row) to print, number, wide.

const PAGE = 100, MORE = 300;  // rows that are drawn at first, and added by "Show more"
function sheet(table, columns, rows, counted, noun) {
  let chosen = rows, sorted = null, direction = 1, limit = PAGE;
  const body = el("tbody");
  const more = el("button", { type: "button", class: "more" });
  const heads = columns.map((column, place) => {
    const button = el("button", { type: "button" }, column.head);
    button.addEventListener("click", () => {
      direction = sorted === place ? -direction : column.number ? -1 : 1;
      sorted = place;
      draw();
    });
    return el("th", { scope: "col", class: column.number ? "number" : column.wide ? "wide" : null }, button);
  });
  table.append(el("thead", {}, el("tr", {}, ...heads)), body);
  table.after(more);
  more.addEventListener("click", () => {
    const next = limit;
    limit += MORE;
    draw();
    body.rows[next]?.querySelector("a")?.focus();
  });
  function ordered() {
    if (sorted === null) return chosen;
    const { value } = columns[sorted];
    const keyed = chosen.map((row) => [value(row), row]);
    keyed.sort(([one], [other]) => {
      const gone = [one, other].map((key) => key === null || key === "");
      if (gone[0] || gone[1]) return gone[0] - gone[1];  // what is missing comes last either way
      return direction * (typeof one === "number" ? one - other : collator.compare(one, other));
    });
    return keyed.map(([, row]) => row);
  }
  function draw() {
    heads.forEach((head, place) => {
      if (place === sorted) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const shown = ordered().slice(0, limit);
    body.replaceChildren(...shown.map((row) => el("tr", {}, ...columns.map((column, place) => {
      const given = column.show(row);
      const kind = column.number ? "number" : null;
      return place ? el("td", { class: kind }, ...[given].flat()) : el("th", { scope: "row" }, ...[given].flat());
    }))));
    more.hidden = shown.length === chosen.length;
    more.textContent = `Show ${Math.min(MORE, chosen.length - limit)} more`;
    counted.textContent = `${chosen.length} of ${rows.length} ${noun}` + (more.hidden ? "" : `, the first ${limit} shown`);
  }
  return { filter(keep) { chosen = rows.filter(keep); limit = PAGE; draw(); } };
}
function distinct(values) {
  return [...new Set(values)].sort(collator.compare);
}
function choices(rows, fields, change) {  // fields: [name, text, value(row), print(value)]
  return fields.map(([name, text, value, print = String]) => {
    const known = distinct(rows.map((row) => String(value(row))));
    const control = choice(name, [["", "all"], ...known.map((one) => [one, print(one)])], change);
    control.keeps = (row) => control.value === "" || String(value(row)) === control.value;
    return [labelled(text, control), control];
  });
}

// The leaderboard

const timed = board.cells.some((cell) => Object.keys(cell.latency).length);
const milliseconds = (value) => `${Number(value.toPrecision(3))} ms`;
const besides = (ratio) => (ratio === null ? "" : ` (${fixed(ratio, 2)})`);
function latencies(cell) {
  const found = Object.entries(cell.latency);
  if (!found.length) return DASH;
  const [[, [first, ratio]], ...rest] = found;
  return [milliseconds(first) + besides(ratio),
    ...rest.map(([size, [middle, share]]) => el("small", {}, `${size}: ${milliseconds(middle)}${besides(share)}`))];
}
function taskOf(task) {  // the name, and below it what tells it from others of that name
  const at = task.indexOf(" (");
  return at < 0 ? task : [task.slice(0, at), el("small", { class: "aside" }, task.slice(at + 2, -1))];
}

const showBoard = once(() => {
  const search = el("input", { type: "search", name: "search", autocomplete: "off" });
  const metrics = distinct(board.cells.flatMap((cell) => Object.keys(cell.scores)));
  const metric = choice("metric", [[MAIN, "each task's own"], ...metrics.map((one) => [one, one])], () => refresh());
  const fields = choices(board.cells, [
    ["task", "Task", (cell) => settingOf(cell).task],
    ["family", "Family", (cell) => cell.family],
    ["budget", "Budget", (cell) => cell.budget, (budget) => share(Number(budget))],
    ["backbone", "Backbone", (cell) => settingOf(cell).backbone],
    ["protocol", "Protocol", (cell) => settingOf(cell).protocol],
    ["state", "State", (cell) => cell.state],
  ], () => refresh());
  const score = (cell) => scoreOf(cell, metric.value);
  const table = sheet(byId("board-table"), [
    { head: "Method", value: fullName, show: (cell) => [
      el("a", { href: `#cell-${cell.id}` }, cell.label),
      cell.label === cell.method ? null : el("small", {}, cell.method)].filter(Boolean) },
    { head: "Task", value: (cell) => settingOf(cell).task, show: (cell) => taskOf(settingOf(cell).task) },
    { head: "Budget", number: true, value: (cell) => cell.budget, show: (cell) => share(cell.budget) },
    { head: "Score", number: true, value: (cell) => score(cell)?.[0] ?? null, show: (cell) => {
      if (cell.fault) return [DASH, el("small", {}, "two versions of a seed")];
      return score(cell) ? [meanAndSpread(score(cell)), el("small", {}, metricOf(cell, metric.value))] : DASH;
    } },
    { head: "State", value: (cell) => cell.state, show: (cell) => (cell.reasons.length
      ? [cell.state, ...cell.reasons.map((one) => el("small", { class: "reason" }, one))] : cell.state) },
    { head: "n", number: true, value: (cell) => score(cell)?.[2] ?? null, show: (cell) => String(score(cell)?.[2] ?? DASH) },
    { head: "Kept", number: true, value: (cell) => cell.kept, show: (cell) => (cell.kept === null ? DASH : `${fixed(cell.kept)} %`) },
    { head: "MACs", number: true, value: (cell) => cell.macs, show: (cell) => (cell.macs === null ? DASH : short(cell.macs)) },
    ...(timed ? [{ head: "Latency", number: true, value: (cell) => cell.latency["1"]?.[0] ?? null, show: latencies }] : []),
    { head: "Rank", number: true, value: (cell) => cell.ranks.rank ?? null, show: (cell) => fixed(cell.ranks.rank, 0) },
    { head: "Family", value: (cell) => cell.family, show: (cell) => cell.family },
    { head: "Setting", wide: true, value: (cell) => `${settingOf(cell).backbone} ${settingOf(cell).protocol}`,
      show: (cell) => [settingOf(cell).backbone, el("small", {}, ...breakable(settingOf(cell).protocol))] },
  ], board.cells, byId("board-count"), "cells");
  function refresh() {
    const wanted = search.value.trim().toLowerCase();
    table.filter((cell) => fields.every(([, control]) => control.keeps(cell))
      && (metric.value === MAIN || scoreOf(cell, metric.value))
      && fullName(cell).toLowerCase().includes(wanted));
  }
  search.addEventListener("input", refresh);
  byId("latency-note").hidden = !timed;
  byId("filters").append(labelled("Method contains", search), ...fields.map(([label]) => label), labelled("Metric", metric));
  refresh();
  return true;
});

// The paper's numbers beside ours

const showPaper = once(() => {
  const { rows, verdicts } = paper();
  const only = el("input", { type: "checkbox", name: "measured" });
  only.checked = rows.some((row) => row.ours !== null);
  const fields = choices(rows, [["table", "Table", (row) => row.table, (one) => `Table ${one}`]], () => refresh());
  const there = verdicts.filter((one) => rows.some((row) => row.verdict === one));
  const verdict = choice("verdict", [["", "all"], ...there.map((one) => [one, one])], () => refresh());
  const printed = (row, value) => (row.unit === "%" || Math.abs(value) < 1000 ? fixed(value) : short(value));
  const table = sheet(byId("paper-table"), [
    { head: "Row", value: (row) => row.row, show: (row) => [
      row.cell ? el("a", { href: `#cell-${row.cell}` }, row.row) : row.row,
      el("small", {}, `Table ${row.table}, ${row.column}`)] },
    { head: "Published", number: true, value: (row) => row.value,
      show: (row) => [row.unit === "%" ? row.printed : `${row.printed} ${row.unit}`, el("small", {}, row.metric)] },
    { head: "Ours", number: true, value: (row) => row.ours, show: (row) => (row.ours === null ? DASH
      : [printed(row, row.ours) + (row.sd === null ? "" : ` ± ${printed(row, row.sd)}`), el("small", {}, `n = ${row.n}`)]) },
    { head: "Difference", number: true, value: (row) => row.difference, show: (row) => (row.difference === null ? DASH
      : (row.difference > 0 ? "+" : "") + printed(row, row.difference)) },
    { head: "Verdict", value: (row) => verdicts.indexOf(row.verdict), show: (row) => row.verdict },
    { head: "Why", wide: true, value: (row) => row.reason, show: (row) => [
      row.reason, row.errata ? el("small", {}, `Errata: ${row.errata}`) : ""] },
    { head: "Our setting", wide: true, value: (row) => row.setting, show: (row) => breakable(row.setting || DASH) },
  ], rows, byId("paper-count"), "cells");
  function refresh() {
    table.filter((row) => fields.every(([, control]) => control.keeps(row))
      && (verdict.value === "" || row.verdict === verdict.value) && (!only.checked || row.ours !== null));
  }
  only.addEventListener("change", refresh);
  byId("paper-filters").append(...fields.map(([label]) => label), labelled("Verdict", verdict), labelled("Only what we measured", only));
  refresh();
  return true;
});

// Plots

const COLOURS = {  // Okabe and Ito (2008); black and the darkest blue are lifted for the dark ground
  light: ["#0072B2", "#D55E00", "#009E73", "#B0588F", "#2A8FC7", "#B87A00", "#1b1f24"],
  dark: ["#4FB0EC", "#FF8A3C", "#2CCB9B", "#E79AC6", "#9AD4F7", "#F0B93A", "#E4E7EB"],
};
const MARKERS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star", "hexagon"];
const ACROSS = {
  kept: ["Encoder matrix weights kept (%)", (cell) => cell.kept],
  macs: ["Multiply-accumulates of one input", (cell) => cell.macs],
  parameters: ["Parameters of the whole model", (cell) => cell.parameters],
  ...(timed ? { latency: ["Milliseconds of a forward pass, batch 1", (cell) => cell.latency["1"]?.[0] ?? null] } : {}),
};
const AGAINST = { kept: "weights kept", macs: "MACs", parameters: "parameters", latency: "latency" };
// Named one by one: the library's usual set has a button that sends the data to a server.
const BUTTONS = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const plots = { drawn: [] };
const library = once(() => new Promise((loaded, failed) => {
  const script = el("script", { src: "plotly.min.js" });
  script.onload = loaded;
  script.onerror = () => failed(new Error("plotly.min.js is not beside this page"));
  document.head.append(script);
}));

function lines(found, nameOf, x, y, chosen) {  // one line a name; points without x or y are left out
  const byName = new Map();
  for (const cell of found) {
    const [across, up] = [x(cell), y(cell, chosen)];
    if (across === null || across === undefined || !up) continue;
    if (!byName.has(nameOf(cell))) byName.set(nameOf(cell), []);
    byName.get(nameOf(cell)).push({ x: across, y: up[0], sd: up[1], n: up[2], cell });
  }
  return [...byName].map(([name, points]) => ({ name, points: points.sort((a, b) => a.x - b.x) }));
}
function front(found) {  // means that no smaller or equal model reaches
  const points = found.flatMap((line) => line.points).sort((a, b) => a.x - b.x || b.y - a.y);
  const best = [];
  for (const point of points) if (!best.length || point.y > best.at(-1).y) best.push(point);
  return best;
}
const base = (cell) => cell.method.split("(")[0];
const rankOf = (cell) => {
  const rank = cell.ranks.sparse_rank ?? cell.ranks.rank;
  return rank === undefined || rank === null ? null : [rank, null, cell.scores[settingOf(cell).metric]?.[2] ?? 0];
};
const prunedTo = (cell) => cell.v ?? (cell.family === "Unstructured pruning" ? cell.budget : null);

function figuresOf(found, across, metric) {
  const compressed = found.filter((cell) => !cell.reference);
  const score = (cell, chosen) => scoreOf(cell, chosen);
  const name = metric || settingOf(found[0]).metric;
  const trade = lines(compressed, fullNameWithin(compressed), ACROSS[across][1], score, metric);
  const dense = found.filter((cell) => cell.reference && scoreOf(cell, metric));
  return [
    { title: `${name} against ${AGAINST[across]}`,
      x: ACROSS[across][0], y: `${name} (points)`, log: true, lines: trade, front: front(trade),
      level: dense.map((cell) => [cell.label, scoreOf(cell, metric)[0]]),
      empty: "No compressed method has this metric in this setting." },
    { title: `${name} against p_init`, x: "p_init", y: `${name} (points)`,
      lines: lines(compressed, (cell) => `${base(cell)} at ${share(cell.budget)}`, (cell) => cell.p_init, score, metric),
      empty: "No run of this setting names its p_init; a sweep does: --methods 'lpaf(p_init=0.1),lpaf(p_init=0.5)'." },
    { title: "Rank against v", x: "v: weights kept by pruning (%)", y: "average numerical rank", zero: true,
      lines: lines(compressed, (cell) => (cell.v === null ? cell.label : base(cell)),
        (cell) => (prunedTo(cell) === null ? null : 100 * prunedTo(cell)), rankOf, metric),
      empty: "No pruned model of this setting has its rank recorded." },
  ];
}
function fullNameWithin(found) {  // a label that two methods share gets the method's name
  const methods = new Map();
  for (const cell of found) methods.set(cell.label, (methods.get(cell.label) ?? new Set()).add(cell.method));
  return (cell) => (methods.get(cell.label).size > 1 ? fullName(cell) : cell.label);
}
const plotText = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);  // plotly reads markup

function traces(figure, colours) {
  const shown = figure.lines.map(({ name, points }, place) => ({
    type: "scatter", mode: "lines+markers", name: plotText(name), x: points.map((one) => one.x), y: points.map((one) => one.y),
    error_y: { type: "data", array: points.map((one) => one.sd ?? 0), thickness: 1.2, width: 4, visible: points.some((one) => one.sd) },
    line: { color: colours[place % colours.length], width: 1.8 },
    marker: { symbol: MARKERS[place % MARKERS.length], size: 9 },
    customdata: points.map((one) => [share(one.cell.budget), one.n]),
    hovertemplate: "%{fullData.name}, budget %{customdata[0]}<br>%{x:.4~g}: %{y:.2f} (n = %{customdata[1]})<extra></extra>",
  }));
  if (figure.front?.length > 1) shown.push({
    type: "scatter", mode: "lines", name: "Pareto front of the means", x: figure.front.map((one) => one.x),
    y: figure.front.map((one) => one.y), line: { shape: "hv", dash: "dot", width: 1.5, color: colours.at(-1) }, hoverinfo: "skip",
  });
  return shown;
}
const PLOT = { area: 330, left: 56, right: 16, bottom: 64, row: 20, letter: 7.2, sign: 48, font: 13 };  // pixels
function legendOf(names, width) {  // plotly squeezes the axes for a long legend; this one makes the figure longer instead
  const room = Math.max(width - PLOT.left - PLOT.right, 1);
  const entry = Math.min(Math.max(...names.map((name) => name.length)) * PLOT.letter, room - PLOT.sign);
  const columns = Math.max(1, Math.floor(room / (entry + PLOT.sign)));
  return { entry, height: Math.ceil(names.length / columns) * PLOT.row };
}
function layout(figure, style, legend) {
  const levels = figure.level ?? [];
  const ticks = figure.log ? [...new Set(figure.lines.flatMap((line) => line.points.map((one) => Number(one.x.toPrecision(2)))))] : null;
  const apart = ticks?.sort((a, b) => a - b).filter((tick, place, all) => !place || tick / all[place - 1] > 1.08);
  const axis = { gridcolor: style.line, linecolor: style.line, zerolinecolor: style.line, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: style.ink, family: style.font, size: PLOT.font },
    margin: { l: PLOT.left, r: PLOT.right, t: 24, b: PLOT.bottom + legend.height }, showlegend: true,
    legend: { orientation: "h", yref: "container", y: 0.01, yanchor: "bottom", entrywidth: legend.entry, entrywidthmode: "pixels",
      maxheight: legend.height + PLOT.row, font: { size: PLOT.font - 1 } },
    hovermode: "closest", hoverlabel: { font: { family: style.font } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: style.quiet, activecolor: style.ink },
    xaxis: { ...axis, title: { text: figure.x }, ...(figure.log ? { type: "log", tickvals: apart, ticktext: apart.map(short) } : {}) },
    yaxis: { ...axis, title: { text: figure.y }, ...(figure.zero ? { rangemode: "tozero" } : {}) },
    shapes: levels.map(([, y]) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { dash: "dash", width: 1.2, color: style.ink } })),
    annotations: levels.map(([name, y]) => ({ xref: "paper", x: 0, xanchor: "left", y, yanchor: "bottom", showarrow: false, text: plotText(`${name} ${fixed(y)}`) })),
  };
}
function numbers(figure) {
  const rows = figure.lines.flatMap(({ name, points }) =>
    points.map((one) => [name, share(one.cell.budget), short(Number(one.x.toPrecision(4))), fixed(one.y), fixed(one.sd), String(one.n)]));
  return el("details", {}, el("summary", {}, "The numbers of this plot"),
    plainTable(["Line", "Budget", figure.x, figure.y, "sd", "n"], rows, figure.title));
}
const resized = new ResizeObserver((entries) => {  // also when a scroll bar comes, or a view that was hidden is shown
  const other = entries.some(({ target }) => target.clientWidth && target.clientWidth !== Number(target.dataset.width));
  if (other && window.Plotly) requestAnimationFrame(drawPlots);
});
function drawPlots() {
  const ground = getComputedStyle(document.body);
  const style = { ink: ground.color, font: ground.fontFamily, quiet: getComputedStyle(byId("plot-status")).color,
    line: getComputedStyle(document.querySelector("header")).borderBottomColor };
  const dark = ground.color.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0) > 384;
  for (const { figure, node } of plots.drawn) {
    const shown = traces(figure, COLOURS[dark ? "dark" : "light"]);
    const width = node.clientWidth || Number(node.dataset.width);  // 0 while another view is shown
    const legend = legendOf(shown.map((one) => one.name), width);
    const height = PLOT.area + PLOT.bottom + legend.height;
    node.dataset.width = width;
    node.style.height = `${height}px`;
    window.Plotly.react(node, shown, { ...layout(figure, style, legend), width, height },
      { displaylogo: false, plotlyServerURL: "", modeBarButtons: BUTTONS });
  }
}
async function refreshPlots() {
  const status = byId("plot-status");
  const found = board.cells.filter((cell) => String(cell.setting) === plots.setting.value);
  const figures = figuresOf(found, plots.across.value, plots.metric.value);
  for (const { node } of plots.drawn) window.Plotly?.purge(node);
  plots.drawn = [];
  resized.disconnect();
  byId("figures").replaceChildren(...figures.map((figure) => {
    if (!figure.lines.length) return el("figure", {}, el("h2", {}, figure.title), el("p", { class: "plot empty" }, figure.empty));
    const node = el("div", { class: "plot", role: "img", "aria-label": `${figure.title}; its numbers are in the table below` });
    plots.drawn.push({ figure, node });
    resized.observe(node);
    return el("figure", {}, el("h2", {}, figure.title), node, numbers(figure));
  }));
  if (!window.Plotly) status.textContent = "Reading the library that draws …";
  try {
    await library();
    drawPlots();
    status.textContent = `${plots.drawn.length} of ${figures.length} plots have points in this setting`;
  } catch (fault) {
    status.textContent = `The plots cannot be drawn: ${fault.message}.`;
  }
}
const showPlots = once(() => {
  const named = board.settings.map((one, place) => [String(place), `${one.task} · ${one.backbone} · ${one.protocol}`]);
  named.sort(([, one], [, other]) => collator.compare(one, other));
  const withPoints = named.filter(([place]) => board.cells.some((cell) => String(cell.setting) === place && !cell.reference));
  if (!withPoints.length) { byId("plot-status").textContent = "No compressed method has been measured yet."; return true; }
  const metricsOf = () => distinct(board.cells.filter((cell) => String(cell.setting) === plots.setting.value).flatMap((cell) => Object.keys(cell.scores)));
  const fillMetrics = () => plots.metric.replaceChildren(el("option", { value: MAIN }, "the task's own"),
    ...metricsOf().map((one) => el("option", { value: one }, one)));
  plots.setting = choice("setting", withPoints, () => { fillMetrics(); refreshPlots(); });
  plots.across = choice("across", Object.entries(ACROSS).map(([value, [text]]) => [value, text]), refreshPlots);
  plots.metric = choice("plot-metric", [], refreshPlots);
  fillMetrics();
  byId("plot-choices").append(labelled("Setting", plots.setting), labelled("Size", plots.across), labelled("Metric", plots.metric));
  refreshPlots();
  return true;
});

// One cell

function flat(value, prefix = "") {
  if (value === null || typeof value !== "object") return [[prefix, String(value)]];
  if (Array.isArray(value)) return [[prefix, value.map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(", ")]];
  return Object.entries(value).flatMap(([name, item]) => flat(item, prefix ? `${prefix}.${name}` : name));
}
function answered({ predictions }) {
  if (typeof predictions === "string") return [DASH, DASH];
  const of = (count) => `${count} of ${predictions.examples}`;
  return [of(predictions.right), predictions.agreeing === null ? DASH
    : `${fixed((100 * predictions.agreeing) / predictions.examples)} % (${predictions.agreeing})`];
}
function confusion({ predictions }) {
  if (typeof predictions === "string") return el("p", { class: "note" }, `No summary: ${predictions}.`);
  const why = predictions.reason ? el("p", { class: "note" }, `Agreement with the dense model: ${predictions.reason}.`) : null;
  if (predictions.confusion === null) return why ?? el("p", { class: "note" }, "Too many classes for a table of confusions.");
  const classes = predictions.confusion.map((_, place) => String(place));
  return el("div", {}, plainTable(["Label \\ answer", ...classes.map((one) => `answer ${one}`)],
    predictions.confusion.map((row, place) => [`label ${place}`, ...row.map(String)]), "Examples by label and answer",
    { class: "confusion" }), why);
}
function byLength({ predictions }) {
  if (typeof predictions === "string") return [];
  const name = "Right answers by length in word pieces";
  if (!predictions.lengths.length) return [el("h4", {}, name), el("p", { class: "note" }, "No lengths: the predictions were stored without them.")];
  return [el("h4", {}, name), plainTable(["Word pieces", "Examples", "Right", "Share"], predictions.lengths.map(([length, examples, right]) =>
    [length, String(examples), String(right), `${fixed((100 * right) / examples)} %`]), name, { class: "confusion" })];
}
function details(run, provenances) {
  const { sizes, cost } = run;
  return el("details", { class: "group" }, el("summary", {}, el("h3", {}, `Seed ${run.seed}`), ` ${run.key.slice(0, 12)}`),
    el("h4", {}, "Predictions"), confusion(run), ...byLength(run),
    el("h4", {}, "Metrics of every split (points)"),
    facts(Object.entries(run.metrics).flatMap(([split, metrics]) =>
      Object.entries(metrics).map(([name, value]) => [`${split}: ${name}`, fixed(value, 2)]))),
    el("h4", {}, "Sizes"), facts([
      ["Non-zero encoder weights", whole(sizes.encoder_nonzero)], ["Stored encoder weights", whole(sizes.encoder_weights)],
      ["Encoder weights of the dense model", whole(sizes.dense_encoder_weights)], ["Parameters of the whole model", whole(sizes.whole_parameters)],
      [`MACs at ${sizes.macs_length} word pieces`, whole(sizes.macs)]]),
    el("h4", {}, "Average ranks of the compressed matrices"),
    facts(Object.entries(run.ranks).map(([name, value]) => [name.replaceAll("_", " "), fixed(value)])),
    el("h4", {}, "Cost"), facts([
      ["Beyond tokenising and the dense teacher", duration(cost.seconds_marginal)], ["Alone, everything", duration(cost.seconds_standalone)],
      ["Peak memory", `${short(cost.peak_memory_bytes)}B`]]),
    ...(run.latency ? [el("h4", {}, "Latency of a forward pass"), facts([
      ...Object.entries(run.latency.batches).map(([size, one]) => [`Batch ${size}`,
        `${milliseconds(one.median)} (quartiles ${milliseconds(one.lower_quartile)} to ${milliseconds(one.upper_quartile)})`]),
      ["Measured", `${run.latency.repeats} passes of ${run.latency.length} word pieces, ${run.latency.precision}, `
        + `${run.latency.device}, threads: ${run.latency.threads}`]])] : []),
    ...(run.notes.length ? [el("h4", {}, "Notes"), el("ul", {}, ...run.notes.map((note) => el("li", {}, note)))] : []),
    el("h4", {}, "Provenance"), facts([["Record", run.file], ["Key", run.key], ["Stage", run.stage], ...flat(provenances[run.provenance])]),
    el("details", {}, el("summary", {}, "Training protocol in full"), facts(flat(provenances[run.recipes]))));
}
function openCell(id) {
  const cell = cells.get(id);
  if (!cell) return;
  const setting = settingOf(cell), { knobs, runs: found } = runs().cells[id], { provenances } = runs();
  const close = el("button", { type: "button" }, "Close");
  const dialog = byId("cell");
  close.addEventListener("click", () => dialog.close());
  const scores = Object.entries(cell.scores).map(([name, score]) => [`${name} on ${setting.split}`, `${meanAndSpread(score)} (n = ${score[2]})`]);
  const names = distinct(found.flatMap((run) => Object.keys(run.metrics[setting.split] ?? {})));
  const rows = found.map((run) => [`seed ${run.seed}`, ...names.map((name) => fixed(run.metrics[setting.split]?.[name], 2)),
    ...answered(run), duration(run.cost.seconds_marginal), duration(run.cost.seconds_standalone)]);
  dialog.replaceChildren(
    el("div", { class: "bar" }, el("h2", { id: "cell-title" }, `${cell.label}, ${setting.task}${cell.reference ? "" : `, ${share(cell.budget)} kept`}`), close),
    el("div", { class: "body" },
      cell.fault ? el("p", { class: "warning" }, cell.fault) : null,
      ...cell.reasons.map((one) => el("p", { class: "warning" }, one)),
      facts([...scores, ["Method", cell.method], ["Family", cell.family], ["Backbone", `${setting.backbone}, ${setting.fingerprints[0].slice(0, 12)}`],
        ["Protocol", setting.protocol], ["Data", setting.fingerprints[1].slice(0, 12)], ["Weights kept", cell.kept === null ? DASH : `${fixed(cell.kept, 2)} %`]]),
      el("details", {}, el("summary", {}, "Hyper-parameters"), facts(flat(knobs))),
      el("h3", {}, "Runs"),
      rows.length ? plainTable(["Run", ...names, "Right answers", "As the dense model", "Own time", "Time alone"], rows, "Runs of this cell")
        : el("p", { class: "note" }, "This cell has no run."),
      ...found.map((run) => details(run, provenances))));
  dialog.showModal();
  dialog.scrollTop = 0;
}

// Views and theme

const VIEWS = { overview: () => true, leaderboard: showBoard, plots: showPlots, paper: showPaper, lint: () => true };
let view = "overview";
function show(name) {
  view = name;
  for (const section of document.querySelectorAll("[data-view]")) section.classList.toggle("shown", section.id === name);
  for (const link of document.querySelectorAll("nav a"))
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  VIEWS[name]();
}
function route(first) {
  const name = location.hash.slice(1), dialog = byId("cell");
  if (name.startsWith("cell-")) return openCell(name.slice(5));
  if (dialog.open) dialog.close();
  if (!Object.hasOwn(VIEWS, name)) return undefined;  // the skip link's
  if (name !== view || first) {
    show(name);
    if (name === "plots" && window.Plotly) for (const { node } of plots.drawn) window.Plotly.Plots.resize(node);
    window.scrollTo(0, 0);
    byId(`${name}-title`).focus({ preventScroll: true });
  }
  return undefined;
}
byId("cell").addEventListener("close", () => { if (location.hash.startsWith("#cell-")) history.replaceState(null, "", `#${view}`); });
byId("cell").addEventListener("click", (event) => { if (event.target === byId("cell")) byId("cell").close(); });
window.addEventListener("hashchange", () => route(false));

const THEMES = ["system", "light", "dark"];
const remembered = {
  get() { try { return localStorage.getItem("weighin-theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("weighin-theme", value); } catch { /* a browser may forbid it: then it is not kept */ } },
};
function dress(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
  if (window.Plotly) drawPlots();
}
const toggle = byId("theme");
let theme = THEMES.includes(remembered.get()) ? remembered.get() : "system";
toggle.hidden = false;
toggle.addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  remembered.set(theme);
  dress(theme);
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (window.Plotly) drawPlots(); });
dress(theme);
show("overview");
route(true);
})();
