// The list below the lanes: what fits the filters and lies in the time range, the newest first; only what is seen is built.

const list = {shown: [], height: 40, built: new Map(), active: -1};

function rowHeight() {
  return innerWidth < 640 ? 66 : 40;
}

function inRange(chosen) {
  return chosen.filter((entry) => entry.end >= view.from && entry.at <= view.to);
}

function setList(shown) {
  const held = list.shown[list.active];
  list.shown = shown;
  list.height = rowHeight();
  list.active = held ? shown.indexOf(held) : -1;
  for (const row of list.built.values()) row.remove();
  list.built.clear();
  $("rows").style.height = `${shown.length * list.height}px`;
  buildRows();
}

// The part of the list that is on the screen, whether the list scrolls or the whole page.
function buildRows() {
  const box = $("rows").getBoundingClientRect(), frame = $("scroller").getBoundingClientRect();
  const top = Math.max(frame.top, 0) - box.top, bottom = Math.min(frame.bottom, innerHeight) - box.top;
  const first = Math.max(0, Math.floor(top / list.height) - 6);
  const last = Math.min(list.shown.length, Math.ceil(bottom / list.height) + 6);
  for (const [n, row] of list.built) {
    if (n >= first && n < last) continue;
    row.remove();
    list.built.delete(n);
  }
  for (let n = first; n < last; n++) {
    if (list.built.has(n)) continue;
    const row = rowOf(list.shown[n], n);
    list.built.set(n, row);
    $("rows").append(row);
  }
}

function rowOf(entry, n) {
  const took = entry.type === "rollout" && entry.end > entry.at ? duration(entry.end - entry.at) : "";
  const row = make("a", {
    class: `row ${entry.type}`, role: "option", id: `row-${entry.id}`, href: `#${entry.id}`, tabindex: "-1", draggable: "false",
    "aria-setsize": list.shown.length, "aria-posinset": n + 1, "aria-selected": String(n === list.active),
  },
  make("span", {class: "outcome", title: entry.outcome}, icon(entry.outcome),
    make("span", {}, entry.type === "rollout" ? entry.outcome : "")),
  make("time", {datetime: new Date(entry.at).toISOString(), title: `${stamp(entry.at)} ${zoneName()}`},
    make("span", {class: "weekday"}, `${DAYS[parts(entry.at).wd]} `), `${day(entry.at, false)} ${clock(entry.at)}`),
  make("span", {class: "what"}, make("b", {}, entry.what), entry.released ? said(entry.released, {title: entry.releases}) : ""),
  make("span", {class: "where"}, [environments.size > 1 ? entry.environment : "", entry.where].filter(Boolean).join(" · ")),
  make("span", {class: "who"}, entry.who || entry.actor),
  make("span", {class: "took"}, took),
  make("span", {class: "why"}, marksOf(entry), said(oneLine(entry.why))));
  row.style.top = `${n * list.height}px`;
  row.style.height = `${list.height}px`;
  row.addEventListener("mouseenter", () => {
    chart.hover = entry;
    redraw();
  });
  return row;
}

// What nobody vouches for, and what is gone: the words that opskit log says, too, and that the search finds.
const marksOf = (entry) => entry.marks.map((mark) => [make("span", {class: `mark ${mark.slice(1, -1)}`}, mark), " "]);

function activate(n) {
  if (!list.shown.length) return null;
  list.active = Math.min(Math.max(n, 0), list.shown.length - 1);
  const top = list.active * list.height, box = $("scroller");
  if (box.scrollHeight > box.clientHeight + 1) {
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + list.height > box.scrollTop + box.clientHeight) box.scrollTop = top + list.height - box.clientHeight;
  }
  buildRows();
  mark();
  list.built.get(list.active)?.scrollIntoView({block: "nearest"});
  return list.shown[list.active];
}

function mark() {
  for (const [n, row] of list.built) row.setAttribute("aria-selected", String(n === list.active));
  const row = list.built.get(list.active);
  if (row) $("rows").setAttribute("aria-activedescendant", row.id);
  else $("rows").removeAttribute("aria-activedescendant");
}

function listenToList(open) {
  const later = () => buildRows();
  $("scroller").addEventListener("scroll", later);
  addEventListener("scroll", later, {passive: true});
  $("rows").addEventListener("mouseleave", () => {
    chart.hover = null;
    redraw();
  });
  $("rows").addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const found = [...list.built].find(([, built]) => built === row);
    if (found) open(list.shown[found[0]]);
  });
}
