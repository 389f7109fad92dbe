// Follows the catalogue: asks once a second whether anything changed, and touches only the cards that did.
"use strict";

const POLL_MILLISECONDS = 1000;
const HIGHLIGHT_MILLISECONDS = 3000;
const cards = new Map(); // item id → {element, version, picture}
const sections = new Map(); // company id → element
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
let etag = null;
let first = true;

function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function setStatus(state, text) {
  const status = document.getElementById("status");
  if (status.dataset.state === state && status.lastElementChild.textContent === text) return;
  status.dataset.state = state;
  status.lastElementChild.textContent = text;
}

function weight(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${Math.round(bytes / 1000)} KB`;
}

function age(moment) {
  const seconds = Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return relative.format(-Math.floor(seconds), "second");
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return relative.format(-Math.floor(seconds / 3600), "hour");
  return relative.format(-Math.floor(seconds / 86400), "day");
}

function showPicture(stage, item) {
  const shown = stage.querySelector("img");
  if (!item.picture) {
    shown?.remove();
    return;
  }
  const image = new Image();
  image.alt = `${item.name} (${item.number})`;
  image.width = item.picture.width;
  image.height = item.picture.height;
  // The old picture stays until the new one is there: no flicker. What is late is not shown any more.
  image.addEventListener("load", () => {
    if (cards.get(item.id)?.version !== item.version) return;
    stage.querySelector("img")?.remove();
    stage.append(image);
  });
  image.src = item.picture.href;
}

function fillCard(card, item) {
  const { picture } = item;
  card.querySelector(".number").textContent = item.number;
  card.querySelector("h3").textContent = item.name;
  card.querySelector(".size").textContent = picture
    ? `${picture.width} × ${picture.height} · ${weight(picture.bytes)}`
    : "No picture yet";
  const changed = card.querySelector("time");
  changed.dateTime = picture ? picture.changed : "";
  changed.title = picture ? `Changed ${new Date(picture.changed).toLocaleString()}` : "";
  changed.textContent = picture ? age(picture.changed) : "";
  showPicture(card.querySelector(".stage"), item);
}

function highlight(card) {
  card.classList.remove("fresh");
  void card.offsetWidth; // restarts the animation
  card.classList.add("fresh");
  setTimeout(() => card.classList.remove("fresh"), HIGHLIGHT_MILLISECONDS);
}

function updateItem(item, list) {
  const known = cards.get(item.id);
  const element = known?.element ?? list.appendChild(copyOf("card-template"));
  if (known?.version === item.version) return false;
  cards.set(item.id, { element, version: item.version });
  fillCard(element, item);
  if (first || !item.picture) return false;
  highlight(element);
  return true;
}

function updateCompany(company) {
  if (!sections.has(company.id)) {
    const section = document.getElementById("companies").appendChild(copyOf("company-template"));
    const heading = section.querySelector("h2");
    heading.id = `company-${company.id}`;
    section.setAttribute("aria-labelledby", heading.id);
    section.querySelector("progress").setAttribute("aria-hidden", "true"); // the text beside it says the same
    sections.set(company.id, section);
  }
  const section = sections.get(company.id);
  const withPicture = company.items.filter((item) => item.picture).length;
  section.querySelector("h2").textContent = company.name;
  section.querySelector(".tally-text").textContent = `${withPicture} of ${company.items.length} with a picture`;
  section.querySelector("progress").value = company.items.length ? withPicture / company.items.length : 0;
  return company.items.filter((item) => updateItem(item, section.querySelector(".cards")));
}

function removeOthers(known, ids, elementOf) {
  for (const [id, entry] of known) {
    if (ids.has(id)) continue;
    elementOf(entry).remove();
    known.delete(id);
  }
}

function show(companies) {
  removeOthers(sections, new Set(companies.map((company) => company.id)), (section) => section);
  removeOthers(cards, new Set(companies.flatMap((company) => company.items.map((item) => item.id))), (card) => card.element);
  const changed = companies.flatMap(updateCompany);
  first = false;
  if (changed.length === 1) announce(`New picture: ${changed[0].name}, ${changed[0].number}`);
  if (changed.length > 1) announce(`${changed.length} new pictures`);
}

function announce(text) {
  document.getElementById("news").textContent = text;
}

function refreshAges() {
  for (const changed of document.querySelectorAll("time[datetime]")) {
    if (changed.dateTime && changed.textContent !== age(changed.dateTime)) changed.textContent = age(changed.dateTime);
  }
}

async function poll() {
  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const response = await fetch("/catalogue/state", { headers, cache: "no-store" });
    if (response.ok) {
      etag = response.headers.get("ETag");
      show((await response.json()).companies);
    }
    setStatus("live", "Live");
  } catch {
    setStatus("lost", "Not connected");
  }
  refreshAges();
  setTimeout(poll, POLL_MILLISECONDS);
}

poll();
