// The time range that is looked at. Zooming and moving change it; whoever draws or lists is told.

const SHORTEST = 5 * SECOND;
const whole = wholeRange();
const view = {from: whole.from, to: whole.to, listeners: [], held: () => null};

function wholeRange() {
  let first = data.made, last = data.made;
  for (const entry of entries) {
    if (entry.at > LONGEST_AGO) first = Math.min(first, entry.at);
    if (entry.end < data.made + YEAR) last = Math.max(last, entry.end);
  }
  const span = Math.max(last - first, HOUR);
  return {from: Math.max(last - span, 0) - span * 0.02, to: last + span * 0.02};
}

function look(from, to) {
  const most = (whole.to - whole.from) * 1.5;
  let span = Math.min(Math.max(to - from, SHORTEST), most);
  const middle = Math.min(Math.max((from + to) / 2, whole.from), whole.to);
  view.from = middle - span / 2;
  view.to = middle + span / 2;
  for (const listener of view.listeners) listener();
}

// Zoom by a factor (above 1: nearer) around a time that stays where it is.
function zoom(factor, around = (view.from + view.to) / 2) {
  const span = Math.min(Math.max((view.to - view.from) / factor, SHORTEST), (whole.to - whole.from) * 1.2);
  const share = (around - view.from) / (view.to - view.from);
  look(around - share * span, around + (1 - share) * span);
}

// Zoom without a pointer: what is open comes to the middle.
function zoomHere(factor) {
  const held = view.held(), span = (view.to - view.from) / factor;
  if (!held || held.end < view.from || held.at > view.to) return zoom(factor);
  const middle = Math.min(Math.max((held.at + held.end) / 2, view.from), view.to);
  return look(middle - span / 2, middle + span / 2);
}

// Show an entry large, with what was around it.
function zoomToEntry(entry) {
  const room = Math.max((entry.end - entry.at) * 1.5, 2 * MINUTE);
  look(entry.at - room, entry.end + room);
}

const pan = (ms) => look(view.from + ms, view.to + ms);
const showAll = () => look(whole.from, whole.to);

// The last so many ms before the page was made; 0 is all.
const presetRange = (ms) => (ms ? {from: data.made - ms, to: data.made + ms * 0.02} : whole);

function showPreset(ms) {
  const {from, to} = presetRange(ms);
  look(from, to);
}

// Let an entry be seen: move there if it is outside.
function reveal(entry) {
  if (entry.end >= view.from && entry.at <= view.to) return;
  const span = view.to - view.from;
  look(entry.at - span / 2, entry.at + span / 2);
}

function rangeInWords() {
  const {from, to} = view, near = to - from < DAY;
  const start = `${day(from)} ${to - from < 40 * DAY ? clock(from, to - from < 10 * MINUTE) : ""}`.trim();
  const sameDay = near && day(from) === day(to);
  const end = `${sameDay ? "" : day(to)} ${to - from < 40 * DAY ? clock(to, to - from < 10 * MINUTE) : ""}`.trim();
  return `${start} – ${end}`;
}
