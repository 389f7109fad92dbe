// Draws a panel's rows as bars or lines, in SVG.
"use strict";

const HEIGHT = 190;
const MARGIN = { top: 8, right: 8, bottom: 22, left: 44 };
const OUTCOMES = ["updated", "unchanged", "superseded", "waiting", "quarantined", "failed"];
const PALETTE_SIZE = 6;

function svg(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function seriesClass(name, index) {
  return OUTCOMES.includes(name) ? `outcome-${name}` : `series-${index % PALETTE_SIZE}`;
}

// Returns a number above or at `largest` that is easy to read: 1, 2 or 5 times a power of ten.
function roundedUp(largest) {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= largest);
}

function frame(width, top, label) {
  const drawing = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const share of [0, 0.5, 1]) {
    const y = heightOf(share * top, top);
    drawing.append(svg("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }));
    drawing.append(svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, shortNumber(share * top)));
  }
  return drawing;
}

function heightOf(value, top) {
  return HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
}

function timeLabel(drawing, x, moment, anchor) {
  drawing.append(svg("text", { x, y: HEIGHT - 6, "text-anchor": anchor }, clock(moment)));
}

function legend(entries) {
  const list = document.createElement("ul");
  list.className = "legend";
  entries.forEach(([name, text], index) => {
    const entry = list.appendChild(document.createElement("li"));
    const mark = svg("svg", { width: 10, height: 10, "aria-hidden": "true" });
    mark.append(svg("rect", { width: 10, height: 10, rx: 2, class: seriesClass(name, index) }));
    entry.append(mark, text);
  });
  return list;
}

function figure(drawing, entries) {
  const element = document.createElement("figure");
  element.append(drawing, legend(entries));
  return element;
}

// Stacks a bar for each time, in the groups' order.
function bars(panel, width) {
  const column = (name) => panel.columns.indexOf(name);
  const [x, y, group] = [column(panel.chart.xAxis), column(panel.chart.yAxis[0]), column(panel.chart.group)];
  const times = [...new Set(panel.rows.map((row) => row[x].time))].sort();
  const groups = [...new Set(panel.rows.map((row) => row[group]))];
  const totals = new Map(times.map((time) => [time, 0]));
  for (const row of panel.rows) totals.set(row[x].time, totals.get(row[x].time) + row[y]);
  const top = roundedUp(Math.max(...totals.values()));
  const texts = groups.map((name) => {
    const sum = panel.rows.filter((row) => row[group] === name).reduce((total, row) => total + row[y], 0);
    return [name, `${name}: ${shortNumber(sum)}`];
  });
  const drawing = frame(width, top, `${panel.title}. ${texts.map(([, text]) => text).join(", ")}`);
  const step = (width - MARGIN.left - MARGIN.right) / times.length;
  const barWidth = Math.max(1, Math.min(56, step * 0.7));
  times.forEach((time, place) => {
    const middle = MARGIN.left + (place + 0.5) * step;
    let below = 0;
    groups.forEach((name, index) => {
      const row = panel.rows.find((each) => each[x].time === time && each[group] === name);
      if (!row) return;
      const [from, to] = [heightOf(below, top), heightOf(below + row[y], top)];
      const bar = svg("rect", { x: middle - barWidth / 2, y: to, width: barWidth, height: from - to, class: seriesClass(name, index) });
      bar.append(svg("title", {}, `${clock(time)} ${name}: ${row[y]}`));
      drawing.append(bar);
      below += row[y];
    });
    if (place % Math.ceil(56 / step) === 0) timeLabel(drawing, middle, time, "middle");
  });
  return figure(drawing, texts);
}

// Draws a line for each column of the y axis; a missing value interrupts it.
function lines(panel, width) {
  const x = panel.columns.indexOf(panel.chart.xAxis);
  const rows = [...panel.rows].sort((one, other) => (one[x].time < other[x].time ? -1 : 1));
  const moments = rows.map((row) => Date.parse(row[x].time));
  const [first, last] = [moments[0], moments[moments.length - 1]];
  const series = panel.chart.yAxis.map((name) => [name, rows.map((row) => row[panel.columns.indexOf(name)])]);
  const values = series.flatMap(([, each]) => each).filter((value) => value !== null);
  const top = roundedUp(Math.max(0, ...values));
  const texts = series.map(([name, each]) => [name, `${words(name)}: ${shortNumber(each[each.length - 1])} at last`]);
  const drawing = frame(width, top, `${panel.title}. ${texts.map(([, text]) => text).join(", ")}`);
  const span = width - MARGIN.left - MARGIN.right;
  const place = (moment) => MARGIN.left + (last > first ? (moment - first) / (last - first) : 0.5) * span;
  series.forEach(([name, each], index) => {
    const style = seriesClass(name, index);
    let run = [];
    const end = () => {
      if (run.length > 1) drawing.append(svg("polyline", { points: run.join(" "), class: style, fill: "none" }));
      run = [];
    };
    each.forEach((value, row) => {
      if (value === null) return end();
      const [cx, cy] = [place(moments[row]), heightOf(value, top)];
      run.push(`${cx},${cy}`);
      if (rows.length <= 60) drawing.append(svg("circle", { cx, cy, r: 2.5, class: style }));
    });
    end();
  });
  timeLabel(drawing, place(first), first, last > first ? "start" : "middle");
  if (last > first) timeLabel(drawing, place(last), last, "end");
  return figure(drawing, texts);
}
