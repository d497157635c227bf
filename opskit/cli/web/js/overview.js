// The strip above the lanes: all of the time, with how much happened when, and a window on what is looked at.

const strip = {height: 44, counts: [], drag: null};

function countStrip(chosen) {
  const width = $("overview").parentElement.clientWidth, columns = Math.max(10, Math.floor(width / 4));
  strip.counts = Array.from({length: columns}, () => new Map());
  for (const entry of chosen) {
    const n = Math.floor((entry.at - whole.from) / (whole.to - whole.from) * columns), column = strip.counts[n];
    if (column) column.set(entry.outcome, (column.get(entry.outcome) || 0) + 1);
  }
}

function drawStrip() {
  const {pen, width, height} = sheet($("overview"), strip.height), columns = strip.counts.length, each = width / columns;
  const totals = strip.counts.map((counts) => [...counts.values()].reduce((a, b) => a + b, 0));
  const most = Math.sqrt(Math.max(1, ...totals)), low = height - 4;
  strip.counts.forEach((counts, n) => {
    let y = low;
    const high = Math.sqrt(totals[n]) / most * (height - 10);
    for (const [outcome, count] of [...counts].sort(([a], [b]) => rank(a) - rank(b))) {
      const part = Math.max(high * count / totals[n], 1.5);
      pen.fillStyle = colours[symbolOf(outcome).colour];
      pen.fillRect(n * each + 0.5, y - part, Math.max(each - 1, 1.5), part);
      y -= part;
    }
  });
  const [from, to] = [view.from, view.to].map((at) => Math.min(Math.max(stripX(at, width), 0), width));
  const left = Math.min(from, width - 6), right = Math.max(to, left + 6);
  pen.fillStyle = colours.panel;
  pen.globalAlpha = 0.72;
  pen.fillRect(0, 0, left, height);
  pen.fillRect(right, 0, width - right, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.muted;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.roundRect(left + 0.75, 0.75, right - left - 1.5, height - 1.5, 5);
  pen.stroke();
}

const stripX = (at, width) => (at - whole.from) / (whole.to - whole.from) * width;

function stripTime(event) {
  const area = $("overview").getBoundingClientRect();
  return whole.from + (event.clientX - area.left) / area.width * (whole.to - whole.from);
}

function gripped(event) {
  const area = $("overview").getBoundingClientRect(), x = event.clientX - area.left;
  const [from, to] = [view.from, view.to].map((at) => stripX(at, area.width));
  const reach = event.pointerType === "touch" ? 18 : 7, at = stripTime(event);
  const all = view.to - view.from > (whole.to - whole.from) * 0.98;
  if (Math.abs(x - from) < reach && !all) strip.drag = {fixed: view.to};
  else if (Math.abs(x - to) < reach && !all) strip.drag = {fixed: view.from};
  else if (x > from && x < to && !all) strip.drag = {grip: at - view.from, span: view.to - view.from};
  else strip.drag = {fixed: at, x};
  $("overview").setPointerCapture(event.pointerId);
}

function dragged(event) {
  const drag = strip.drag, at = stripTime(event);
  if (!drag) return;
  if (drag.span) look(at - drag.grip, at - drag.grip + drag.span);
  else if (drag.x === undefined || Math.abs(event.clientX - $("overview").getBoundingClientRect().left - drag.x) > 4) {
    drag.x = undefined;
    look(Math.min(at, drag.fixed), Math.max(at, drag.fixed));
  }
}

// A mere click outside the window brings the window there.
function released(event) {
  const drag = strip.drag;
  strip.drag = null;
  if (!drag || drag.x === undefined || event.type !== "pointerup") return;
  const span = view.to - view.from;
  look(drag.fixed - span / 2, drag.fixed + span / 2);
}

function listenToStrip() {
  const canvas = $("overview");
  canvas.addEventListener("pointerdown", gripped);
  canvas.addEventListener("pointermove", dragged);
  canvas.addEventListener("pointerup", released);
  canvas.addEventListener("pointercancel", released);
}
