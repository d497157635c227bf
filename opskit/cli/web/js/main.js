// All together: filters, keys, links, and what is drawn when something changes.

let chosen = entries;

function refresh() {
  chosen = fitting();
  setLanes(chosen);
  countStrip(chosen);
  showChips();
  $("clear").hidden = !isFiltered();
  changed();
}

let listDue = 0;
function changed() {
  redraw();
  listDue ||= requestAnimationFrame(() => {
    listDue = 0;
    drawStrip();
    showRange();
    const shown = inRange(chosen);
    showCount(shown);
    setList(shown);
  });
}

function showRange() {
  $("range").textContent = rangeInWords();
  for (const button of $("presets").children) {
    const {from, to} = presetRange(Number(button.dataset.span)), near = (a, b) => Math.abs(a - b) < SECOND;
    button.setAttribute("aria-pressed", String(near(view.from, from) && near(view.to, to)));
  }
}

function showCount(shown) {
  const some = shown.length === entries.length ? entriesIn(shown.length)
    : `${shown.length.toLocaleString("en")} of ${entriesIn(entries.length)}`;
  $("count").textContent = shown.length ? some : "";
  $("nothing").hidden = shown.length > 0;
  $("scroller").hidden = !shown.length;
  if (!shown.length) $("nothing").replaceChildren(...emptyWords());
}

function emptyWords() {
  if (!entries.length) {
    const words = data.scope.length ? `holds nothing for ${data.scope.join(", ")}. Later, make this page again:`
      : "is empty. After the first deploy or note, make this page again:";
    return [make("h2", {}, "Nothing here yet"), make("p", {}, `The changelog “${data.name}” ${words}`),
      make("code", {}, data.command)];
  }
  if (!chosen.length) {
    return [make("h2", {}, "Nothing fits"), make("p", {}, "No entry fits all of these filters."),
      make("button", {type: "button", onclick: clearFilters}, "Clear the filters")];
  }
  const lie = `${entriesIn(chosen.length)} ${chosen.length === 1 ? "lies" : "lie"}`;
  return [make("h2", {}, "Nothing in this time"), make("p", {}, `${lie} outside of ${rangeInWords()}.`),
    make("button", {type: "button", onclick: showAll}, "Show all")];
}

function showHead() {
  $("name").replaceChildren(data.name, make("small", {}, "changelog"), ...data.scope.map((words) => make("small", {}, words)));
  const newest = Math.max(...entries.map((entry) => entry.at), 0);
  const told = [make("span", {title: data.command}, `Made ${briefly(data.made)} (${ago(data.made)})`)];
  if (newest) told.push(make("span", {}, `newest entry ${briefly(newest)}`));
  if (data.shared) {
    told.push(make("span", {}, data.synced ? `the others' work is known up to ${briefly(data.synced)}`
      : "nothing is known of the others' work yet"));
  }
  if (data.limit) told.push(make("span", {}, `only the newest ${entriesIn(data.limit)} are here`));
  $("about").replaceChildren(...told);
  $("about").classList.toggle("old", Date.now() - data.made > DAY);
  $("zone").textContent = zone.utc ? "UTC" : "Local";
  $("zone").title = zone.utc ? "Times are in UTC; show local time" : `Times are in ${zoneName()}; show UTC`;
}

const briefly = (ms) => `${day(ms)} ${clock(ms)}`;

function showChips() {
  const counts = new Map([...filter.outcomes].map((outcome) => [outcome, 0]));
  for (const entry of fitting(true)) counts.set(entry.outcome, (counts.get(entry.outcome) || 0) + 1);
  const focused = document.activeElement?.dataset?.outcome;
  $("outcomes").replaceChildren(...[...counts].sort(([a], [b]) => rank(b) - rank(a)).reverse().map(([outcome, count]) =>
    make("button", {type: "button", class: "chip", "data-outcome": outcome, onclick: () => toggle(outcome),
      "aria-pressed": String(filter.outcomes.has(outcome))},
      icon(outcome), make("span", {}, outcome), make("span", {class: "dim"}, count.toLocaleString("en")))));
  if (focused) [...$("outcomes").children].find((chip) => chip.dataset.outcome === focused)?.focus();
}

function toggle(outcome) {
  if (!filter.outcomes.delete(outcome)) filter.outcomes.add(outcome);
  refresh();
}

function fillChoices() {
  const all = {service: "all services", environment: "all environments", actor: "everybody", kind: "all kinds"};
  for (const name of Object.keys(all)) {
    const values = [...new Set(entries.map((entry) => entry[name]).filter(Boolean))].sort(byName);
    $(name).replaceChildren(make("option", {value: ""}, all[name]), ...values.map((value) => make("option", {value}, oneLine(value))));
    $(name).hidden = values.length < 2;
    $(name).addEventListener("input", () => {
      filter[name] = $(name).value;
      refresh();
    });
  }
  $("hosts").replaceChildren(...[...data.hosts].sort(byName).slice(0, 2000).map((value) => make("option", {value})));
  $("host").hidden = data.hosts.length < 2;
  for (const [id, name] of [["search", "words"], ["host", "host"]]) {
    $(id).addEventListener("input", () => {
      filter[name] = $(id).value;
      refresh();
    });
  }
}

