// The lanes on a canvas: time from left to right, what is drawn can be pointed at, dragged, pinched.

const MARK = 14, ROW = 20, PAD = 5;
const chart = {lanes: [], by: "service", tops: [], height: 0, boxes: [], hover: null, selected: null, left: 0, width: 0, open: null};
let colours = readColours();

function readColours() {
  const style = getComputedStyle(document.documentElement), names = ["paper", "panel", "ink", "muted", "line", "faint", "accent",
    "done", "failed", "partial", "interrupted", "refused", "running", "note", "today", "weekend"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// Size a canvas for sharp lines on this screen, and give its pen and size in CSS pixels.
function sheet(canvas, height) {
  const ratio = devicePixelRatio || 1, width = canvas.parentElement.clientWidth;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.textBaseline = "middle";
  pen.font = "12px system-ui, sans-serif";
  return {pen, width, height};
}

function setLanes(chosen) {
  chart.lanes = chart.by === "host" ? lanesByHost(chosen) : lanesByService(chosen);
  const narrow = innerWidth < 640;
  chart.left = narrow ? 0 : Math.min(170, innerWidth * 0.18);
  let y = 0;
  chart.tops = chart.lanes.map((lane) => {
    const top = y;
    lane.head = narrow ? 17 : 0;
    lane.height = lane.head + PAD * 2 + lane.rows.length * ROW;
    y += lane.height;
    return top;
  });
  chart.height = y;
}

const scale = () => (chart.width - chart.left) / (view.to - view.from);
const xOf = (at) => chart.left + (at - view.from) * scale();
const timeAt = (x) => view.from + (x - chart.left) / scale();

let due = 0;
function redraw() {
  due ||= requestAnimationFrame(() => {
    due = 0;
    drawAll();
  });
}

function drawAll() {
  const box = $("lanes"), room = Math.max(46, Math.min(chart.height, roomForLanes()));
  box.style.height = `${room}px`;
  chart.width = box.clientWidth;
  $("ground").style.height = `${Math.max(0, chart.height - room)}px`;
  box.dataset.from = view.from;
  box.dataset.to = view.to;
  box.dataset.left = chart.left;
  box.dataset.names = chart.lanes.map((lane) => `${lane.name} ${lane.detail}`.trim()).join("\n");
  const span = chart.width - chart.left;
  const marked = ticks(view.from, view.to, 84 / span * (view.to - view.from));
  drawAxis(marked);
  drawLanes(sheet($("chart"), room), marked, box.scrollTop);
}

function roomForLanes() {
  return Math.round(innerHeight * (innerWidth < 900 ? 0.5 : 0.42));
}

function drawAxis(marked) {
  const {pen, width, height} = sheet($("axis"), 26);
  const first = marked.find((tick) => tick.strong && xOf(tick.at) < chart.left + 130);
  pen.fillStyle = colours.muted;
  if (!first && view.to - view.from < 300 * DAY) {
    pen.font = "600 12px system-ui, sans-serif";
    const p = parts(view.from), words = view.to - view.from > 2 * DAY ? `${MONTHS[p.mo]} ${p.y}` : day(view.from);
    pen.fillText(words, chart.left ? 14 : 6, height / 2);
  }
  const from = chart.left || (first ? 0 : 90);
  for (const tick of marked) {
    const x = xOf(tick.at);
    pen.font = tick.strong ? "600 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
    const room = pen.measureText(tick.label).width / 2;
    if (x - room < from || x + room > width) continue;
    pen.fillStyle = tick.strong ? colours.ink : colours.muted;
    pen.fillText(tick.label, x - room, height / 2);
  }
}

function drawLanes({pen, width, height}, marked, scrolled) {
  chart.boxes = [];
  drawGround(pen, width, height, marked);
  pen.save();
  pen.beginPath();
  pen.rect(chart.left, 0, width - chart.left, height);
  pen.clip();
  const shown = chart.lanes.map((lane, n) => [lane, chart.tops[n] - scrolled])
    .filter(([lane, top]) => top < height && top + lane.height > 0);
  for (const [lane, top] of shown) drawMarks(pen, lane, top, width);
  pen.restore();
  for (const [lane, top] of shown) drawLabel(pen, lane, top, width);
  if (chart.height - scrolled > height + 4) drawFade(pen, width, height);
}

function drawGround(pen, width, height, marked) {
  if (view.to - view.from < 70 * DAY) {
    const p = parts(view.from);
    pen.fillStyle = colours.weekend;
    for (let n = -1; n < 72; n++) {
      const at = moment(p.y, p.mo, p.d + n), weekday = parts(at).wd;
      if (at > view.to) break;
      if (weekday !== 6 && weekday !== 0) continue;
      const x = Math.max(xOf(at), chart.left), end = xOf(moment(p.y, p.mo, p.d + n + 1));
      if (end > x) pen.fillRect(x, 0, end - x, height);
    }
  }
  pen.fillStyle = colours.faint;
  for (const tick of marked) pen.fillRect(Math.round(xOf(tick.at)), 0, 1, height);
  const made = Math.round(xOf(data.made));
  if (made > chart.left && made < width) {
    pen.fillStyle = colours.weekend;
    pen.fillRect(made, 0, width - made, height);
    pen.fillStyle = colours.today;
    pen.fillRect(made, 0, 1.5, height);
  }
}

// More lanes follow below.
function drawFade(pen, width, height) {
  const fade = pen.createLinearGradient(0, height - 26, 0, height);
  fade.addColorStop(0, `${colours.paper}00`);
  fade.addColorStop(1, colours.paper);
  pen.fillStyle = fade;
  pen.fillRect(0, height - 26, width, 26);
}

function drawLabel(pen, lane, top, width) {
  pen.fillStyle = colours.line;
  pen.fillRect(0, top + lane.height - 1, width, 1);
  const x = chart.left ? 14 : 6, y = top + (lane.head ? 12 : PAD + ROW / 2), room = (chart.left || width) - x - 8;
  pen.font = `${lane.plain ? "" : "600 "}13px system-ui, sans-serif`;
  pen.fillStyle = lane.plain ? colours.muted : colours.ink;
  const name = cut(pen, oneLine(lane.name), room);
  pen.fillText(name, x, y);
  if (!lane.detail) return;
  const after = x + pen.measureText(name).width + 7;
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = colours.muted;
  if (room > after - x + 20) pen.fillText(cut(pen, oneLine(lane.detail), room - (after - x)), after, y);
}

function cut(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let low = 0, high = Math.min(text.length, 200);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low ? `${text.slice(0, low)}…` : "";
}

function drawMarks(pen, lane, top, width) {
  const per = scale(), zero = view.from * per - chart.left, middle = top + lane.head + PAD + ROW / 2;
  for (const [start, end] of lane.both) {
    const x = start * per - zero, long = Math.max((end - start) * per, 4);
    if (x + long < chart.left || x > width) continue;
    pen.fillStyle = colours.accent;
    pen.fillRect(x, top + lane.height - 5, long, 2.5);
  }
  lane.rows.forEach((row, n) => {
    const found = marks(row, per, MARK + 1);
    for (let m = 0; m < found.length; m++) {
      const mark = found[m], x = mark.x - zero, next = m + 1 < found.length ? found[m + 1].x - zero : width;
      if (x > width || x + Math.max(mark.long, MARK) < chart.left) continue;
      drawMark(pen, mark, x, middle + n * ROW, next - x - 4);
    }
  });
}

function drawMark(pen, mark, x, y, room) {
  const [item] = mark.items, wide = Math.max(mark.long, MARK), single = mark.items.length === 1;
  const box = {x, y: y - ROW / 2, w: wide, h: ROW, items: mark.items};
  chart.boxes.push(box);
  if (!single) drawPile(pen, mark.items, x, y);
  else if (mark.long >= MARK * 1.5) drawBar(pen, item, x, y, wide, room);
  else drawSymbol(pen, colours, item.outcome, x + MARK / 2, y);
  const held = mark.items.some((each) => each.entry === chart.selected);
  if (held || chart.hover === item.entry && single) {
    pen.strokeStyle = held ? colours.accent : colours.muted;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.roundRect(x - 2.5, y - 10, wide + 5, 20, 6);
    pen.stroke();
  }
}

function drawBar(pen, item, x, y, wide, room) {
  const symbol = symbolOf(item.outcome), colour = colours[symbol.colour], left = Math.max(x, chart.left);
  pen.fillStyle = colour;
  pen.globalAlpha = 0.22;
  pen.beginPath();
  pen.roundRect(x, y - 8, wide, 16, 5);
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
  pen.strokeStyle = colour;
  if (item.outcome === "running" || item.outcome === "unfinished") pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
  const shift = Math.min(left - x, Math.max(wide - MARK - 2, 0));
  drawSymbol(pen, colours, item.outcome, x + shift + MARK / 2 + 2, y, 0.85);
  const inside = wide - shift - MARK - 10, fits = inside > 34 ? inside : room - shift - wide > 60 ? room - wide : 0;
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = colours.ink;
  const both = oneLine(item.entry.releases || item.entry.what), isShort = pen.measureText(both).width <= fits;
  const label = isShort ? both : oneLine(item.entry.released || item.entry.what);
  if (fits) pen.fillText(cut(pen, label, fits), inside > 34 ? x + shift + MARK + 6 : x + wide + 6, y + 0.5);
}

// A pile shows the worst that is in it above what is there most often else, and how many they are.
function drawPile(pen, items, x, y) {
  const [[worst, count], ...others] = counted(items);
  const most = others.sort((a, b) => b[1] - a[1])[0], high = most ? (count > items.length / 2 ? 10 : 8.5) : 18;
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y - 9, MARK, 18, 4);
  pen.clip();
  pen.fillStyle = colours[symbolOf(worst).colour];
  pen.fillRect(x, y - 9, MARK, high);
  if (most) {
    pen.fillStyle = colours[symbolOf(most[0]).colour];
    pen.fillRect(x, y - 8 + high, MARK, 18);
    drawSign(pen, worst, x + MARK / 2, y - 9 + high / 2);
  }
  pen.restore();
  const label = items.length > 99 ? "99+" : String(items.length);
  pen.font = `600 ${label.length > 2 ? 7 : most ? 9 : 10}px system-ui, sans-serif`;
  pen.fillStyle = colours.paper;
  pen.fillText(label, x + (MARK - pen.measureText(label).width) / 2, most ? y + 5 : y + 0.5);
}

function drawSign(pen, outcome, x, y) {
  const {sign, half} = symbolOf(outcome);
  pen.save();
  pen.translate(x, y);
  pen.scale(0.85, 0.85);
  pen.lineWidth = 1.7;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = pen.fillStyle = colours.paper;
  if (sign) pen.stroke(path(sign));
  else if (half) {
    pen.scale(0.55, 0.55);
    pen.stroke(path(DISC));
    pen.fill(path(half));
  }
  pen.restore();
}

// How many of each outcome, the worst first.
function counted(items) {
  const counts = new Map();
  for (const {outcome} of items) counts.set(outcome, (counts.get(outcome) || 0) + 1);
  return [...counts].sort(([a], [b]) => rank(a) - rank(b));
}
