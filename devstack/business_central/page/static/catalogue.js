// Follows the catalogue: polls once a second and updates only the cards that changed.
"use strict";

const POLL_MILLISECONDS = 1000;
const HIGHLIGHT_MILLISECONDS = 3000;
const cards = new Map(); // item id → {element, version, picture}
const sections = new Map(); // company id → element
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
let etag = null;
let firstUpdate = true;

function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function setStatus(state, text) {
  const status = document.getElementById("status");
  if (status.dataset.state === state && status.lastElementChild.textContent === text) return;
  status.dataset.state = state;
  status.lastElementChild.textContent = text;
}

function fileSize(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KiB`;
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
  if (!item.picture) {
    stage.querySelector("img")?.remove();
    return;
  }
  const image = new Image();
  image.alt = `${item.name} (${item.number})`;
  image.width = item.picture.width;
  image.height = item.picture.height;
  // Keeps the old picture until the new one has loaded, so nothing flickers; ignores a picture that loads too late.
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
    ? `${picture.width} × ${picture.height} · ${fileSize(picture.bytes)}`
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
  const card = cards.get(item.id);
  if (card?.version === item.version) return false;
  const element = card?.element ?? list.appendChild(copyOf("card-template"));
  cards.set(item.id, { element, version: item.version });
  fillCard(element, item);
  if (firstUpdate || !item.picture) return false;
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

function removeAbsent(entries, presentIds, elementOf) {
  for (const [id, entry] of entries) {
    if (presentIds.has(id)) continue;
    elementOf(entry).remove();
    entries.delete(id);
  }
}

function show(companies) {
  removeAbsent(sections, new Set(companies.map((company) => company.id)), (section) => section);
  removeAbsent(cards, new Set(companies.flatMap((company) => company.items.map((item) => item.id))), (card) => card.element);
  const changed = companies.flatMap(updateCompany);
  firstUpdate = false;
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