function clearFilters() {
  Object.assign(filter, {words: "", service: "", environment: "", host: "", actor: "", kind: "", outcomes: new Set()});
  for (const id of ["search", "service", "environment", "host", "actor", "kind"]) $(id).value = "";
  refresh();
}

function open(entry) {
  history.pushState(null, "", `#${entry.id}`);
  follow();
}

function closeDetail() {
  if (location.hash.length > 1) history.pushState(null, "", "#");
  follow();
}

// Show what the address names after its #: an id, or the beginning of one.
function follow() {
  const id = decodeURIComponent(location.hash.slice(1)).toLowerCase();
  const entry = id && (entries.find((each) => each.id === id) || id.length > 3 && entries.find((each) => each.id.startsWith(id)));
  chart.selected = entry || null;
  if (entry) {
    showDetail(entry);
    reveal(entry);
  } else if (id) showMissing(id);
  else {
    $("detail").hidden = true;
    document.body.classList.remove("opened");
  }
  resized();
  if (entry) {
    list.active = inRange(chosen).indexOf(entry);
    mark();
  }
}

function setLaneKind(by) {
  chart.by = by;
  $("by-service").setAttribute("aria-pressed", String(by === "service"));
  $("by-host").setAttribute("aria-pressed", String(by === "host"));
  $("lanes").scrollTop = 0;
  setLanes(chosen);
  redraw();
}

function step(by) {
  const entry = activate(list.active < 0 && by > 0 ? 0 : list.active + by);
  if (entry && !$("detail").hidden) {
    history.replaceState(null, "", `#${entry.id}`);
    chart.selected = entry;
    showDetail(entry);
    reveal(entry);
  }
  chart.hover = entry;
  redraw();
}

const KEYS = {
  "/": () => $("search").focus(),
  "ArrowDown": () => step(1), "j": () => step(1), "ArrowUp": () => step(-1), "k": () => step(-1),
  "Enter": () => list.shown[list.active] && open(list.shown[list.active]),
  "ArrowLeft": () => pan((view.from - view.to) / 8), "ArrowRight": () => pan((view.to - view.from) / 8),
  "+": () => zoomHere(1.6), "=": () => zoomHere(1.6), "-": () => zoomHere(1 / 1.6), "0": showAll, "Home": showAll,
  "h": () => setLaneKind(chart.by === "host" ? "service" : "host"),
  "z": () => chart.selected && zoomToEntry(chart.selected),
  "?": () => $("help").showModal(),
  "Escape": closeDetail,
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const typing = event.target.matches?.("input, select, textarea");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing && event.key === "ArrowDown" && event.target.id === "search") event.target.blur();
  else if (typing || event.target.matches?.("button, a:not(.row)") && ["Enter", " "].includes(event.key)) return;
  const does = KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
}

function resized() {
  setLanes(chosen);
  countStrip(chosen);
  changed();
}

function start() {
  fillChoices();
  const presets = [["1 h", HOUR], ["24 h", DAY], ["7 d", 7 * DAY], ["30 d", 30 * DAY], ["90 d", 90 * DAY], ["1 y", 365 * DAY], ["All", 0]];
  $("presets").replaceChildren(...presets.filter(([, span]) => span < whole.to - whole.from).map(([words, span]) =>
    make("button", {type: "button", "data-span": span, onclick: () => showPreset(span)}, words)));
  $("legend").replaceChildren(...Object.keys(SYMBOLS).map((outcome) => make("li", {}, icon(outcome), ` ${outcome}`)));
  const clicks = {"zoom-in": () => zoomHere(1.6), "zoom-out": () => zoomHere(1 / 1.6),
    "by-service": () => setLaneKind("service"), "by-host": () => setLaneKind("host"),
    "clear": clearFilters, "help-open": () => $("help").showModal()};
  for (const [id, does] of Object.entries(clicks)) $(id).addEventListener("click", does);
  $("more").addEventListener("click", () => $("more").setAttribute("aria-expanded", String(document.body.classList.toggle("choosing"))));
  $("zone").addEventListener("click", () => {
    zone.utc = !zone.utc;
    showHead();
    follow();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  view.listeners.push(changed);
  chart.open = open;
  view.held = () => chart.selected;
  listenToPointers();
  listenToStrip();
  listenToList(open);
  addEventListener("keydown", pressed);
  addEventListener("resize", resized);
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours = readColours();
    changed();
  });
  document.body.classList.toggle("empty", !entries.length);
  setInterval(showHead, MINUTE);
  showHead();
  refresh();
  follow();
}

start();
