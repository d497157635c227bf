// Lanes: one for each service, or for each host; rollouts that ran at the same time stand in rows below each other.

const MOST_ROWS = 6;

function lanesByService(chosen) {
  const lanes = new Map();
  for (const entry of chosen) {
    const about = entry.rollout && rolloutOf.get(entry.rollout) || entry;
    const plain = !about.service;
    const name = about.service || (entry.type === "rollout" ? entry.kind : entry.type === "note" ? "notes" : "events");
    const detail = environments.size > 1 ? about.environment : "", key = `${plain ? 1 : 0}\n${name}\n${detail}`;
    if (!lanes.has(key)) lanes.set(key, {name, detail, plain, items: []});
    lanes.get(key).items.push({entry, outcome: entry.outcome, start: entry.at, end: entry.end});
  }
  return finished(lanes);
}

function lanesByHost(chosen) {
  const lanes = new Map();
  const lane = (name, plain) => {
    const key = `${plain ? 1 : 0}\n${name}`;
    if (!lanes.has(key)) lanes.set(key, {name, detail: "", plain, items: []});
    return lanes.get(key).items;
  };
  const wanted = filter.host.trim().toLowerCase();
  for (const entry of chosen) {
    if (!entry.names.length) lane("no host", true).push({entry, outcome: entry.outcome, start: entry.at, end: entry.end});
    entry.names.forEach((name, n) => {
      if (wanted && !name.toLowerCase().includes(wanted)) return;
      lane(name, false).push(onHost(entry, entry.hosts[n]));
    });
  }
  return finished(lanes);
}

// What a rollout did to one host: from when it was the host's turn to its result.
function onHost(entry, host) {
  if (!Array.isArray(host)) return {entry, outcome: entry.outcome, start: entry.at, end: entry.end};
  const [, outcome, end, ms] = host, word = data.outcomes[outcome];
  if (!end) return {entry, outcome: entry.outcome === "running" ? "running" : word, start: entry.at, end: entry.end};
  return {entry, outcome: word, start: Math.max(end - ms, Math.min(entry.at, end)), end};
}

function finished(lanes) {
  const inOrder = [...lanes].sort(([a], [b]) => byName(a, b)).map(([, lane]) => lane);
  for (const lane of inOrder) {
    lane.items.sort((a, b) => a.start - b.start || b.end - a.end);
    giveRows(lane);
    lane.both = overlaps(lane.items);
    lane.count = new Set(lane.items.map((item) => item.entry)).size;
  }
  return inOrder;
}

function giveRows(lane) {
  const ends = [];
  for (const item of lane.items) {
    let row = ends.findIndex((end) => end <= item.start);
    if (row < 0) row = Math.min(ends.length, MOST_ROWS - 1);
    ends[row] = Math.max(ends[row] ?? -Infinity, item.end);
    item.row = row;
  }
  lane.rows = Array.from(ends, () => []);
  for (const item of lane.items) lane.rows[item.row].push(item);
}

// The stretches of time in which two or more ran.
function overlaps(items) {
  const found = [];
  let end = -Infinity;
  for (const item of items) {
    if (item.end > item.start && item.start < end) {
      const upTo = Math.min(end, item.end), last = found.at(-1);
      if (last && item.start <= last[1]) last[1] = Math.max(last[1], upTo);
      else found.push([item.start, upTo]);
    }
    end = Math.max(end, item.end);
  }
  return found;
}

// Marks of one row at a scale of `scale` px/ms, the first at 0: a bar where there is room, else a sign, else a pile of them.
function marks(row, scale, width) {
  const found = [];
  let pile = null;
  for (const item of row) {
    const x = item.start * scale, long = (item.end - item.start) * scale;
    if (pile && x - pile.x < width && long < width * 1.5) {
      pile.items.push(item);
      continue;
    }
    const mark = {x, long, items: [item]};
    pile = long < width * 1.5 ? mark : null;
    found.push(mark);
  }
  return found;
}
