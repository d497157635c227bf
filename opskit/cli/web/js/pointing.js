// What the mouse, the wheel and fingers do to the lanes.

const pointers = new Map();
let gesture = null;

function boxAt(event) {
  const area = $("chart").getBoundingClientRect(), x = event.clientX - area.left, y = event.clientY - area.top;
  const reach = event.pointerType === "touch" ? 8 : 2;
  const near = chart.boxes.filter((box) => x >= box.x - reach && x <= box.x + box.w + reach && y >= box.y && y <= box.y + box.h);
  return near.sort((a, b) => Math.abs(a.x + a.w / 2 - x) - Math.abs(b.x + b.w / 2 - x))[0] || null;
}

function pointed(event) {
  const box = boxAt(event);
  if (!box) return;
  if (box.items.length === 1) chart.open(box.items[0].entry);
  else if (!zoomTo(box.items)) chart.open(box.items[0].entry);
}

// Zoom in until the marks of a pile stand apart; says whether that is possible.
function zoomTo(items) {
  const from = items[0].start, to = Math.max(...items.map((item) => item.start));
  if (to - from < 20 || view.to - view.from <= SHORTEST * 1.01) return false;
  const span = Math.max((to - from) * 1.3, SHORTEST);
  look((from + to - span) / 2, (from + to + span) / 2);
  return true;
}

function tell(event) {
  const box = event.pointerType === "touch" || gesture?.moved ? null : boxAt(event);
  $("lanes").style.cursor = box ? "pointer" : "";
  const hover = box?.items.length === 1 ? box.items[0].entry : null;
  if (hover !== chart.hover) redraw();
  chart.hover = hover;
  const tip = $("tip");
  tip.hidden = !box;
  if (!box) return;
  tip.replaceChildren(...(hover ? tipOf(box.items[0]) : tipOfPile(box.items)));
  const area = $("timeline").getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX - area.left + 14, area.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY - area.top + 18}px`;
}

function tipOf({entry, outcome, start, end}) {
  const took = end > start ? `, ${duration(end - start)}` : "";
  return [
    make("strong", {}, icon(outcome), " ", entry.what, entry.releases ? ` ${entry.releases}` : ""),
    make("span", {}, `${entry.type === "rollout" ? `${outcome} · ` : ""}${entry.actor}`),
    make("span", {class: "dim"}, `${stamp(start)}${took}`),
    entry.why ? said(entry.why.slice(0, 160), {class: "why"}) : "",
  ].filter(Boolean);
}

function tipOfPile(items) {
  return [
    make("strong", {}, entriesIn(items.length)),
    ...counted(items).map(([outcome, count]) => make("span", {}, icon(outcome), ` ${count.toLocaleString("en")} ${outcome}`)),
    make("span", {class: "dim"}, `${stamp(items[0].start)} to ${stamp(items.at(-1).start)}`),
    make("span", {class: "dim"}, "click to zoom in"),
  ];
}

function began(event) {
  if (event.button) return;
  pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
  gesture = {moved: pointers.size > 1 || Boolean(gesture?.moved), x: event.clientX, y: event.clientY};
}

function moved(event) {
  const last = pointers.get(event.pointerId);
  if (!last) return tell(event);
  if (!gesture.moved && Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y) < 5) return undefined;
  if (!gesture.moved) {
    gesture.moved = true;
    $("lanes").setPointerCapture(event.pointerId);
    tell(event);
  }
  if (pointers.size === 2) pinch(event, last);
  else {
    pan((last.x - event.clientX) / scale());
    if (event.pointerType === "mouse") $("lanes").scrollTop += last.y - event.clientY;
  }
  pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
  return undefined;
}

function pinch(event, last) {
  const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  const before = Math.max(Math.abs(last.x - other.x), 12), after = Math.max(Math.abs(event.clientX - other.x), 12);
  const left = $("chart").getBoundingClientRect().left;
  pan((last.x - event.clientX) / 2 / scale());
  zoom(after / before, timeAt((event.clientX + other.x) / 2 - left));
}

function ended(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (event.type === "pointerup" && !gesture.moved) pointed(event);
  if (!pointers.size) gesture = null;
}

// Over the lanes the wheel zooms; a page that is just scrolling by goes on scrolling.
let scrolledAt = -Infinity;
function wheeled(event) {
  if (event.timeStamp - scrolledAt < 250 && !event.ctrlKey) {
    scrolledAt = event.timeStamp;
    return;
  }
  event.preventDefault();
  const step = event.deltaMode === 1 ? 18 : 1, area = $("chart").getBoundingClientRect();
  const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
  if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) pan(sideways * step / scale());
  else zoom(Math.exp(-event.deltaY * step * (event.ctrlKey ? 0.008 : 0.0022)), timeAt(Math.max(event.clientX - area.left, chart.left)));
}

function listenToPointers() {
  const lanes = $("lanes");
  lanes.addEventListener("pointerdown", began);
  lanes.addEventListener("pointermove", moved);
  for (const name of ["pointerup", "pointercancel"]) lanes.addEventListener(name, ended);
  lanes.addEventListener("pointerleave", () => {
    $("tip").hidden = true;
    if (chart.hover) redraw();
    chart.hover = null;
  });
  lanes.addEventListener("dblclick", (event) => {
    const left = $("chart").getBoundingClientRect().left;
    if (!boxAt(event)) zoom(event.shiftKey ? 1 / 3 : 3, timeAt(event.clientX - left));
  });
  for (const name of ["lanes", "axis"]) $(name).addEventListener("wheel", wheeled, {passive: false});
  lanes.addEventListener("scroll", redraw);
  addEventListener("scroll", (event) => {
    scrolledAt = event.timeStamp;
  });
}
