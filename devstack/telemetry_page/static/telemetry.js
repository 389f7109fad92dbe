// Follows the telemetry: asks every two seconds, and replaces only the panels that changed.
"use strict";

const POLL_MILLISECONDS = 2000;
const TYPING_MILLISECONDS = 300;
const MOST_COLUMNS = 8; // of a table; with more, each row becomes a record
const LONG_TEXT = 24; // characters; longer ones may break anywhere
const FIRST_SPAN = 3_600_000;
const SHORT_SPANS = [5 * 60_000, 15 * 60_000]; // a local run is short
const shown = []; // {text, elements} of each panel
const selected = {}; // parameters that selecting a row sets
let etag = null;
let timer = null;
let turn = 0;
let comesIntoView = null; // the parameter whose panel is scrolled to once it is there
let drawnWidth = 0;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function setStatus(state, text) {
  const status = document.getElementById("status");
  status.dataset.state = state;
  if (status.lastElementChild.textContent !== text) status.lastElementChild.textContent = text;
}

function words(name) {
  return name.replaceAll("_", " ");
}

function clock(moment) {
  return new Date(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function shortNumber(value) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

function spanName(milliseconds) {
  const minutes = milliseconds / 60_000;
  if (minutes < 60) return `${minutes} minutes`;
  if (minutes < 1440) return minutes === 60 ? "1 hour" : `${minutes / 60} hours`;
  return minutes === 1440 ? "1 day" : `${minutes / 1440} days`;
}

// The workbook's texts use headings and `code`.
function textPanel(panel) {
  return panel.text.split("\n").filter(Boolean).map((line) => {
    const made = element(line.startsWith("#") ? "h2" : "p");
    line.replace(/^#+\s*/, "").split("`").forEach((piece, index) => {
      made.append(index % 2 ? element("code", piece) : piece);
    });
    return made;
  });
}

function tiles(panel) {
  const list = element("ul", undefined, "tiles");
  const [title, value] = [panel.tile.titleContent, panel.tile.leftContent].map((name) => panel.columns.indexOf(name));
  for (const row of panel.rows) {
    const tile = list.appendChild(element("li", undefined, "tile"));
    tile.append(element("strong", shortNumber(row[value])), element("span", row[title]));
  }
  return list;
}

function button(text, action) {
  const made = element("button", text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

function select(parameter, value) {
  selected[parameter] = value;
  comesIntoView = parameter;
  pollSoon(0);
}

function cell(panel, name, value) {
  const made = element("td");
  if (value === null || value === "") {
    made.dataset.empty = "";
  } else if (panel.links.includes(name)) {
    made.append(button("Open", () => openTrace(value)));
  } else if (panel.selects?.fieldName === name) {
    made.append(button("Select", () => select(panel.selects.parameterName, value)));
  } else if (typeof value === "object") {
    const time = element("time", clock(value.time));
    time.dateTime = value.time;
    time.title = new Date(value.time).toLocaleString();
    made.append(time);
  } else if (typeof value === "number") {
    made.className = "number";
    made.append(element("span", shortNumber(value)));
  } else {
    made.append(element("span", String(value), value.length > LONG_TEXT ? "long" : ""));
  }
  return made;
}

function table(panel) {
  const filled = panel.columns.map((_, index) => panel.rows.some((row) => row[index] !== null && row[index] !== ""));
  const columns = panel.columns.map((name, index) => ({ name, index })).filter(({ index }) => filled[index]);
  const made = element("table", undefined, columns.length > MOST_COLUMNS ? "records" : "");
  const head = made.appendChild(element("thead")).appendChild(element("tr"));
  for (const { name, index } of columns) {
    const isNumber = panel.rows.some((row) => typeof row[index] === "number");
    head.append(element("th", words(name), isNumber ? "number" : ""));
  }
  const body = made.appendChild(element("tbody"));
  for (const row of panel.rows) {
    const line = body.appendChild(element("tr"));
    for (const { name, index } of columns) {
      const made = line.appendChild(cell(panel, name, row[index]));
      made.dataset.column = words(name);
    }
  }
  const around = element("div", undefined, "scroll");
  around.tabIndex = 0; // so that keys can scroll it
  around.append(made);
  return around;
}

const DRAWINGS = { tiles, table, barchart: bars, linechart: lines };

function content(panel, width) {
  if (panel.error) return element("p", panel.error, "error");
  if (!panel.rows.length) return element("p", panel.nothing, "nothing");
  return (DRAWINGS[panel.kind] ?? table)(panel, width);
}

function queryPanel(panel, place) {
  const section = element("section", undefined, "panel");
  const heading = section.appendChild(element("h3", panel.title));
  heading.id = `panel-${place}`;
  section.setAttribute("aria-labelledby", heading.id);
  if (panel.waits_for) section.dataset.waitsFor = panel.waits_for;
  try {
    section.append(content(panel, drawnWidth - 90));
  } catch (error) {
    section.append(element("p", `This panel cannot be drawn: ${error}`, "error"));
  }
  if (panel.total > panel.rows?.length) {
    section.append(element("p", `The first ${panel.rows.length} of ${shortNumber(panel.total)}.`, "note"));
  }
  return [section];
}

function show(panels) {
  const main = document.getElementById("panels");
  drawnWidth = main.clientWidth;
  if (shown.length !== panels.length) {
    main.replaceChildren();
    shown.length = 0;
  }
  panels.forEach((panel, place) => {
    const text = JSON.stringify(panel);
    if (shown[place]?.text === text) return;
    const elements = panel.kind === "text" ? textPanel(panel) : queryPanel(panel, place);
    if (shown[place]) {
      const [first, ...rest] = shown[place].elements;
      for (const each of rest) each.remove();
      first.replaceWith(...elements);
    } else {
      main.append(...elements);
    }
    shown[place] = { text, elements };
  });
}

function showSpans(spans) {
  const select = document.getElementById("span");
  if (select.options.length) return;
  for (const milliseconds of [...SHORT_SPANS, ...spans]) select.add(new Option(spanName(milliseconds), milliseconds));
  select.value = FIRST_SPAN;
}

// Returns what the status says; an answer that comes after a newer question counts no more.
async function update(now) {
  const Search = document.getElementById("search").value.trim();
  const span = document.getElementById("span").value || FIRST_SPAN;
  const headers = etag ? { "If-None-Match": etag } : {};
  const query = new URLSearchParams({ span, Search, ...selected });
  const response = await fetch(`/telemetry/state?${query}`, { headers, cache: "no-store" });
  if (response.status === 304) return "Live";
  if (!response.ok) return `Error ${response.status}`;
  const { spans, panels } = await response.json();
  if (now !== turn) return "Live";
  etag = response.headers.get("ETag");
  showSpans(spans);
  show(panels);
  if (comesIntoView) document.querySelector(`[data-waits-for="${comesIntoView}"]`)?.scrollIntoView();
  comesIntoView = null;
  return "Live";
}

async function poll() {
  const now = ++turn;
  clearTimeout(timer);
  const status = await update(now).catch(() => "Not connected");
  if (now !== turn) return;
  setStatus(status === "Live" ? "live" : "lost", status);
  timer = setTimeout(poll, POLL_MILLISECONDS);
}

function pollSoon(milliseconds) {
  clearTimeout(timer);
  turn += 1;
  timer = setTimeout(poll, milliseconds);
}

function traceRow(row, start) {
  const line = element("li", undefined, `depth-${Math.min(row.depth, 3)}`);
  if (row.failed) line.classList.add("failed");
  const isOurs = ([name, value]) => name.startsWith("item_picture.") || typeof value === "number";
  const facts = Object.entries(row.facts).filter(isOurs);
  const took = row.duration === null ? "" : `, took ${shortNumber(row.duration)} ms`;
  line.append(element("strong", row.name));
  line.append(element("p", `${row.table}, after ${Date.parse(row.timestamp) - start} ms${took}${row.result ? `, result ${row.result}` : ""}`));
  if (facts.length) {
    line.append(element("p", facts.map(([name, value]) => `${name.replace("item_picture.", "")}: ${value}`).join(" · ")));
  }
  return line;
}

async function openTrace(itemId) {
  const list = document.getElementById("trace-rows");
  list.replaceChildren();
  document.getElementById("trace").showModal();
  try {
    const response = await fetch(`/telemetry/traces/${encodeURIComponent(itemId)}`, { cache: "no-store" });
    const { rows } = await response.json();
    if (!rows.length) throw new Error("its rows are gone: only the newest are kept");
    const start = Math.min(...rows.map((row) => Date.parse(row.timestamp)));
    list.replaceChildren(...rows.map((row) => traceRow(row, start)));
  } catch (error) {
    list.replaceChildren(element("li", `The trace cannot be shown: ${error.message}.`, "error"));
  }
}

document.getElementById("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  comesIntoView = "Search";
  pollSoon(0);
});
document.getElementById("search").addEventListener("input", () => {
  for (const parameter of Object.keys(selected)) delete selected[parameter];
  pollSoon(TYPING_MILLISECONDS);
});
document.getElementById("span").addEventListener("change", () => pollSoon(0));
window.addEventListener("resize", () => {
  const width = document.getElementById("panels").clientWidth;
  if (width === drawnWidth) return; // a phone's keyboard changes the height only
  etag = null; // charts are as wide as the window
  shown.length = 0;
  pollSoon(TYPING_MILLISECONDS);
});

poll();
